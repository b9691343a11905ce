"""Attempts whose stages are scripted, so that the policy between them can be tested without networks.

The loop below is the one of `flows.recipes.anonnet`; a real chain is tested in `test_stages.py`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from flows.recipes.clock import Clock
from flows.recipes.context import Context
from flows.recipes.retry import Attempt, RetryPolicy
from infra.errors import Withheld
from infra.settings import Settings
from infra.storage.cache import Cache
from infra.storage.store import Store
from models.interfaces.capabilities import FaceAttributes
from tasks.analysis.analysis import Analysis
from tasks.analysis.attributes import PeopleAttributes
from tasks.analysis.faces import Scan
from tasks.analysis.frame_source import FrameSource, LocalFile
from tasks.audit.preaudit import PreauditResult
from tasks.audit.report import Report, ResidualFace, Score
from tasks.generation.controls import Controls
from tasks.generation.gallery import Gallery
from tasks.generation.strength import strength_of
from tasks.generation.twin import Candidate, TwinRequest, Verification
from tasks.output.reassemble import Rendered, RenderPlan
from tasks.records import AttemptRecord, FaceEdits, References, Scene, Verdict
from tests.flows.support import Collector
from tests.tasks import support

STRAY = ResidualFace(3, support.box(250, 60, 40), 0.9)


def report(
    *recognised: int, strays: tuple[ResidualFace, ...] = (), frames: int = 8, twin_missing: tuple[int, ...] = ()
) -> Report:
    """What an audit says: tracks that are recognised, strays, how many frames it saw, tracks without their twin."""
    score = Score("fake", 0.5, 0.4 if recognised else 0.9, 0.9, 0, len(recognised))
    return Report(frames, 8, (score,), 0, strays, recognised, twin_missing)


class Script:
    """Attempts whose stages are scripted. reports: one per render, the last repeats.

    failing: attempts (numbers) that are not verified. unpaintable: people who cannot be replaced. rehearsals: whether
    each of them recognises the source; those that follow do not. doubt: of every person's control strangers.
    """

    def __init__(
        self,
        folder: Path,
        reports: list[Report],
        people: int = 1,
        failing: tuple[int, ...] = (),
        unpaintable: tuple[int, ...] = (),
        side: float = 80,
        rehearsals: tuple[bool, ...] = (),
        doubt: str = "",
        **settings: Any,
    ) -> None:
        self.reports, self.failing, self.doubt = reports, failing, doubt
        self.asked: list[TwinRequest] = []
        self.renders: list[RenderPlan] = []
        self.rehearsals = list(rehearsals)
        self.rehearsed: list[int] = []
        self.audio_copied = False
        self.margins: list[float] = []
        store = Store(f"file://{folder}/store")
        clock = Clock(1, "video", Collector())
        self.settings = Settings(cache_url=f"file://{folder}/store", **settings)
        self.gallery = Gallery(store, self.settings.identity_scope, "data")
        self.context = Context("video", "digest", self.settings, Cache(store), self.gallery, clock, folder)
        found = support.tracks(*(support.track(i, x=80 + 80 * i, side=side) for i in range(people)))
        owners = replace(support.people(found), embedder="facenet")
        unused: Any = None
        source = FrameSource(
            LocalFile(folder, "digest"), support.opener([]), (320, 240), 8, support.OneScene, unused, unused
        )
        self.faces = Analysis(
            source, Scan((Scene(0, 0, 0, 7),), found), support.samples(found), owners,
            PeopleAttributes((FaceAttributes(30, 0.9),) * people), support.drivings(found, owners), References(()),
        )  # fmt: skip
        site: Any = SimpleNamespace(samples=(), drivings={})
        self.fronts = tuple(None if n in unpaintable else site for n in range(people))

    def policy(self) -> RetryPolicy:
        """The policy under test."""
        note = self.context.found
        return RetryPolicy(self.settings, "video", self.gallery, self.faces, self.fronts, note)

    def controls(self, attempt: Attempt) -> Controls:
        """What was measured of the attempt's person."""
        assert attempt.person is not None
        found = support.controls(self.faces.samples, attempt.person)
        return replace(found, failure=self.doubt) if self.doubt else found

    def twin(self, request: TwinRequest) -> tuple[Candidate, Verification]:
        """A candidate, and whether it is verified."""
        self.asked.append(request)
        good = request.number not in self.failing
        candidate = request.prefer if request.prefer >= 0 else 100 * request.identity + request.number
        distance, reason = (0.9, "accepted") if good else (0.1, "too_close")
        record = AttemptRecord(request.number, candidate, 1.0, distance, 0.6, good, reason)
        return Candidate(support.twin(candidate), strength_of(request.number)), Verification(record)

    def preaudit(self, attempt: Attempt, candidate: Candidate) -> PreauditResult:
        """Whether a judge recognises the source in the samples."""
        assert candidate.twin is not None
        self.rehearsed.append(candidate.twin.candidate)
        self.margins.append(attempt.check.margin)
        known = self.rehearsals.pop(0) if self.rehearsals else False
        return PreauditResult(known, (support.SOURCE,))

    def render(self, plan: RenderPlan) -> Rendered:
        """A result in which every face of a person with a twin is replaced."""
        self.renders.append(plan)
        tracks = [one.identity for one in plan.twins for _ in range(8)] + [-1] * len(plan.regions)
        replaced = [one.twin is not None for one in plan.twins for _ in range(8)] + [False] * len(plan.regions)
        count = len(tracks)
        painted = FaceEdits(
            np.zeros(count, np.int64),
            np.array(tracks, np.int64),
            np.array(replaced, bool),
            np.zeros((count, 4), np.float32),
            np.zeros((count, 5, 2), np.float32),
        )
        return Rendered(support.opener([]), painted, audio_copied=self.audio_copied)

    def audit(self) -> Report:
        """What the audit of the last render says."""
        return self.reports[min(len(self.renders), len(self.reports)) - 1]

    def run(self) -> tuple[Verdict, str]:
        """Verdict and reason. Raises Withheld."""
        policy = self.policy()
        for attempt in policy.attempts():
            if attempt.person:
                if attempt.rejects(self.controls(attempt)):
                    continue
                twin, verified = self.twin(attempt.request)
                if attempt.rejects(verified, twin):
                    continue
                if attempt.rejects(self.preaudit(attempt, twin), twin):
                    continue
            if attempt.incomplete:
                continue
            result = self.render(attempt.plan)
            if attempt.rejects(self.audit(), result):
                continue
            return policy.verdict(result.painted)
        raise Withheld("unreachable", "Attempts end by a result or by an error.")

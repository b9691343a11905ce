"""Rounds whose twins and audits are scripted, so that the policy between them can be tested without networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from flows.recipes import auditing, retry, twin_assignment
from flows.recipes.analysis import Footage, Material, Scan
from flows.recipes.context import Context
from flows.recipes.control_stage import ControlStage
from flows.recipes.retry import Rendered
from flows.recipes.stage_runner import Steps
from flows.run.progress import Clock
from infra.settings import Settings
from infra.storage.cache import Cache
from infra.storage.store import Store
from models.interfaces.capabilities import Appearance
from tasks.analysis.attributes import Appearances
from tasks.analysis.identities import Identity
from tasks.audit.report import Report, Score, Stray
from tasks.generation import twin as twin_task
from tasks.generation.gallery import Gallery
from tasks.generation.preaudit import Rehearsal
from tasks.generation.twin import Request, TwinResult, TwinSettings
from tasks.generation.verify import Trial
from tasks.output.reassemble import Extra, Painted
from tasks.records import Attempt, Scene, Verdict
from tests.flows.support import Collector
from tests.tasks import support

STRAY = Stray(3, support.box(250, 60, 40), 0.9)


def report(*recognised: int, strays: tuple[Stray, ...] = (), frames: int = 8, untrue: tuple[int, ...] = ()) -> Report:
    """What an audit says: tracks that are recognised, strays, how many frames it saw, tracks without their twin."""
    score = Score("fake", 0.5, 0.4 if recognised else 0.9, 0.9, 0, len(recognised))
    return Report(frames, 8, (score,), 0, strays, recognised, untrue)


class Script:
    """Rounds whose twins and audits are scripted. reports: one per round, the last repeats.

    failing: attempts (numbers) that find no twin. unpaintable: tracks that cannot be replaced. rehearsals: whether
    each of them recognises the source; those that follow do not.
    """

    def __init__(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        reports: list[Report],
        people: int = 1,
        failing: tuple[int, ...] = (),
        unpaintable: tuple[int, ...] = (),
        side: float = 80,
        rehearsals: tuple[bool, ...] = (),
        **settings: Any,
    ) -> None:
        self.reports, self.failing, self.unpaintable = reports, failing, unpaintable
        self.asked: list[tuple[Request, TwinSettings]] = []
        self.rounds: list[tuple[list[TwinResult], list[Extra]]] = []
        self.rehearsals = list(rehearsals)
        self.rehearsed: list[int] = []
        self.margins: list[float] = []
        store = Store(f"file://{folder}/store")
        clock = Clock(1, "video", Collector())
        chosen = Settings(cache_url=f"file://{folder}/store", **settings)
        people_seen = Gallery(store, chosen.identity_scope, "data")
        self.context = Context("video", "digest", chosen, Cache(store), people_seen, clock, folder)
        found = support.tracks(*(support.track(i, x=80 + 80 * i, side=side) for i in range(people)))
        owners = replace(support.people(found), embedder="facenet")
        footage = Footage(support.opener([]), (320, 240), 8, support.OneScene)
        self.material = Material(
            footage, Scan((Scene(0, 0, 0, 7),), found), support.samples(found), owners,
            Appearances((Appearance(30, 0.9),) * people), support.drivings(found, owners), [], "material",
        )  # fmt: skip
        monkeypatch.setattr(retry, "gather", lambda steps, footage: self.material)
        monkeypatch.setattr(Steps, "load", lambda steps, role, **options: None)
        monkeypatch.setattr(auditing, "panel", lambda *_: None)
        monkeypatch.setattr(ControlStage, "site", lambda _, one: self.site(one))
        monkeypatch.setattr(ControlStage, "controls", lambda _, one: support.controls(self.material.samples, one))
        monkeypatch.setattr(ControlStage, "known", lambda _: [])
        monkeypatch.setattr(twin_assignment.twin, "run", self.twin)
        monkeypatch.setattr(auditing.audit, "run", self.audit)
        monkeypatch.setattr(auditing.rehearse_task, "run", self.rehearse)

    def site(self, identity: Identity) -> Any:
        return None if identity.index in self.unpaintable else SimpleNamespace(samples=(), drivings={})

    def twin(self, request: Request, *arguments: Any) -> TwinResult:
        (wanted,) = (value for value in arguments if isinstance(value, TwinSettings))
        self.asked.append((request, wanted))
        index, attempts = request.identity.index, []
        for number in range(wanted.first, wanted.first + wanted.attempts):
            good = number not in self.failing
            candidate = request.prefer if request.settled else 100 * index + number
            distance, why = (0.9, "accepted") if good else (0.1, "too_close")
            attempts.append(Attempt(number, candidate, 1.0, distance, 0.6, good, why))
            if good:
                return TwinResult(index, support.twin(candidate), twin_task.strength_of(number), tuple(attempts))
        return TwinResult(index, None, twin_task.strength_of(wanted.first), tuple(attempts))

    def audit(self, *arguments: Any, **options: Any) -> Report:
        return self.reports[min(len(self.rounds), len(self.reports)) - 1]

    def rehearse(self, trial: Trial, *arguments: Any) -> Rehearsal:
        self.rehearsed.append(trial.twin.candidate)
        self.margins.append(arguments[-1])
        known = self.rehearsals.pop(0) if self.rehearsals else False
        return Rehearsal(known, (support.SOURCE,))

    def render(self, twins: list[TwinResult], extras: list[Extra], material: Material) -> Rendered:
        self.rounds.append((list(twins), list(extras)))
        tracks = [i for i, result in enumerate(twins) for _ in range(8)] + [-1] * len(extras)
        replaced = [result.twin is not None for result in twins for _ in range(8)] + [False] * len(extras)
        count = len(tracks)
        painted = Painted(
            np.zeros(count, np.int64),
            np.array(tracks, np.int64),
            np.array(replaced, bool),
            np.zeros((count, 4), np.float32),
            np.zeros((count, 5, 2), np.float32),
        )
        return Rendered(support.opener([]), painted)

    def run(self) -> tuple[Rendered, Verdict, str]:
        return retry.run(self.context, self.material.footage, self.render)

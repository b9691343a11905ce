"""The rounds between probe and publish: retry, redact, withhold; and the whole chain on a few real frames."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows import chain as chain_module
from flows.chain import Chain, Material, Rendered, Scan
from flows.context import Context
from flows.progress import Clock
from infra.cache import Cache
from infra.errors import Withheld
from infra.media.probe import probe_video
from infra.settings import OnFailure, Settings
from infra.store import Store
from models import weights
from models.capabilities import Appearance
from tasks import twin as twin_task
from tasks.attributes import Appearances
from tasks.audit import Report, Score, Stray
from tasks.reassemble import Extra, Painted
from tasks.records import Attempt, Scene, Verdict
from tasks.twin import Request, TwinResult, TwinSettings
from tests.contracts import support as contracts
from tests.flows.support import Collector, run
from tests.tasks import support

STRAY = Stray(3, support.box(250, 60, 40), 0.9)


def report(*recognised: int, strays: tuple[Stray, ...] = ()) -> Report:
    """What an audit says: tracks that are recognised, and strays."""
    score = Score("fake", 0.5, 0.4 if recognised else 0.9, 0.9, 0, len(recognised))
    return Report(8, 8, (score,), 0, strays, recognised)


class Script:
    """A chain whose twins and audits are scripted. reports: one per round, the last repeats.

    failing: attempts (numbers) that find no twin. unpaintable: tracks that cannot be replaced.
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
        **settings: Any,
    ) -> None:
        self.reports, self.failing, self.unpaintable = reports, failing, unpaintable
        self.asked: list[tuple[Request, TwinSettings]] = []
        self.rounds: list[tuple[list[TwinResult], list[Extra]]] = []
        store = Store(f"file://{folder}/store")
        clock = Clock(1, "video", Collector(), threading.Event())
        chosen = Settings(cache_url=f"file://{folder}/store", **settings)
        self.context = Context("video", "digest", chosen, Cache(store), store, clock, folder)
        found = support.tracks(*(support.track(i, x=80 + 80 * i, side=side) for i in range(people)))
        owners = replace(support.people(found), embedder="facenet")
        material = Material(
            Scan((Scene(0, 0, 0, 7),), found), support.samples(found), owners,
            Appearances((Appearance(30, 0.9),) * people), support.drivings(found, owners), [], "material",
        )  # fmt: skip
        monkeypatch.setattr(Chain, "_material", lambda chain: material)
        monkeypatch.setattr(Chain, "_load", lambda chain, role, **options: None)
        monkeypatch.setattr(Chain, "_judges", lambda chain: [])
        monkeypatch.setattr(chain_module.twin, "run", self.twin)
        monkeypatch.setattr(chain_module.audit, "run", self.audit)

    def twin(self, request: Request, *arguments: Any) -> TwinResult:
        wanted: TwinSettings = arguments[-1]
        self.asked.append((request, wanted))
        index, attempts = request.identity.index, []
        if index in self.unpaintable:
            return TwinResult(index, None, twin_task.strength_of(wanted.first), ())
        for number in range(wanted.first, wanted.first + wanted.attempts):
            good = number not in self.failing
            candidate = 100 * index + number
            distance, why = (0.9, "accepted") if good else (0.1, "too_close")
            attempts.append(Attempt(number, candidate, 1.0, distance, 0.6, good, why))
            if good:
                return TwinResult(index, support.twin(candidate), twin_task.strength_of(number), tuple(attempts))
        return TwinResult(index, None, twin_task.strength_of(wanted.first), tuple(attempts))

    def audit(self, *arguments: Any, **options: Any) -> Report:
        return self.reports[min(len(self.rounds), len(self.reports)) - 1]

    def render(self, chain: Chain, twins: list[TwinResult], extras: list[Extra], material: Material) -> Rendered:
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
        def never() -> Any:
            raise AssertionError("not needed")

        return Chain(self.context, support.opener([]), (320, 240), 8, never).run(self.render)


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Script]:
    return lambda *arguments, **options: Script(tmp_path, monkeypatch, *arguments, **options)


CLEAN, KNOWN = report(), report(0)


def test_a_clean_audit_publishes_after_one_round(script: Callable[..., Script]) -> None:
    made = script([CLEAN])
    _, verdict, reason = made.run()
    assert (verdict, reason) == (Verdict.PUBLISHED, "") and len(made.rounds) == 1
    assert [a.accepted for a in made.context.evidence.attempts] == [True]
    assert made.context.evidence.faces_replaced == 8 and made.context.evidence.faces_redacted == 0


def test_a_recognised_identity_gets_a_stronger_twin_and_the_others_keep_theirs(script: Callable[..., Script]) -> None:
    made = script([report(1), CLEAN], people=2)
    assert made.run()[1] is Verdict.PUBLISHED
    first, second = (results for results, _ in made.rounds)
    assert first[0].twin is not None and second[0].twin is not None and second[1].twin is not None
    assert second[0].twin.candidate == first[0].twin.candidate
    assert second[1].twin.candidate == 102 and second[1].strength.change > first[1].strength.change
    again, wanted = made.asked[-1]
    assert again.identity.index == 1 and wanted.first == 2 and wanted.attempts == 4
    assert {1, 101} <= set(again.taken)
    reasons = [(a.number, a.accepted, a.reason) for a in made.context.evidence.attempts]
    assert reasons == [(1, True, "accepted"), (1, False, "audit_recognised"), (2, True, "accepted")]


def test_attempts_used_up_withhold_by_default(script: Callable[..., Script]) -> None:
    made = script([KNOWN], max_attempts=3)
    with pytest.raises(Withheld) as raised:
        made.run()
    assert raised.value.reason == "audit_recognised" and len(made.rounds) == 3
    assert [a.number for a in made.context.evidence.attempts] == [1, 2, 3]


def test_a_withheld_video_lists_no_attempt_as_accepted(script: Callable[..., Script]) -> None:
    made = script([KNOWN], max_attempts=2)
    with pytest.raises(Withheld):
        made.run()
    assert not any(a.accepted for a in made.context.evidence.attempts)


def test_attempts_used_up_redact_with_the_policy(script: Callable[..., Script]) -> None:
    made = script([KNOWN, KNOWN, CLEAN], max_attempts=2, on_failure=OnFailure.REDACT)
    _, verdict, reason = made.run()
    assert (verdict, reason) == (Verdict.REDACTED, "no_safe_twin")
    assert made.rounds[-1][0][0].twin is None and made.context.evidence.faces_redacted == 8


def test_no_twin_far_enough_withholds_before_anything_is_rendered(script: Callable[..., Script]) -> None:
    made = script([CLEAN], failing=(1, 2), max_attempts=2)
    with pytest.raises(Withheld) as raised:
        made.run()
    assert raised.value.reason == "too_close" and made.rounds == []
    assert [a.number for a in made.context.evidence.attempts] == [1, 2]


def test_no_twin_far_enough_redacts_with_the_policy(script: Callable[..., Script]) -> None:
    made = script([CLEAN], failing=(1, 2), max_attempts=2, on_failure=OnFailure.REDACT)
    assert made.run()[1:] == (Verdict.REDACTED, "no_safe_twin")


def test_a_retry_that_fails_lists_every_attempt_once(script: Callable[..., Script]) -> None:
    made = script([KNOWN], failing=(2, 3), max_attempts=3)
    with pytest.raises(Withheld):
        made.run()
    assert [a.number for a in made.context.evidence.attempts] == [1, 2, 3]
    assert not any(a.accepted for a in made.context.evidence.attempts)


def test_a_face_that_can_never_be_painted_is_redacted_under_either_policy(script: Callable[..., Script]) -> None:
    made = script([CLEAN], unpaintable=(0,))
    assert made.run()[1:] == (Verdict.REDACTED, "small_turned_or_unclear_face")


def test_a_stray_is_redacted_around_its_frame_in_the_next_round(script: Callable[..., Script]) -> None:
    made = script([report(strays=(STRAY,)), CLEAN])
    _, verdict, reason = made.run()
    assert (verdict, reason) == (Verdict.REDACTED, "stray_face")
    (extra,) = made.rounds[1][1]
    assert (extra.first, extra.last) == (0, 7) and np.array_equal(extra.box, STRAY.box)
    assert len(made.asked) == 1


def test_a_stray_that_stays_withholds(script: Callable[..., Script]) -> None:
    made = script([report(strays=(STRAY,))], on_failure=OnFailure.REDACT)
    with pytest.raises(Withheld) as raised:
        made.run()
    assert raised.value.reason == "stray_face" and len(made.rounds) == chain_module.STRAY_ROUNDS + 1


def test_two_people_of_one_video_never_share_a_twin(script: Callable[..., Script]) -> None:
    made = script([CLEAN], people=3)
    made.run()
    for number, (request, _) in enumerate(made.asked):
        assert set(request.taken) >= {100 * i + 1 for i in range(number)}
        assert len(request.others) >= 2


# -- the whole chain --------------------------------------------------------------------------------------------------


def test_a_few_real_frames_become_somebody_else(tmp_path: Path, ffmpeg: Callable[..., None]) -> None:
    contracts.load("embedder", "facenet")
    source = tmp_path / "short.mp4"
    ffmpeg("-i", weights.path("demo-clip"), "-t", "0.4", "-c:v", "libx264", "-crf", "12", "-c:a", "copy", source)
    from flows.stages import run_stages

    settings = Settings(cache_url=f"file://{tmp_path}/cache", on_failure=OnFailure.REDACT)
    summary, _ = run(source, tmp_path / "out", run_stages, settings)
    row = summary.outcomes[0].row
    assert row.verdict in (Verdict.PUBLISHED, Verdict.REDACTED), row.message
    result = probe_video(tmp_path / "out" / row.output)
    info = probe_video(source)
    assert row.frames == result.frame_count == info.frame_count
    assert np.array_equal(result.pts - result.pts[0], (info.pts - info.pts[0]) * (info.time_base / result.time_base))
    assert row.faces_replaced + row.faces_redacted >= info.frame_count and row.audio_copied
    assert all(score["recognised"] == 0 for score in row.audit)
    assert row.identities == 1 and 1 <= len(row.attempts) <= settings.max_attempts


def test_a_small_face_that_the_audit_rejects_is_redacted_whatever_the_policy(script: Callable[..., Script]) -> None:
    made = script([KNOWN, KNOWN, CLEAN], side=50)
    _, verdict, reason = made.run()
    assert (verdict, reason) == (Verdict.REDACTED, "no_safe_twin") and len(made.rounds) == 3
    assert made.rounds[-1][0][0].twin is None


def test_a_covered_face_that_is_still_recognised_withholds(script: Callable[..., Script]) -> None:
    with pytest.raises(Withheld) as error:
        script([KNOWN], side=50).run()
    assert error.value.reason == "audit_recognised"

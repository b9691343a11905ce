"""A run over a dataset with an engine that may lose, repeat or forget shards."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flows.dataset import store_layout, under_way
from flows.dataset.coordinator import Takeover
from flows.dataset.run_progress import RunProgress
from flows.dataset.scheduler import State
from flows.dataset.shard_watch import FRUITLESS
from flows.dataset.store_layout import last_run
from flows.recipes.context import Context, StageResult
from flows.run.cancelled import Cancelled, Stop
from flows.run.convert import dataset_id
from infra.errors import StoreUnavailable, UnderWay, UsageError, Withheld
from infra.media.video_info import VideoInfo
from infra.privacy import key_path, load_key
from infra.settings import Settings
from infra.storage.lease import Leases
from infra.storage.store import Store
from tasks.generation.gallery import Gallery
from tests.flows.local_engine import QUICK, LocalEngine, Shown, coordinate, define
from tests.flows.support import grey_chain

TINY = replace(QUICK, shard_s=1.5)


@pytest.fixture
def films(made: Callable[..., Path], tmp_path: Path) -> Path:
    """Five inputs of one second: two of equal content in different shards, one that is no video."""
    place = tmp_path / "Jane"
    place.mkdir()
    for name, size in (("a", "160x120"), ("b", "176x144"), ("c", "144x176"), ("e", "160x120")):
        (place / f"{name}.mp4").write_bytes(made(f"{size}.mp4", size=size).read_bytes())
    (place / "d.mp4").write_text("no video")
    return place


def store() -> Store:
    return Store(Settings().cache_url)


def table(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def test_every_input_gets_one_row_and_nothing_identifying_stays(films: Path, home: Path, tmp_path: Path) -> None:
    dataset, shown = define(films, tmp_path / "out"), Shown()
    done = coordinate(dataset, policy=TINY, board=shown)
    assert done.record.verdicts == {"published": 4, "failed": 1}
    assert (done.record.inputs, done.record.unchanged, done.record.lost) == (5, 0, 0)
    assert done.record.shards >= 3
    rows = table(tmp_path / "out")
    assert len({row["input_id"] for row in rows}) == len(rows) == 5
    assert {row["run"] for row in rows} == {done.record.run}
    assert len(list((tmp_path / "out" / "videos").iterdir())) == 3, "equal content is published once"
    assert store().list_tree("identifying") == ["identifying/definitions/films.json"]
    assert store().list_tree("safe/leases") == []
    assert [seen.done for seen in shown.said] == sorted(seen.done for seen in shown.said)
    assert shown.said[0].said == f"0 of 5 videos; 0 of {done.record.shards} shards ended"
    assert shown.said[-1].said == (
        f"5 of 5 videos: 4 published, 1 failed; {done.record.shards} of {done.record.shards} shards ended"
    )
    assert last_run(store(), "films") == done.record
    assert "cancelled" not in json.loads(store().read_named(store_layout.record_path("films")) or b"")


def test_a_second_run_submits_only_what_is_new_or_may_go_well_now(films: Path, home: Path, tmp_path: Path) -> None:
    dataset = define(films, tmp_path / "out")

    def full(source: Path, info: VideoInfo, context: Context) -> StageResult:
        if info.width == 176:
            raise StoreUnavailable("The store is full.")
        return grey_chain(source, info, context)

    first = coordinate(dataset, LocalEngine(full))
    assert {row.reason for row in first.rows} == {"", "not_media", "store_unavailable"}
    scheduler, shown = LocalEngine(), Shown()
    again = coordinate(dataset, scheduler, board=shown)
    assert again.record.verdicts == {"published": 4, "failed": 1}
    assert (again.record.unchanged, scheduler.submitted) == (4, [(1, 1)]), "what is no video stays none"
    assert shown.said[-1].said == "1 of 1 videos: 1 published; 1 of 1 shards ended; 4 unchanged since an earlier run"
    third = coordinate(dataset, scheduler)
    assert (third.record.unchanged, third.record.shards, len(scheduler.submitted)) == (5, 0, 1)
    (films / "f.mp4").write_bytes((films / "b.mp4").read_bytes() + b"\0" * 8)
    (films / "d.mp4").write_text("another that is no video")
    fourth = coordinate(dataset, scheduler)
    assert (fourth.record.unchanged, fourth.record.inputs, len(scheduler.submitted)) == (4, 6, 2)
    assert fourth.record.verdicts == {"published": 5, "failed": 1}


@pytest.mark.parametrize("seems", [State.RUNNING, State.OVER])
def test_lost_shards_are_submitted_again(seems: State, films: Path, home: Path, tmp_path: Path) -> None:
    scheduler = LocalEngine(lose=lambda number, attempt: seems if attempt <= 2 else None)
    done = coordinate(define(films, tmp_path / "out"), scheduler)
    assert done.record.lost == 0 and done.record.verdicts["published"] == 4
    assert scheduler.submitted == [(1, 1), (1, 2), (1, 3)]
    assert bool(scheduler.abandoned) == (seems is State.RUNNING)


def test_a_shard_that_never_gets_anywhere_is_given_up_and_told(films: Path, home: Path, tmp_path: Path) -> None:
    scheduler = LocalEngine(lose=lambda number, attempt: State.OVER)
    done = coordinate(define(films, tmp_path / "out"), scheduler)
    assert len(scheduler.submitted) == FRUITLESS and done.record.lost == 5
    assert store().list_tree("identifying") == ["identifying/definitions/films.json"]
    assert coordinate(define(films, tmp_path / "out")).record.lost == 0


def test_a_shard_that_a_person_cancelled_waits_for_the_next_run(films: Path, home: Path, tmp_path: Path) -> None:
    dataset = define(films, tmp_path / "out")
    scheduler = LocalEngine(lose=lambda number, attempt: State.CANCELLED if number == 1 else None)
    done = coordinate(dataset, scheduler, TINY)
    assert [attempt for number, attempt in scheduler.submitted] == [1] * done.record.shards
    assert done.record.lost > 0 and not done.record.cancelled
    assert sum(done.record.verdicts.values()) == 5 - done.record.lost
    assert store().list_tree("identifying") == ["identifying/definitions/films.json"]
    assert coordinate(dataset).record.verdicts == {"published": 4, "failed": 1}


@pytest.mark.parametrize("suspended", [False, True])
def test_what_a_person_cancels_or_pauses_ends_in_order(
    suspended: bool, films: Path, home: Path, tmp_path: Path
) -> None:
    dataset, stop, begun = define(films, tmp_path / "out"), Stop(), threading.Event()
    given = Takeover("mine", {"policy": "redact"})

    def endless(source: Path, info: VideoInfo, context: Context) -> StageResult:
        if info.width == 144:
            begun.set()
            context.stage("twin", lambda advance: [advance(1) for _ in iter(lambda: time.sleep(0.02), 0)])
        return grey_chain(source, info, context)

    def cancel() -> None:
        begun.wait(60)
        assert under_way.alive_lately(store(), "films", "convert")
        stop.cancel(suspended)

    settings, key = dataset.with_settings(), load_key(key_path(Settings().cache_url))
    people = Gallery(store(), settings.identity_scope, dataset_id(key, dataset.destination, settings)).path
    store().write_named(people, b"{}")
    scheduler, shown = LocalEngine(endless), Shown()
    canceller = threading.Thread(target=cancel)
    canceller.start()
    done = coordinate(dataset, scheduler, board=shown, takeover=given, stop=stop)
    canceller.join()
    assert done.record.cancelled and set(scheduler.cancelled_runs) == {done.record.run}
    assert 0 < done.record.lost == 5 - sum(done.record.verdicts.values())
    assert (shown.said[-1].lost, shown.said[-1].done) == (done.record.lost, 5 - done.record.lost)
    # One that was paused has not ended.
    assert last_run(store(), "films") == (None if suspended else done.record)
    assert store().list_tree("safe/leases") == [] and not under_way.alive_lately(store(), "films", "convert")
    assert under_way.present_run(store(), "films") == ""
    assert [path for path in store().list_tree("identifying") if path.startswith("identifying/run-")] == []
    assert people in store().list_tree("identifying"), "whoever goes on must know who has which twin"
    following = LocalEngine()
    rest = coordinate(dataset, following)
    assert rest.record.verdicts == {"published": 4, "failed": 1} and not rest.record.cancelled
    assert (following.abandoned, following.dropped) == ([], []), "there is nothing to take over"
    assert store().list_tree("identifying") == ["identifying/definitions/films.json"]


def test_the_store_tells_how_far_a_run_is(films: Path, home: Path, tmp_path: Path) -> None:
    dataset, seen = define(films, tmp_path / "out"), list[tuple[int, int, int, dict[str, int]]]()

    class Looking(Shown):
        def show(self, progress: RunProgress) -> None:
            seen.append(under_way.progress_of(store(), "films"))

    coordinate(dataset)
    (films / "f.mp4").write_bytes((films / "b.mp4").read_bytes() + b"\0" * 8)
    coordinate(dataset, board=Looking())
    assert seen[0] == (0, 0, 0, {}) and seen[-1] == (6, 1, 1, {"published": 1})
    assert under_way.progress_of(store(), "films") == (0, 0, 0, {})


def test_two_coordinators_never_work_on_one_dataset(films: Path, home: Path, tmp_path: Path) -> None:
    dataset = define(films, tmp_path / "out")
    with (
        Leases(store()) as leases,
        leases.holding(store_layout.lease_of("films")),
        pytest.raises(UnderWay, match="Another run"),
    ):
        coordinate(dataset)
    with pytest.raises(UsageError, match="SOURCE"):
        coordinate(define(films / "nowhere", tmp_path / "out"))
    assert coordinate(dataset).record.verdicts["published"] == 4


def test_two_workers_on_one_shard_convert_each_video_once(films: Path, home: Path, tmp_path: Path) -> None:
    begun: list[str] = []

    class Twice(LocalEngine):
        def submit(self, dataset: str, run: str, number: int, of: int, attempt: int) -> str:
            super().submit(dataset, run, number, of, 100 + attempt)
            return super().submit(dataset, run, number, of, attempt)

    def counted(source: Path, info: VideoInfo, context: Context) -> StageResult:
        begun.append(context.public_id)
        return grey_chain(source, info, context)

    done = coordinate(define(films, tmp_path / "out"), Twice(counted), TINY)
    assert done.record.verdicts["published"] == 4
    assert len(begun) == len(set(begun)) == 3


def test_a_stopped_coordinator_leaves_its_shards_and_the_next_one_goes_on(
    films: Path, home: Path, tmp_path: Path
) -> None:
    dataset, stop = define(films, tmp_path / "out"), Stop()
    scheduler = LocalEngine(lose=lambda number, attempt: State.WAITING)

    class Ending(Shown):
        def show(self, progress: RunProgress) -> None:
            stop.set()

    given = {"policy": "redact"}
    with pytest.raises(Cancelled):
        coordinate(dataset, scheduler, board=Ending(), takeover=Takeover("first", given), stop=stop)
    assert scheduler.cancelled_runs == [], "another coordinator goes on with them"
    assert under_way.noted(store(), store_layout.present_path("films"))[1] == given
    (left,) = {path.split("/")[1] for path in store().list_tree("identifying") if "shard-" in path}
    following = LocalEngine()
    assert coordinate(dataset, following).record.verdicts["published"] == 4
    assert (following.abandoned, following.dropped) == (["first", "zombie"], [left.removeprefix("run-")])
    assert store().list_tree("identifying") == ["identifying/definitions/films.json"]
    assert store().list_tree("safe") == ["safe/runs/films.json"]
    again = LocalEngine()
    coordinate(dataset, again)
    assert (again.abandoned, again.dropped) == ([], [])


def test_only_failed_leaves_the_rest_alone_and_forgets_why(films: Path, home: Path, tmp_path: Path) -> None:
    dataset = define(films, tmp_path / "out")

    def failing(source: Path, info: VideoInfo, context: Context) -> StageResult:
        if info.width == 176:
            raise RuntimeError("broken")
        if info.width == 144:
            raise Withheld("no_safe_twin", "No twin.")
        return grey_chain(source, info, context)

    first = coordinate(dataset, LocalEngine(failing))
    assert first.record.verdicts == {"published": 2, "withheld": 1, "failed": 2}
    (bad,) = [row for row in first.rows if row.reason == "unexpected"]
    with Leases(store()) as leases:
        leases.mark_poisoned(bad.public_id, "hung")
    stubborn = coordinate(dataset)
    assert {row.reason for row in stubborn.rows if row.public_id == bad.public_id} == {"hung"}
    again = coordinate(dataset, policy=replace(QUICK, only_failed=True))
    assert again.record.verdicts == {"published": 3, "withheld": 1, "failed": 1}
    assert again.record.unchanged == 3


def test_a_definition_that_changes_does_not_reach_a_run_under_way(films: Path, home: Path, tmp_path: Path) -> None:
    dataset = define(films, tmp_path / "out", crf=20)

    class Meddling(LocalEngine):
        def submit(self, dataset: str, run: str, number: int, of: int, attempt: int) -> str:
            define(films, tmp_path / "elsewhere", crf=30)
            return super().submit(dataset, run, number, of, attempt)

    assert coordinate(dataset, Meddling()).record.verdicts["published"] == 4
    assert not (tmp_path / "elsewhere").exists()

"""Reassembly: every face replaced or redacted, everything else untouched."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.media.frame import YuvFrame
from models.interfaces.twins import Strength
from tasks.generation.twin import TwinResult
from tasks.output import patches as kept_patches
from tasks.output import reassemble
from tasks.output.patches import PaintedPatches
from tasks.output.reassemble import RenderPlan
from tasks.records import FaceEdits, RedactionRegion, Tracks
from tests.tasks import support


def results(*identities: int, twin: bool = True) -> list[TwinResult]:
    return [TwinResult(i, support.twin(i) if twin else None, Strength(), ()) for i in identities]


def paint(
    found: Tracks, twins: list[TwinResult], unusable: tuple[int, ...] = (), extras: tuple[RedactionRegion, ...] = (),
    workers: int = 1, pictures: list[np.ndarray] | None = None, painter: support.Painter | None = None,
) -> tuple[support.Sink, FaceEdits, list[YuvFrame]]:  # fmt: skip
    people = support.people(found)
    drivings = support.drivings(found, people)
    drivings = replace(drivings, drivings=tuple(
        replace(d, usable=np.array([row not in unusable for row in range(len(d.usable))])) for d in drivings.drivings
    ))  # fmt: skip
    source = [support.yuv(p, i) for i, p in enumerate(pictures or support.noise(found.frame_count))]
    sink = support.Sink()
    faces = support.analysis(found, people, drivings, support.opener(source))
    plan = RenderPlan(1, tuple(twins), extras)
    painted = reassemble.run(faces, sink, plan, painter or support.Painter(), workers)
    return sink, painted, source


def rows(painted: FaceEdits) -> list[tuple[int, int, bool]]:
    return list(zip(painted.frame.tolist(), painted.track.tolist(), painted.replaced.tolist(), strict=True))


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 7)), st.booleans(), st.integers(0, 4), st.integers(1, 2))
def test_every_row_of_every_track_is_replaced_or_redacted(
    unusable: set[int], with_twin: bool, first: int, workers: int
) -> None:
    found = support.tracks(support.track(0, 0, 8, x=80, side=60), support.track(1, first, 4, x=240, side=60))
    twins = results(0) + results(1, twin=with_twin)
    sink, painted, _ = paint(found, twins, tuple(unusable), workers=workers)
    expected = [(frame, 0, frame not in unusable) for frame in range(8)]
    expected += [(first + row, 1, with_twin and row not in unusable) for row in range(4)]
    assert sorted(rows(painted)) == sorted(expected)
    assert [frame.index for frame in sink.frames] == list(range(8))


def test_what_is_redacted_is_one_colour_and_what_is_replaced_is_the_patch() -> None:
    found = support.tracks(support.track(0, x=80, side=60), support.track(1, x=240, side=60))
    sink, painted, _ = paint(found, results(0) + results(1, twin=False))
    picture = sink.frames[3].to_bgr().astype(int)
    assert np.abs(picture[100:140, 70:90] - (20, 90, 170)).max() < 8
    assert np.abs(picture[95:145, 215:265] - 128).max() < 3
    covered = painted.boxes[(painted.frame == 3) & (painted.track == 1)][0]
    assert (covered[:2] <= (210, 90)).all() and (covered[2:] >= (270, 150)).all()


def test_a_track_that_belongs_to_nobody_or_has_no_result_is_redacted() -> None:
    found = support.tracks(support.track(0, side=60))
    _, painted, _ = paint(found, [])
    assert not painted.replaced.any() and len(painted.frame) == 8


def test_pixels_far_from_faces_are_bit_identical() -> None:
    found = support.tracks(support.track(0, x=80, side=60), support.track(1, x=240, side=60))
    sink, painted, source = paint(found, results(0) + results(1, twin=False), unusable=(2,))
    for frame, before in zip(sink.frames, source, strict=True):
        changed = frame.planes[0] != before.planes[0]
        allowed = np.zeros_like(changed)
        for x0, y0, x1, y1 in painted.boxes[painted.frame == frame.index].round().astype(int):
            allowed[y0 - 2 : y1 + 2, x0 - 2 : x1 + 2] = True
        assert changed.any() and not changed[~allowed].any()
        colour = (frame.planes[1] != before.planes[1]) | (frame.planes[2] != before.planes[2])
        assert not colour[~allowed.reshape(120, 2, 160, 2).any(axis=(1, 3))].any()


def test_frames_without_faces_pass_through_untouched_with_their_times() -> None:
    found = support.tracks(support.track(0, 2, 3), frames=8)
    sink, _, source = paint(found, results(0))
    for index in (0, 1, 5, 6, 7):
        assert np.array_equal(sink.frames[index].data, source[index].data)
    assert [frame.pts for frame in sink.frames] == [frame.pts for frame in source]


def test_regions_that_the_audit_wants_are_filled_on_their_frames_only() -> None:
    extra = RedactionRegion(2, 4, support.box(250, 60, 40))
    sink, painted, source = paint(support.tracks(), [], extras=(extra,))
    assert rows(painted) == [(2, -1, False), (3, -1, False), (4, -1, False)]
    assert np.array_equal(sink.frames[1].data, source[1].data) and np.array_equal(sink.frames[5].data, source[5].data)
    assert np.abs(sink.frames[3].to_bgr()[40:80, 230:270].astype(int) - 128).max() < 3


def test_a_nearer_face_is_painted_over_a_farther_one() -> None:
    found = support.tracks(support.track(0, x=160, side=120), support.track(1, x=200, side=40))
    sink, painted, _ = paint(found, results(0) + results(1, twin=False))
    assert painted.track[painted.frame == 0].tolist() == [1, 0]
    assert np.abs(sink.frames[0].to_bgr()[110:130, 150:165].astype(int) - (20, 90, 170)).max() < 8


def test_a_face_that_leaves_the_frame_is_no_error() -> None:
    found = support.tracks(support.track(0, x=-20, side=80), support.track(1, x=500, side=80))
    sink, painted, _ = paint(found, results(0, twin=False) + results(1, twin=False))
    assert len(sink.frames) == 8 and len(painted.frame) == 16
    assert np.abs(sink.frames[0].to_bgr()[90:150, :15].astype(int) - 128).max() < 3


def test_progress_is_told_and_an_error_of_the_motion_model_is_not_swallowed() -> None:
    class Broken(support.Painter):
        def animate(self, *arguments: object) -> list[None]:
            raise RuntimeError("broken")

    found = support.tracks(support.track())
    people, told = support.people(found), []
    faces = support.analysis(found, people, support.drivings(found, people), support.opener(support.noise(8)))
    arguments = (faces, support.Sink(), RenderPlan(1, tuple(results(0)), ()))
    reassemble.run(*arguments, support.Painter(), workers=1, progress=told.append)
    assert told == list(range(1, 9))
    with pytest.raises(RuntimeError, match="broken"):
        reassemble.run(*arguments, Broken(), workers=2)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("batch", [2, 3, 64])
def test_batches_give_what_single_frames_give(batch: int, workers: int) -> None:
    found = support.tracks(support.track(0, x=80, side=60), support.track(1, first=3, n=4, x=240, side=60))
    alone, expected, _ = paint(found, results(0, 1), unusable=(2,))
    painter = support.Painter(batch=batch)
    sink, painted, _ = paint(found, results(0, 1), unusable=(2,), workers=workers, painter=painter)
    assert rows(painted) == rows(expected) and [frame.index for frame in sink.frames] == list(range(8))
    assert all(np.array_equal(a.data, b.data) for a, b in zip(sink.frames, alone.frames, strict=True))
    assert max(map(len, painter.asked)) == min(batch, 8) and sum(map(len, painter.asked)) == 12


def test_an_error_in_a_batch_is_not_swallowed() -> None:
    class Broken(support.Painter):
        def animate(self, *arguments: object) -> list[None]:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        paint(support.tracks(support.track()), results(0), workers=2, painter=Broken(batch=3))


def test_what_runs_ahead_has_ended_before_the_decoder_is_closed() -> None:
    still_running: list[str] = []

    @contextlib.contextmanager
    def opened() -> Iterator[Iterator[YuvFrame]]:
        try:
            with support.opener(support.noise(8))() as stream:
                yield stream
        finally:
            still_running.extend(thread.name for thread in threading.enumerate() if thread.name == "ahead")

    class Full(support.Sink):
        def write(self, frame: YuvFrame) -> None:
            raise OSError("disk full")

    found = support.tracks(support.track())
    people = support.people(found)
    with pytest.raises(OSError, match="disk full"):
        faces = support.analysis(found, people, support.drivings(found, people), opened)
        reassemble.run(faces, Full(), RenderPlan(1, tuple(results(0)), ()), support.Painter(batch=2))
    assert still_running == []


class Noting(support.Painter):
    """Notes which rows of which twin it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int, int]] = []

    def animate(self, twin, driving, rows, strength):  # type: ignore[no-untyped-def]
        self.rows += [(twin.candidate, row) for row in rows]
        return super().animate(twin, driving, rows, strength)


def test_another_render_paints_only_what_changed_and_gives_the_same_frames(tmp_path: Path) -> None:
    """Four people, two of whom stand close: one gets another twin, then a region is covered in the first frames."""
    places = (40, 95, 190, 290)
    found = support.tracks(*(support.track(n, x=x, side=50) for n, x in enumerate(places)))
    people = support.people(found)
    pictures = support.noise(found.frame_count)
    faces = support.analysis(found, people, support.drivings(found, people), support.opener(pictures))
    patches, first = PaintedPatches(tmp_path), tuple(results(0, 1, 2, 3))
    changed = (first[0], replace(first[1], twin=support.twin(9)), *first[2:])
    covered = (RedactionRegion(0, 3, support.box(290, 120, 20)),)
    asked = []
    for number, (twins, regions) in enumerate([(first, ()), (changed, ()), (changed, covered), (changed, covered)], 1):
        whole, part, painter = support.Sink(), support.Sink(), Noting()
        expected = reassemble.run(faces, whole, RenderPlan(number, twins, regions), support.Painter(), 2)
        done = reassemble.run(faces, part, RenderPlan(number, twins, regions, patches), painter, 2)
        assert all(np.array_equal(a.data, b.data) for a, b in zip(whole.frames, part.frames, strict=True))
        for name in ("frame", "track", "replaced", "boxes", "points"):
            assert np.array_equal(getattr(done, name), getattr(expected, name)), name
        asked.append(set(painter.rows))
    assert {candidate for candidate, _ in asked[0]} == {0, 1, 2, 3}
    assert 9 in {candidate for candidate, _ in asked[1]} and 3 not in {candidate for candidate, _ in asked[1]}
    # A region may cover a neighbour below any patch, so all are painted anew where it is new, and nowhere else.
    assert found.frame_count > 4 and {frame for _, frame in asked[2]} == {0, 1, 2, 3}
    assert asked[3] == set()


def test_a_person_who_is_alone_is_painted_anew(tmp_path: Path) -> None:
    found = support.tracks(support.track(0))
    people = support.people(found)
    opened = support.opener(support.noise(found.frame_count))
    faces = support.analysis(found, people, support.drivings(found, people), opened)
    patches = PaintedPatches(tmp_path)
    for number in (1, 2):
        painter = Noting()
        reassemble.run(faces, support.Sink(), RenderPlan(number, tuple(results(0)), (), patches), painter)
        assert len(painter.rows) == found.frame_count
    assert not any(tmp_path.iterdir())


def test_no_more_is_kept_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = support.tracks(support.track(0, x=80, side=60), support.track(1, x=240, side=60))
    people = support.people(found)
    opened = support.opener(support.noise(found.frame_count))
    faces = support.analysis(found, people, support.drivings(found, people), opened)
    monkeypatch.setattr(kept_patches, "MOST_BYTES", 100_000)
    patches, twins = PaintedPatches(tmp_path), tuple(results(0, 1))
    asked = []
    for number in (1, 2):
        whole, part, painter = support.Sink(), support.Sink(), Noting()
        reassemble.run(faces, whole, RenderPlan(number, twins, ()), support.Painter(), 2)
        reassemble.run(faces, part, RenderPlan(number, twins, (), patches), painter, 2)
        assert all(np.array_equal(a.data, b.data) for a, b in zip(whole.frames, part.frames, strict=True))
        asked.append(len(painter.rows))
    assert 0 < asked[1] < asked[0] == 2 * found.frame_count
    assert (tmp_path / "patches.bin").stat().st_size <= 100_000

"""The driving motion: which faces may be replaced, and by which movement."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.landmarks import pose
from tasks.analysis import motion
from tasks.analysis.settings import MotionLimits
from tasks.records import Track
from tests.tasks import support

LIMITS = MotionLimits()
HELD = MotionLimits(least_run=1)
PLAIN = MotionLimits(least_run=1, release=0.0, growth=0.0)
"""The limits alone, without anything against flicker."""


def usable(track: Track, limits: MotionLimits = LIMITS) -> list[bool]:
    return motion.steadied(track, limits)[1].tolist()


def test_a_good_track_is_usable_and_posed_again_is_its_mesh() -> None:
    found = support.tracks(support.track(step=3.0))
    (driving,) = motion.run(found, support.people(found)).drivings
    assert driving.usable.all() and driving.first == 0 and driving.rest.shape == (478, 3)
    for row in range(8):
        placed = driving.scale[row] * driving.shapes[row] @ driving.rotation[row].T + driving.shift[row]
        assert np.abs(placed - driving.meshes[row]).max() < 0.01
    assert np.abs(driving.meshes - found.tracks[0].mesh).max() < 1.0


@pytest.mark.parametrize(
    ("column", "bad", "good"),
    [(1, 45.5, 44.0), (1, -45.5, -44.0), (0, 40.5, 39.0), (0, -40.5, -39.0), (1, np.nan, 0.0)],
)
def test_faces_turned_too_far_are_not_usable(column: int, bad: float, good: float) -> None:
    track = support.track()
    track.angles[2, column], track.angles[3, column] = bad, good
    assert usable(track, PLAIN) == [True, True, False, True, True, True, True, True]


def test_small_faces_and_short_glimpses_are_not_usable() -> None:
    assert not any(usable(support.track(side=LIMITS.least_face - 1)))
    assert all(usable(support.track(side=LIMITS.least_face + 2)))
    assert not any(usable(support.track(n=3)))
    assert all(usable(support.track(n=3), MotionLimits(least_frames=1)))


def changes(flags: list[bool]) -> int:
    return sum(a != b for a, b in itertools.pairwise(flags))


@pytest.mark.parametrize(("column", "limit"), [(1, LIMITS.most_yaw), (0, LIMITS.most_pitch)])
def test_a_face_that_hovers_about_a_limit_does_not_flicker(column: int, limit: float) -> None:
    track = support.track(n=90)
    rng = np.random.default_rng(4)
    # Turns away, hovers about the limit for two seconds, and comes back.
    track.angles[:, column] = np.interp(np.arange(90), [0, 15, 75, 89], [0, limit, limit, 0]) + rng.normal(0, 1, 90)
    assert changes(usable(track, PLAIN)) > 8
    for limits in (HELD, LIMITS):
        flags = usable(track, limits)
        assert changes(flags) == 2 and flags[0] and flags[-1] and not any(flags[18:72])


def test_a_face_that_hovers_about_the_least_size_does_not_flicker() -> None:
    track = support.track(n=60, side=LIMITS.least_face + 0.4)
    side = LIMITS.least_face + np.random.default_rng(3).normal(0, 0.6, 60)
    middle = (track.boxes[:, :2] + track.boxes[:, 2:]) / 2
    track.boxes[:] = np.concatenate([middle - side[:, None] / 2, middle + side[:, None] / 2], axis=1)
    assert changes(usable(track, PLAIN)) > 10
    assert not any(usable(track, HELD)[1:-1]) and not any(usable(track))


def test_redactions_and_what_is_shown_between_them_last() -> None:
    track = support.track(n=60)
    track.angles[[20, 40, 44], 1] = 60.0
    flags = usable(track)
    runs = [(key, len(list(group))) for key, group in itertools.groupby(flags)]
    assert [key for key, _ in runs] == [True, False, True, False, True]
    assert min(length for _, length in runs) >= LIMITS.least_run
    assert not flags[20] and not any(flags[40:45])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60), st.integers(1, 8))
def test_settling_never_shows_a_frame_more_and_leaves_no_short_runs(rows: list[tuple[bool, bool]], run: int) -> None:
    good = np.array([a for a, _ in rows])
    sure = np.array([a and b for a, b in rows])
    found = motion.debounced(good, sure, run)
    assert not (found & ~good).any()
    lengths = [(key, len(list(group))) for key, group in itertools.groupby(found.tolist())]
    assert all(length >= run for _, length in lengths[1:-1])
    # Without the filling up of runs, whose odd frame has to go to one side, neither direction of time is favoured.
    there, back = motion.debounced(good, sure, 1), motion.debounced(good[::-1], sure[::-1], 1)[::-1]
    assert np.array_equal(there, back)


def test_a_mesh_that_is_missing_or_sits_elsewhere_is_not_usable_and_does_not_pull_on_others() -> None:
    good = support.track()
    track = replace(good, mesh=good.mesh.copy(), presence=good.presence.copy())
    track.mesh[3] = np.nan
    track.presence[3] = 0
    track.mesh[5] += np.float32([80, 0, 0])
    meshes, rows = motion.steadied(track, PLAIN)
    assert rows.tolist() == [True, True, True, False, True, False, True, True]
    assert np.isfinite(meshes).all()
    kept = [0, 1, 2, 4, 6, 7]
    assert np.abs(meshes[kept] - good.mesh[kept]).max() < 0.05


def test_a_mesh_of_low_presence_is_not_usable() -> None:
    track = support.track()
    track.presence[:] = 0.45
    assert not any(usable(track))


def test_a_track_without_any_mesh_has_finite_numbers_and_nothing_usable() -> None:
    blind = replace(support.track(), mesh=np.full((8, 478, 3), np.nan, np.float32), presence=np.zeros(8, np.float32))
    found = support.tracks(blind)
    (driving,) = motion.run(found, support.people(found)).drivings
    assert not driving.usable.any()
    for values in (driving.meshes, driving.shapes, driving.scale, driving.rotation, driving.shift, driving.rest):
        assert np.isfinite(values).all()


def test_tracks_of_one_person_share_a_neutral_shape_and_others_do_not() -> None:
    wide = support.track(1, first=20)
    wide.mesh[..., 0] = 160 + 1.2 * (wide.mesh[..., 0] - 160)
    found = support.tracks(support.track(0), wide, support.track(2, first=40), frames=60)
    apart = support.people(found)
    first, second, third = apart.identities
    shared = replace(apart, identities=(replace(first, tracks=(0, 2)), second))
    drivings = motion.run(found, shared).drivings
    assert np.array_equal(drivings[0].rest, drivings[2].rest)
    assert np.abs(drivings[0].rest - drivings[1].rest).max() > 0.02
    nobody = motion.run(found, replace(apart, identities=())).drivings
    assert np.array_equal(nobody[0].rest, pose.mean_face())
    assert third.tracks == (2,)


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_a_model_that_reads_frames_is_asked_about_every_usable_row_once(batch: int) -> None:
    found = support.tracks(support.track(0, n=8, x=80), support.track(1, first=2, n=4, x=240))
    found.tracks[0].presence[5:] = 0.0
    pictures = [np.full((240, 320, 3), 40 + 10 * i, np.uint8) for i in range(8)]

    class Reader(support.Painter):
        seen: list[tuple[int, int]] = []  # noqa: RUF012

        def observe(self, frames, drivings, rows):  # type: ignore[no-untyped-def]
            self.seen += [(driving.first, row) for driving, row in zip(drivings, rows, strict=True)]
            return super().observe(frames, drivings, rows)

    Reader.seen.clear()
    model, told = Reader(batch=batch, columns=2), []
    people = support.people(found)
    drivings = motion.run(found, people, PLAIN, support.opener(pictures), model, told.append).drivings
    assert told[-1] == 8 and len(Reader.seen) == len(set(Reader.seen)) == 5 + 4
    assert [d.template.shape for d in drivings] == [(8, 2), (4, 2)]
    assert np.isnan(drivings[0].template[5:]).all() and not drivings[0].usable[5:].any()
    # Each row is read from its own frame.
    levels = [[40 + 10 * i for i in range(5)], [40 + 10 * i for i in range(2, 6)]]
    for driving, expected in zip(drivings, levels, strict=True):
        assert np.abs(driving.template[: len(expected), 0] - expected).max() <= 2
    assert [d.template.shape[1] for d in motion.run(found, people, PLAIN).drivings] == [0, 0]

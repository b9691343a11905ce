"""Which frames of a track are kept, and how they are cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infra.media.frame import YuvFrame
from models.landmarks import topology
from models.motion.mesh.backend import face_of
from tasks.analysis import samples
from tests.tasks import support


def test_crops_show_the_face_where_face_and_mesh_say() -> None:
    pictures = support.noise(8)
    found = support.tracks(support.track(step=4.0))
    cut = samples.run(support.opener(pictures), found, support.Landmarker())
    assert cut.samples and len({s.row for s in cut.samples}) == len(cut.samples)
    with support.opener(pictures)() as stream:
        decoded = [frame.to_bgr() for frame in stream]
    for sample in cut.samples:
        height, width = sample.crop.shape[:2]
        assert np.array_equal(sample.crop, decoded[sample.frame][sample.y : sample.y + height, sample.x :][:, :width])
        track = found.tracks[0]
        face, mesh = sample.face, samples.mesh_in_crop(sample, track)
        # As the landmarker reads the crop: the stand-in fills the track's box with the mean face.
        own = face_of(track.mesh[sample.row])
        assert np.allclose(face.box + np.tile([sample.x, sample.y], 2), own.box, atol=1e-3)
        assert np.allclose(face.points + np.float32([sample.x, sample.y]), own.points, atol=1e-3)
        assert np.allclose(mesh + np.float32([sample.x, sample.y, 0]), track.mesh[sample.row], atol=1e-4)
        assert (face.box[:2] > 10).all() and (face.box[2:] < (width - 10, height - 10)).all()


def test_where_no_mesh_can_be_read_what_was_found_before_serves() -> None:
    unread = support.Landmarker(lambda _: 0.1)
    for presence in (1.0, 0.2):
        track = support.track(n=4)
        track.presence[:] = presence
        cut = samples.run(support.opener(support.noise(4)), support.tracks(track, frames=4), unread).samples
        for sample in cut:
            own = topology.five_points(track.mesh[sample.row]) if presence > 0.5 else track.points[sample.row]
            assert np.allclose(sample.face.points + np.float32([sample.x, sample.y]), own, atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 80), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_rows_are_rows_of_the_track_and_no_more_than_asked(n: int, most: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    track = replace(
        support.track(n=n),
        angles=rng.normal(0, 20, (n, 3)).astype(np.float32),
        presence=rng.choice([0.0, 1.0], n).astype(np.float32),
        detected=rng.random(n) < 0.5,
    )
    chosen, tied = samples.rows(track, support.WIDTH, support.HEIGHT, most)
    assert chosen == sorted(set(chosen)) and set(tied) <= set(chosen)
    assert 1 <= len(chosen) <= max(most, len(tied)) and all(0 <= row < n for row in chosen)


def test_extremes_of_pose_and_mouth_are_met() -> None:
    track = support.track(n=60)
    track.angles[:, 1] = np.linspace(-30, 28, 60)
    track.angles[:, 0] = 10 * np.sin(np.arange(60))
    track.blendshapes[41, 25] = 0.9
    chosen, tied = samples.rows(track, support.WIDTH, support.HEIGHT, 12)
    assert {0, 59, 41} <= set(chosen) and tied
    assert {int(track.angles[:, 0].argmax()), int(track.angles[:, 0].argmin())} <= set(chosen)


def test_a_track_without_a_mesh_is_sampled_all_the_same() -> None:
    blind = replace(support.track(n=9), presence=np.zeros(9, np.float32), mesh=np.full((9, 478, 3), np.nan, np.float32))
    cut = samples.run(support.opener(support.noise(9)), support.tracks(blind, frames=9), support.Landmarker())
    assert cut.samples and not any(sample.tied for sample in cut.samples)


@settings(max_examples=30, deadline=None)
@given(st.floats(-60, 380), st.floats(-60, 300), st.floats(8, 200))
@example(0.0, -12.0, 8.0)
def test_crops_of_faces_at_the_edge_are_never_empty(x: float, y: float, side: float) -> None:
    track = support.track(n=1, x=x, y=y, side=side)
    cut = samples.run(support.opener(support.noise(1)), support.tracks(track, frames=1), support.Landmarker())
    assert all(min(sample.crop.shape[:2]) >= 2 for sample in cut.samples) and len(cut.samples) == 1


def test_several_tracks_are_kept_apart_and_in_order() -> None:
    found = support.tracks(support.track(0, x=80, side=60), support.track(1, x=240, side=60))
    cut = samples.run(support.opener(support.noise(8)), found, support.Landmarker(), most=4)
    assert [(s.track, s.row) for s in cut.samples] == sorted((s.track, s.row) for s in cut.samples)
    assert {s.track for s in cut.of(1)} == {1} and cut.of(0) and cut.of(1) and cut.of(7) == []


def test_nothing_to_cut_opens_nothing() -> None:
    def never() -> AbstractContextManager[Iterator[YuvFrame]]:
        raise AssertionError("opened")

    assert samples.run(never, support.tracks(), support.Landmarker()).samples == ()


def test_samples_reach_over_the_whole_track() -> None:
    track = support.track(n=100)
    chosen, _ = samples.rows(track, support.WIDTH, support.HEIGHT, 24)
    assert len(chosen) >= 18 and max(np.diff(chosen)) <= 12 and chosen[0] <= 8 and chosen[-1] >= 91

"""Verification: the smallest distance between painted samples and the source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from models.capabilities import Face, Image
from models.twins import Strength
from tasks import verify
from tests.tasks import support

Far = Callable[[Image, Face], float]
SOURCE = np.eye(4, dtype=np.float32)[:1]


def smallest(far: Far, usable: bool = True, source: np.ndarray = SOURCE) -> float:
    found = support.tracks(support.track())
    people = support.people(found)
    driving = support.drivings(found, people).drivings[0]
    if not usable:
        driving = replace(driving, usable=np.zeros(8, bool))
    cut = support.samples(found, (0, 2, 4)).samples
    twin, embedder = support.twin(), support.Embedder(far)
    trial = verify.Trial(twin, {0: driving}, support.Painter(), Strength())
    return verify.smallest_distance(trial, cut, source, embedder)


def test_the_smallest_distance_over_the_samples_counts() -> None:
    answers = iter([0.9, 0.4, 0.7])
    assert smallest(lambda frame, face: next(answers)) == pytest.approx(0.4, abs=1e-6)


def test_the_nearest_source_embedding_counts() -> None:
    both = np.stack([[0, 0, 1, 0], [0, 1, 0, 0]]).astype(np.float32)
    assert smallest(lambda frame, face: 1.0, source=both) == pytest.approx(0.0, abs=1e-6)


def test_nothing_painted_is_no_number() -> None:
    assert np.isnan(smallest(lambda frame, face: 0.9, usable=False))


def test_the_embedder_sees_the_painted_face_in_its_surroundings() -> None:
    def look(frame: Image, face: Face) -> float:
        x0, y0, x1, y1 = np.round(face.box).astype(int)
        inside = frame[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2]
        assert (inside == (20, 90, 170)).all() and frame.reshape(-1, 3).std() > 20
        return 0.5

    assert smallest(look) == pytest.approx(0.5, abs=1e-6)


def test_shifted_motion_lies_in_the_crop() -> None:
    found = support.tracks(support.track(step=2.0))
    driving = support.drivings(found, support.people(found)).drivings[0]
    sample = replace(support.samples(found, (3,)).samples[0], x=40, y=20)
    moved = verify.shifted(driving, sample)
    assert moved.meshes.shape == (1, 478, 3) and moved.first == 3
    assert np.allclose(moved.meshes[0], driving.meshes[3] - np.float32([40, 20, 0]), atol=1e-4)
    placed = moved.scale[0] * moved.shapes[0] @ moved.rotation[0].T + moved.shift[0]
    assert np.abs(placed - moved.meshes[0]).max() < 0.01


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_samples_of_several_tracks_are_performed_in_batches_and_painted_each_on_its_own_crop(batch: int) -> None:
    found = support.tracks(support.track(0, x=80, side=60, step=2.0), support.track(1, first=2, n=6, x=240, side=60))
    people = support.people(found)
    drivings = dict(enumerate(support.drivings(found, people).drivings))
    cut = [replace(s, x=4 * i, y=2 * i) for i, s in enumerate(support.samples(found, (1, 3, 5)).samples)]
    painter = support.Painter(batch=batch)
    trial = verify.Trial(support.twin(), drivings, painter, Strength())
    shown = [(sample, trial.paint((sample, one))) for sample, one in trial.perform(cut)]
    assert [sample for sample, _ in shown] == cut and max(map(len, painter.asked)) == min(batch, 6)
    for sample, result in shown:
        assert result is not None
        wanted = found.tracks[sample.track].mesh[sample.row, :468, :2] - (sample.x, sample.y)
        assert np.abs(result[1].box - np.concatenate([wanted.min(axis=0), wanted.max(axis=0)])).max() < 4

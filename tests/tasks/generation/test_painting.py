"""A twin on sampled frames, as embedders see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from models.interfaces.capabilities import Face, Image
from models.interfaces.twins import Strength
from tasks.generation import painting, site
from tasks.generation.painting import Shown
from tests.tasks import support

Far = Callable[[Image, Face], float]


def shown(*far: Far, usable: bool = True, presence: float = 1.0) -> Shown:
    found = support.tracks(support.track())
    people = support.people(found)
    driving = support.drivings(found, people).drivings[0]
    if not usable:
        driving = replace(driving, usable=np.zeros(8, bool))
    trial = painting.Trial(support.twin(), {0: driving}, support.Painter(), Strength())
    landmarker = support.Landmarker(lambda _: presence)
    return painting.show(
        trial, support.samples(found, (0, 2, 4)).samples, landmarker, [support.Embedder(f) for f in far]
    )


def test_every_embedder_sees_every_sample_in_order() -> None:
    answers = iter([0.9, 0.4, 0.7])
    seen = shown(lambda *_: next(answers), lambda *_: 0.2)
    assert [sample.row for sample in seen.samples] == [0, 2, 4]
    assert 1 - seen.vectors[0][:, 0] == pytest.approx([0.9, 0.4, 0.7], abs=1e-6)
    assert 1 - seen.vectors[1][:, 0] == pytest.approx([0.2] * 3, abs=1e-6)


def test_what_cannot_be_painted_is_not_seen() -> None:
    assert shown(lambda *_: 0.9, usable=False).samples == ()


def test_the_embedder_sees_the_painted_face_in_its_surroundings_by_the_mesh_that_is_read_there() -> None:
    boxes = []

    def look(frame: Image, face: Face) -> float:
        x0, y0, x1, y1 = np.round(face.box).astype(int)
        inside = frame[y0 + 4 : y1 - 4, x0 + 4 : x1 - 4]
        assert (inside == (20, 90, 170)).all() and frame.reshape(-1, 3).std() > 20
        boxes.append(face.box)
        return 0.5

    shown(look)
    read = [np.array(box) for box in boxes]
    boxes.clear()
    shown(look, presence=0.1)
    assert not np.allclose(read, boxes, atol=0.5), "without a mesh, where it was painted"


@pytest.mark.parametrize(("count", "expected"), [(1, [0]), (3, [0, 1, 2]), (9, [0, 2, 3, 5, 6, 8]), (24, 6)])
def test_samples_are_spread_evenly(count: int, expected: list[int] | int) -> None:
    found = support.samples(support.tracks(support.track(n=24), frames=24), range(count)).samples
    rows = [sample.row for sample in painting.spread(found)]
    if isinstance(expected, int):
        assert len(rows) == expected and rows[0] == 0 and rows[-1] == 23 and max(np.diff(rows)) <= 5
    else:
        assert rows == expected


def test_shifted_motion_lies_in_the_crop() -> None:
    found = support.tracks(support.track(step=2.0))
    driving = support.drivings(found, support.people(found)).drivings[0]
    sample = replace(support.samples(found, (3,)).samples[0], x=40, y=20)
    moved = site.shifted(driving, sample)
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
    trial = painting.Trial(support.twin(), drivings, painter, Strength())
    shown = [(sample, trial.paint((sample, one))) for sample, one in trial.animate(cut)]
    assert [sample for sample, _ in shown] == cut and max(map(len, painter.asked)) == min(batch, 6)
    for sample, result in shown:
        assert result is not None
        wanted = found.tracks[sample.track].mesh[sample.row, :468, :2] - (sample.x, sample.y)
        assert np.abs(result[1].box - np.concatenate([wanted.min(axis=0), wanted.max(axis=0)])).max() < 4

"""Several people in one frame, animated by networks: each by its own motion, the nearer one on top."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from infra.errors import WeightsError
from models.interfaces.capabilities import Image
from models.interfaces.twins import AT_REST, MotionModel, Strength, Twin
from models.selection import profiles
from tasks.analysis import motion
from tasks.analysis.identities import Identities, Identity
from tasks.generation import site
from tasks.generation.twin import TwinResult
from tasks.output import reassemble
from tasks.output.reassemble import RenderPlan
from tasks.records import FaceEdits, Tracks
from tests.contracts import support as contracts
from tests.tasks import support

FRAMES = 14


@cache
def found_in(path: Path) -> tuple[list[Image], Tracks]:
    pictures = support.first_frames(path, FRAMES)
    return pictures, support.found_in(pictures)


def convert(
    model: MotionModel, pictures: list[Image], tracks: Tracks, only: tuple[int, ...]
) -> tuple[list[Image], FaceEdits]:
    """The frames with the twins of the tracks `only` in them; the other tracks are not looked at."""
    some = Tracks(tuple(t for t in tracks.tracks if t.index in only), FRAMES, tracks.width, tracks.height)
    numbered = {t.index: number for number, t in enumerate(some.tracks)}
    renumbered = Tracks(tuple(
        type(t)(**{**vars(t), "index": numbered[t.index]}) for t in some.tracks
    ), FRAMES, tracks.width, tracks.height)  # fmt: skip
    vector = np.eye(8, dtype=np.float32)
    people = Identities(
        tuple(Identity(n, (n,), vector[n][None], vector[n]) for n in range(len(some.tracks))), "facenet"
    )
    opened = support.opener(pictures)
    drivings = motion.run(renumbered, people, None, opened, model)
    results = []
    for number, driving in enumerate(drivings.drivings):
        row = int(np.flatnonzero(driving.usable)[0])
        sample = support.sample(renumbered.tracks[number], row, pictures[driving.first + row])
        twin = model.prepare(
            person(only[number]), site.shifted(driving, sample), 0, pictures[driving.first + row], Strength()
        )
        results.append(TwinResult(number, twin, Strength(), ()))
    sink = support.Sink()
    faces = support.analysis(renumbered, people, drivings, opened)
    painted = reassemble.run(faces, sink, RenderPlan(1, tuple(results), ()), model, workers=2)
    return [frame.to_bgr() for frame in sink.frames], painted


@cache
def person(number: int) -> Twin:
    name = ("synthetic/02", "synthetic/03")[number]
    picture = contracts.still(name)
    mesh = contracts.load("landmarker", "mesh").locate([picture], [contracts.face(name)])[0].points
    return Twin(picture, mesh, number, AT_REST, np.zeros(4, np.float32), np.full(picture.shape[:2], 255, np.uint8))


@pytest.mark.parametrize("name", profiles.BACKENDS["motion"])
def test_both_people_of_a_frame_are_animated(clip: Callable[[str], Path], name: str, tmp_path: Path) -> None:
    pictures, tracks = found_in(clip("intel_two_faces.gif"))
    assert len(tracks.tracks) == 2
    try:
        model = profiles.load("motion", name)
    except WeightsError:
        model = contracts.random_motion(name, tmp_path)
    both, painted = convert(model, pictures, tracks, (0, 1))
    assert sorted(zip(painted.frame.tolist(), painted.track.tolist(), strict=True)) == sorted(
        (frame, number) for number, t in enumerate(tracks.tracks) for frame in range(t.first, t.last + 1)
    )
    assert painted.replaced.mean() > 0.9
    for index, (before, after) in enumerate(zip(pictures, both, strict=True)):
        order = painted.track[painted.frame == index].tolist()
        areas = [tracks.tracks[number].area(index) for number in order]
        assert areas == sorted(areas), "the nearer face must be painted last"
        for track in tracks.tracks:
            points = track.mesh[index - track.first, :468, :2].round().astype(int)
            inside = (points >= 0).all(axis=1) & (points < before.shape[1::-1]).all(axis=1)
            x, y = points[inside].T
            apart = np.abs(after[y, x].astype(int) - before[y, x]).max(axis=1)
            assert (apart > 4).mean() > 0.7, f"a face of frame {index} is still there"
    # Each is moved by its own motion only: where the other is not, the picture is what it is without the other.
    for number in (0, 1):
        alone, _ = convert(model, pictures, tracks, (number,))
        other = tracks.tracks[1 - number]
        for index in (0, FRAMES - 1):
            box = other.boxes[index - other.first]
            centre, reach = (box[:2] + box[2:]) / 2, 1.2 * float((box[2:] - box[:2]).max())
            own = tracks.tracks[number].boxes[index - tracks.tracks[number].first]
            x, y = ((own[:2] + own[2:]) / 2).round().astype(int)
            if np.abs(centre - (x, y)).max() > reach:
                spot = (slice(y - 8, y + 8), slice(x - 8, x + 8))
                assert np.abs(alone[index][spot].astype(int) - both[index][spot]).mean() < 0.05

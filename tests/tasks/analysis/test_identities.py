"""Which tracks show one person."""

from __future__ import annotations

import numpy as np
import pytest

from models.embedding.calibration import calibration
from models.interfaces.capabilities import Face, Image
from tasks.analysis import identities
from tasks.analysis.identities import Identities
from tasks.analysis.samples import Sample, Samples
from tasks.records import Track
from tests.contracts import support as contracts
from tests.tasks import support


class Compass:
    """Embeds a face by the direction that its track's column stands for: 100 pixels are one radian."""

    name, dimension = "fake", 2

    def embed(self, frames: list[Image], faces: list[Face]) -> np.ndarray:
        angles = np.array([face.box[1] / 100 for face in faces]).reshape(-1)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def at(index: int, angle: float, first: int = 0, n: int = 5) -> Track:
    """A track whose faces Compass sees at this angle."""
    return support.track(index, first, n, y=100 * angle + 20, side=40)


def grouped(threshold: float, *tracks: Track) -> Identities:
    found = support.tracks(*tracks, frames=100)
    return identities.run(found, support.samples(found), Compass(), threshold)


def test_near_tracks_are_one_person_and_far_ones_are_not() -> None:
    people = grouped(0.2, at(0, 0.0), at(1, 1.2, 10), at(2, 0.1, 20), at(3, 1.3, 30))
    assert [i.tracks for i in people.identities] == [(0, 2), (1, 3)]
    assert [i.index for i in people.identities] == [0, 1] and people.embedder == "fake"


def test_two_tracks_on_one_frame_are_two_people_whatever_their_distance() -> None:
    people = grouped(0.9, at(0, 0.0, 0, 10), at(1, 0.0, 9, 10))
    assert [i.tracks for i in people.identities] == [(0,), (1,)]
    later = grouped(0.9, at(0, 0.0, 0, 10), at(1, 0.0, 10, 10))
    assert [i.tracks for i in later.identities] == [(0, 1)]


def test_two_who_share_a_frame_stay_apart_through_a_third() -> None:
    people = grouped(0.3, at(0, 0.0, 0, 10), at(1, 0.0, 5, 10), at(2, 0.0, 30, 10))
    of = {track: i.index for i in people.identities for track in i.tracks}
    assert of[0] != of[1] and of[2] in (of[0], of[1])


def test_embeddings_of_all_samples_are_kept_and_pooled_to_a_unit_vector() -> None:
    people = grouped(0.2, at(0, 0.0), at(1, 0.1, 10))
    one = people.identities[0]
    assert one.embeddings.shape == (4, 2) and np.linalg.norm(one.pooled) == pytest.approx(1.0, abs=1e-6)
    assert np.arctan2(one.pooled[1], one.pooled[0]) == pytest.approx(0.05, abs=1e-3)
    assert identities.pool(np.zeros((2, 3), np.float32)).tolist() == [0, 0, 0]


def test_nobody_is_nobody() -> None:
    assert identities.run(support.tracks(), Samples(()), Compass(), 0.5).identities == ()


def test_real_faces_of_two_people_are_two_identities() -> None:
    embedder = contracts.load("embedder", "facenet")
    names = ("people/002_A", "people/007_B", "people/004_A", "people/008_B")
    tracks, cuts = [], []
    for index, name in enumerate(names):
        face = contracts.face(name)
        x, y = (face.box[:2] + face.box[2:]) / 2
        track = support.track(index, 10 * index, 1, float(x), float(y), face.size)
        track.boxes[0], track.points[0] = face.box, face.points
        tracks.append(track)
        cuts.append(Sample(index, 0, 10 * index, 0, 0, contracts.still(name), True, face))
    found = support.tracks(*tracks, frames=40)
    people = identities.run(found, Samples(tuple(cuts)), embedder, calibration("facenet").eer_distance)
    assert [i.tracks for i in people.identities] == [(0, 2), (1, 3)]

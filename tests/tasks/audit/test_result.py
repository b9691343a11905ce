"""Who must not be recognised in a result, and that every frame of it is looked at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.embedding.calibration import calibration
from tasks.audit.result import known_people
from tasks.generation.limits import InPlace
from tasks.records import References
from tests.tasks import support

JUDGES = ("dlib-resnet", "sface")


def test_everybody_is_known_by_their_own_limit_or_the_general_one() -> None:
    found = support.tracks(*(support.track(i, x=80 + 80 * i) for i in range(2)))
    people, cut = support.people(found), support.samples(found)
    vectors = np.eye(4, dtype=np.float32)[[0, 1] * (len(cut.samples) // 2)]
    faces = support.analysis(found, people, support.drivings(found, people), support.opener([]))
    faces = replace(faces, samples=cut, references=References((vectors, vectors)))
    first, second = people.identities
    measured = support.controls(cut, first, judges=2)
    dim = InPlace(np.zeros(4, np.float32), np.full((8, 3), 0.07, np.float32))
    measured = replace(measured, measured=(measured.measured[0], dim, measured.measured[2]))
    known = known_people(faces, {first.index: measured}, JUDGES)
    assert [len(of) for of in known] == [2, 2]
    assert [of[0].limit for of in known] == pytest.approx([0.035, 0.6])
    assert [of[0].asked for of in known] == pytest.approx([0.07, calibration("sface").far_1])
    assert [of[1].asked for of in known] == [calibration(name).far_1 for name in JUDGES]
    assert [of[1].limit for of in known] == [calibration(name).nearest_stranger for name in JUDGES]
    own = [k for k, sample in enumerate(cut.samples) if sample.track in second.tracks]
    assert np.array_equal(known[1][1].vectors, vectors[own])

"""What is kept of a measured file, and that what is not known stays unknown."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics import detection
from tasks.evaluation.metrics.clip import PER_PERSON, Clip, reduce
from tasks.evaluation.metrics.identity import deidentification
from tasks.evaluation.metrics.identity.deidentification import Distance
from tests.tasks.evaluation.metrics.support import directions, measured, rows


def made(ours: list[float | None], theirs: list[float | None], **columns: object) -> Clip:
    vectors = {"fake": np.stack([directions(*ours), directions(*theirs)])}
    file = measured(len(ours), vectors=vectors, **columns)  # type: ignore[arg-type]
    return reduce(file, 4, {int(person): 10 + int(person) for person in file.people})


def far(angle: float) -> float:
    return 1 - math.cos(angle)


def test_each_face_is_compared_with_all_originals_of_the_file() -> None:
    found = made([0.0, 0.5, 1.0], [1.2, 0.6, -0.3])
    assert found.nearest["fake"] == pytest.approx([far(0.2), far(0.1), far(0.3)], abs=1e-6)
    assert not found.missed.any()


def test_somebody_elses_face_in_the_wrong_place_is_near() -> None:
    swapped = made([0.0, 1.5], [1.5, 0.0], person=[0, 1], frame=np.array([0, 0]))
    assert swapped.nearest["fake"] == pytest.approx([0, 0], abs=1e-6)


def test_a_frame_that_is_not_there_is_not_compared_and_not_missed() -> None:
    found = made([0.0, 0.5], [1.0, None], shown=np.array([True, False]))
    assert found.nearest["fake"][0] == pytest.approx(far(0.5), abs=1e-6) and np.isnan(found.nearest["fake"][1])
    assert not found.missed.any()


def test_an_original_that_could_not_be_embedded_hides_nobody() -> None:
    found = made([0.0, None, 0.5], [1.0, 0.1, 0.5])
    assert found.nearest["fake"] == pytest.approx([far(0.5), far(0.1), 0], abs=1e-6)
    assert found.missed.tolist() == [False, True, False], "its frame may have been the nearest"
    assert found.originals["fake"].frame.tolist() == [0, 2], "an attack takes finite vectors only"
    assert found.anonymized["fake"].frame.tolist() == [0, 1, 2]


@pytest.mark.parametrize("broken", [np.nan, np.inf, 0.0, 3.0])
def test_a_face_that_is_there_and_could_not_be_embedded_is_missed(broken: float) -> None:
    vectors = np.stack([directions(0, 0.5), directions(1, 1.5)])
    vectors[1, 1] *= broken
    found = reduce(measured(2, vectors={"fake": vectors}), 0, {0: 0})
    assert found.missed.tolist() == [False, True] and np.isnan(found.nearest["fake"][1])
    assert found.anonymized["fake"].frame.tolist() == [0]


def test_a_face_that_no_detector_sees_any_more_is_hidden() -> None:
    found = made([0.0, 0.5, 1.0], [1.0, 1.5, None], found=np.array([True, False, False]),
                 shown=np.array([True, True, False]))  # fmt: skip
    assert found.hidden.tolist() == [False, True, False] and not np.isnan(found.nearest["fake"][1])


def test_missed_by_one_network_is_missed() -> None:
    good, bad = np.stack([directions(0, 1)] * 2), np.stack([directions(0, 1), directions(0, None)])
    assert reduce(measured(2, vectors={"good": good, "bad": bad}), 0, {0: 0}).missed.tolist() == [False, True]
    assert reduce(measured(2), 0, {0: 0}).missed.all(), "nobody was asked"


def test_without_any_original_to_compare_with_nothing_is_known() -> None:
    found = made([None, None], [0.0, 1.0])
    assert np.isnan(found.nearest["fake"]).all() and found.missed.all() and not len(found.originals["fake"])


def test_many_rows_are_compared_as_few_are() -> None:
    random = np.random.default_rng(3)
    vectors = random.normal(size=(2, 2500, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    vectors[1, 7] = np.nan
    found = reduce(measured(2500, vectors={"fake": vectors}), 0, {0: 0}).nearest["fake"]
    expected = 1 - (vectors[1] @ vectors[0].T).max(axis=1)
    assert np.allclose(found, expected, atol=1e-6, equal_nan=True) and np.isnan(found[7])


def test_some_faces_of_each_person_are_kept_evenly_spread() -> None:
    person = [0] * 100 + [1] * 5
    found = made(np.linspace(0, 1, 105).tolist(), np.linspace(1, 2, 105).tolist(), person=person)
    kept = found.originals["fake"]
    assert (kept.person == 10).sum() == PER_PERSON == 32 and (kept.person == 11).sum() == 5
    assert kept.frame[:32].tolist() == np.linspace(0, 99, 32).round().astype(int).tolist()
    assert (kept.clip == 4).all() and kept.vectors[0] == pytest.approx([1, 0])
    other = found.anonymized["fake"]
    assert np.array_equal(kept.frame, other.frame) and np.array_equal(kept.person, other.person)
    assert other.vectors[0] == pytest.approx(directions(1.0)[0])


def test_a_file_that_keeps_few_frames_is_attacked_by_those() -> None:
    shown = np.zeros(100, bool)
    shown[41:46] = True
    found = made([0.0] * 100, [1.0 if one else None for one in shown], shown=shown)
    assert found.anonymized["fake"].frame.tolist() == [41, 42, 43, 44, 45]
    assert len(found.originals["fake"]) == PER_PERSON


def test_its_own_numbers() -> None:
    found = made([0.0, 0.1, 0.2], [0.5, 1.1, None], shown=np.array([True, True, False]))
    level = found.privacy[deidentification.LEVEL[Distance.COSINE], "fake"]
    assert level.value == pytest.approx((far(0.5) + far(1.0)) / 2, abs=1e-6) and level.samples == 2
    steady = found.privacy[deidentification.CONSISTENCY[Distance.COSINE], "fake"]
    assert steady.value == pytest.approx(far(0.6), abs=1e-6) and steady.original == pytest.approx(far(0.1), abs=1e-6)
    assert len(found.privacy) == 8 and found.usefulness[detection.FOUND, ""].value == 1
    assert (found.index, found.person, found.frames, found.faces, found.shared) == (4, 10, 3, 3, 3)


def test_a_first_original_that_is_unknown_does_not_take_the_others_along() -> None:
    found = made([None, 0.1, 0.2], [0.5, 1.1, 1.4])
    steady = found.privacy[deidentification.CONSISTENCY[Distance.COSINE], "fake"]
    assert steady.value == pytest.approx(far(0.3), abs=1e-6) and steady.original == pytest.approx(far(0.1), abs=1e-6)


def test_numbers_of_a_file_without_a_comparison_are_unknown_not_missing() -> None:
    found = made([0.0, 0.1], [None, None])
    assert len(found.privacy) == 8 and all(not one.known and one.note for one in found.privacy.values())


def test_who_is_seen_most_stands_for_the_file() -> None:
    assert made([0.0] * 3, [1.0] * 3, person=[2, 5, 5]).person == 15
    nobody = [reduce(Measured.empty(), index, {}).person for index in (0, 1, 2)]
    assert len(set(nobody)) == 3 and max(nobody) < 0, "files without anybody are no person's"


@pytest.mark.parametrize(
    ("person", "clear"), [([0], True), ([0, 1, 1], True), ([0, 1], False), ([2, 1, 0, 0, 1], False)]
)
def test_a_label_is_clear_where_one_person_is_seen_most(person: list[int], clear: bool) -> None:
    angles = [0.1 * n for n in range(len(person))]
    assert made(angles, angles, person=person).clear is clear
    assert not reduce(Measured.empty(), 1, {}).clear


def test_looks_are_medians_of_what_was_measured_of_the_original() -> None:
    columns = {
        "age": rows([20, None, 40, 60], [90] * 4),
        "female": rows([0.1, None, 0.3, None], [0.9] * 4),
        "skin": rows([None] * 4, [50] * 4),
    }
    found = made([0.0] * 4, [1.0] * 4, person=[0, 0, 0, 1], **columns).looks
    assert found[10] == pytest.approx([30, 0.2, math.nan], nan_ok=True)
    assert found[11] == pytest.approx([60, math.nan, math.nan], nan_ok=True)


def test_nothing_measured_has_no_numbers() -> None:
    found = reduce(Measured.empty(), 1, {})
    assert found.usefulness == {} and found.privacy == {} and found.faces == 0 and not found.missed.size
    without = made([0.0], [None], shared=0, shown=np.zeros(1, bool))
    assert without.usefulness == {} and len(without.originals["fake"]) == 1 and not len(without.anonymized["fake"])


def test_a_video_without_faces_keeps_empty_columns() -> None:
    file = replace(measured(0, vectors={"fake": np.zeros((2, 0, 2), np.float32)}), frames=5, shared=5, unpaired=2)
    found = reduce(file, 1, {})
    assert found.nearest["fake"].shape == (0,) and found.originals["fake"].vectors.shape == (0, 2)
    assert found.unpaired == 2 and not found.usefulness[detection.FOUND, ""].known

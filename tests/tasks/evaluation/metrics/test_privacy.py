"""All attacks at once on made datasets, down to those with nobody in them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.embedding.vectors import unit
from tasks.evaluation.metrics.adversary import attributes, reidentified, reversal
from tasks.evaluation.metrics.clip import Clip, reduce
from tasks.evaluation.metrics.definition import Figure
from tasks.evaluation.metrics.identity import identification, linkage, verification
from tasks.evaluation.metrics.privacy import Attack, attack, gather
from tasks.evaluation.metrics.usefulness import parrot
from tests.tasks.evaluation.metrics.support import measured

DIMENSION = 16


def clip(index: int, person: int, anonymized: np.ndarray | None, n: int = 6, seed: int = 1) -> Clip:
    """A file of one person. anonymized: direction of the anonymized faces, None without a result."""
    random = np.random.default_rng([seed, index])

    def around(direction: np.ndarray) -> np.ndarray:
        return unit((direction + random.normal(0, 0.02, (n, DIMENSION))).astype(np.float32))

    ours = around(identity(person))
    theirs = around(anonymized) if anonymized is not None else np.full((n, DIMENSION), np.nan, np.float32)
    there = anonymized is not None
    file = measured(n, vectors={"fake": np.stack([ours, theirs])}, shared=n * there, shown=np.full(n, there),
                    frame=40 * np.arange(n))  # fmt: skip
    return reduce(file, index, {0: person})


def identity(person: int) -> np.ndarray:
    return np.eye(DIMENSION)[person]


def stranger(person: int) -> np.ndarray:
    direction = np.random.default_rng([9, person]).normal(size=DIMENSION)
    return direction / np.linalg.norm(direction)


def run(clips: list[Clip], threshold: float = 0.3) -> Attack:
    return attack(clips, "fake", threshold)


def test_a_dataset_that_was_left_alone_is_found_out() -> None:
    found = run([clip(n, n % 8, identity(n % 8)) for n in range(16)])
    rate = found.numbers[identification.RATES[1], "fake"]
    assert rate.value == 1 == rate.original and rate.chance == 1 / 8 and rate.people == 8 and rate.samples == 96
    assert found.people == 8 and found.cmc.tolist() == [1.0] * 8 == found.cmc_originals.tolist()
    assert found.numbers[identification.MEDIAN_RANK, "fake"].value == 1
    mean = found.numbers[identification.MEAN_RANK, "fake"]
    assert mean.value == 1 and mean.original == 1 and mean.note == "Standard deviation 0.0."
    assert found.numbers[parrot.PARROT, "fake"].value == 1
    assert found.numbers[linkage.SAME_PERSON, "fake"].value == 1 and found.matches == ()
    assert found.roc.far.size and found.roc.anonymized == pytest.approx(found.roc.original, abs=0.05)


def test_what_does_not_depend_on_the_person_is_guessing() -> None:
    same = identity(12)
    found = run([clip(n, n % 8, same) for n in range(16)])
    # Ranks are by noise; no person is nearer than another by what they are.
    assert found.numbers[identification.RATES[1], "fake"].value < 0.5
    assert found.numbers[linkage.SHARED_TWIN, "fake"].value == 1 and len(found.matches) == 112


def test_keys_have_the_embedder_as_variant_and_every_attack_is_there() -> None:
    found = run([clip(n, n % 8, stranger(n % 8)) for n in range(16)])
    assert {variant for _, variant in found.numbers} == {"fake"}
    expected = {*identification.RATES.values(), identification.MEDIAN_RANK, identification.MEAN_RANK, parrot.PARROT}
    expected |= {*verification.TAR.values(), linkage.SAME_PERSON, linkage.SHARED_TWIN, identification.WORST}
    expected |= {reidentified.EXPLAINED, reidentified.EXCESS, *attributes.BEYOND.values()}
    expected |= {definition for table in reversal.DEFINITIONS for definition in table.values()}
    assert {definition for definition, _ in found.numbers} == expected


def test_people_without_a_result_stay_in_the_gallery() -> None:
    clips = [clip(n, n, identity(n) if n < 4 else None) for n in range(8)]
    found = run(clips)
    rate = found.numbers[identification.RATES[1], "fake"]
    assert found.people == 8 and rate.chance == 1 / 8 and rate.people == 4 and rate.samples == 24
    assert rate.value == 1 and len(gather(clips, "fake", False)) == 48 and len(gather(clips, "fake", True)) == 24


def test_the_true_rank_is_that_of_the_true_person() -> None:
    # Everybody takes the next one's place: never right, and second at best.
    found = run([clip(n, n, identity((n + 1) % 6) + 0.5 * identity(n)) for n in range(6)])
    assert found.numbers[identification.RATES[1], "fake"].value == 0
    assert found.numbers[identification.MEDIAN_RANK, "fake"].value == 2
    assert found.cmc[:2].tolist() == [0, 1]


def unknown(found: Attack) -> dict[str, Figure]:
    return {definition.name: figure for (definition, _), figure in found.numbers.items() if not figure.known}


def test_one_person_is_named_by_guessing() -> None:
    found = run([clip(n, 3, identity(3)) for n in range(3)])
    rate = found.numbers[identification.RATES[1], "fake"]
    assert found.people == 1 and rate.value == 1 and rate.chance == 1 and math.isnan(rate.low)
    assert {"re_at_5", "re_at_20", "tar_at_far_0.001", "shared_twins", "parrot_accuracy"} <= unknown(found).keys()
    assert all(figure.note for figure in unknown(found).values())
    assert not found.roc.far.size and found.cmc.tolist() == [1.0]


def test_without_anonymized_faces_nothing_is_known_and_every_number_says_so() -> None:
    found = run([clip(n, n, None) for n in range(6)])
    assert unknown(found).keys() == {definition.name for definition, _ in found.numbers}
    assert all(figure.note and "nan" not in figure.note for figure in unknown(found).values())
    assert np.isnan(found.cmc).all() and found.people == 6 and found.matches == ()
    assert np.isnan(found.roc.anonymized).all()


def test_files_without_a_face_are_no_obstacle() -> None:
    empty = reduce(measured(0, vectors={"fake": np.zeros((2, 0, DIMENSION), np.float32)}, frames=9, shared=9), 9, {})
    some = [clip(n, n, identity(n)) for n in range(5)]
    with_empty, without = run([*some, empty]), run(some)
    assert repr(with_empty.numbers) == repr(without.numbers)
    nobody = run([empty])
    assert nobody.people == 0 and unknown(nobody).keys() == {definition.name for definition, _ in nobody.numbers}


def test_faces_that_could_not_be_embedded_stop_no_attack() -> None:
    random = np.random.default_rng(2)
    clips = []
    for n in range(5):
        vectors = unit((identity(n) + random.normal(0, 0.02, (12, DIMENSION))).astype(np.float32)).reshape(2, 6, -1)
        vectors[n % 2, n] = np.nan
        clips.append(reduce(measured(6, vectors={"fake": vectors}, frame=40 * np.arange(6)), n, {0: n}))
    rate = run(clips).numbers[identification.RATES[1], "fake"]
    assert rate.value == 1 and rate.samples == 30 - 2


def test_baselines_leave_out_neighbouring_frames_of_the_clip() -> None:
    # A single clip of each person whose frames follow each other: nothing is left to name an original by.
    def near(n: int) -> Clip:
        vectors = np.tile(identity(n).astype(np.float32), (2, 6, 1))
        return reduce(measured(6, vectors={"fake": vectors}), n, {0: n})

    found = run([near(n) for n in range(5)])
    assert math.isnan(found.numbers[identification.RATES[1], "fake"].original)
    assert np.isnan(found.cmc_originals).all()


@pytest.mark.parametrize("shown", [reversal.LEAST, reversal.LEAST - 1])
def test_results_that_are_a_function_of_the_source_are_reversed_where_a_face_is_seen(shown: int) -> None:
    """Of the others no age was read in the result: no face stands there, and a map learns nothing from them."""
    random = np.random.default_rng(5)
    turn = np.linalg.qr(random.normal(size=(DIMENSION, DIMENSION)))[0]
    clips = []
    for n in range(reversal.LEAST + 10):
        source = unit(random.normal(size=(1, DIMENSION)).astype(np.float32))
        sides = np.stack([np.repeat(source, 3, axis=0), np.repeat(source @ turn, 3, axis=0)]).astype(np.float32)
        age = np.full((2, 3), np.nan if n >= shown else 30.0, np.float32)
        clips.append(reduce(measured(3, vectors={"fake": sides}, age=age), n, {0: n}))
    found = run(clips).numbers
    ridge, naive = (found[table[1], "fake"] for table in (reversal.RIDGE, reversal.NAIVE))
    assert ridge.known is (shown >= reversal.LEAST)
    if ridge.known:
        assert ridge.value > 0.8 > naive.value and ridge.people == shown
        # A part of the people, and all of whom no result is seen.
        assert ridge.chance == pytest.approx(1 / (shown / reversal.FOLDS + 10))


def test_who_is_named_is_known_person_by_person() -> None:
    found = run([clip(n, n, identity(n) if n else identity(1)) for n in range(4)])
    assert found.named == {0: 0.0, 1: 1.0, 2: 1.0, 3: 1.0} and "named=" not in repr(found)

"""Outsiders, who hold other pictures of a person: leaks that are planted, and what cannot be known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.evaluation.metrics.adversary import insider, outsider
from tasks.evaluation.metrics.clip import Clip
from tasks.evaluation.metrics.definition import Definition, Figure
from tasks.evaluation.metrics.faces import Faces
from tests.tasks.evaluation.metrics.adversary.support import MAN, NEAR, WOMAN, clip, nothing, original, person, session


def run(
    clips: Sequence[Clip],
    others: Sequence[Clip] = (),
    labelled: Sequence[int] = range(50),
    footage: Mapping[int, int] | None = None,
) -> dict[Definition, Figure]:
    found = outsider.numbers(clips, others, frozenset(labelled), "fake", NEAR, footage)
    assert {variant for _, variant in found} == {"fake"}
    return {definition: figure for (definition, _), figure in found.items()}


def inside(clips: Sequence[Clip]) -> Figure:
    return insider.numbers(clips, "fake", NEAR)[insider.MATCHED, "fake"]


def test_a_leak_to_outsiders_alone_shows_with_them_alone() -> None:
    # What the results show is the room of each person's other file.
    clips = [clip(n, n, session(10 + n)) for n in range(4)]
    others = [clip(10 + n, n) for n in range(4)]
    found = run(clips, others)
    assert found[outsider.MATCHED].value == 1 and found[outsider.STRANGERS].value == 0
    assert found[outsider.EXCESS].value == 1 == found[outsider.EXCESS].low
    assert found[outsider.FIRST].value == 1 and found[outsider.FIRST].chance == 1 / 4
    assert found[outsider.RANK].value == 1 and found[outsider.RANK].chance == 2.5
    assert found[outsider.STRANGERS_FIRST].value == 0 and found[outsider.STRANGERS_RANK].value == 4
    assert found[outsider.MATCHED].samples == 8 and found[outsider.MATCHED].people == 4
    assert inside(clips).value == 0


def test_a_leak_to_insiders_alone_shows_with_them_alone() -> None:
    clips = [clip(n, n, session(n)) for n in range(4)]
    found = run(clips, [clip(10 + n, n) for n in range(4)])
    assert found[outsider.MATCHED].value == 0 == found[outsider.EXCESS].value == found[outsider.EXCESS].high
    assert found[outsider.MATCHED].original == 1, "the originals are found out"
    assert inside(clips).value == 1


def test_other_originals_of_the_person_are_other_pictures_and_the_files_own_is_none() -> None:
    clips = [clip(0, 0, original(0, 0)), clip(1, 0), clip(2, 1, original(1, 2))]
    found = run(clips)
    assert found[outsider.MATCHED].value == 1 and found[outsider.MATCHED].people == 1
    assert "1 people with a result are left out" in found[outsider.MATCHED].note, "its only file is the result's own"
    assert math.isnan(found[outsider.MATCHED].low) and "no interval" in found[outsider.MATCHED].note
    alone = run([clip(0, 0, original(0, 0)), clip(1, 1, original(1, 1))])
    assert all(not figure.known and figure.note == outsider.NO_OTHERS for figure in alone.values())


def test_a_copy_of_the_file_is_no_other_picture() -> None:
    clips = [clip(0, 0, original(0, 0)), clip(1, 1)]
    copy = [clip(5, 0)]
    assert run(clips, copy)[outsider.MATCHED].known
    assert run(clips, copy, footage={0: 0, 1: 1, 5: 0})[outsider.MATCHED].note == outsider.NO_OTHERS


def test_without_labels_nothing_is_known() -> None:
    clips = [clip(n, n // 2, original(n // 2, n)) for n in range(6)]
    found = run(clips, labelled=())
    assert len(found) == 7 and all(not one.known and one.note == outsider.NO_LABELS for one in found.values())
    without = run([clip(0, 0), clip(1, 0)])
    assert all(not one.known and "result" in one.note for one in without.values())
    assert all(not one.known for one in run([]).values())


def test_who_is_not_named_is_no_stranger_and_not_in_the_gallery() -> None:
    # Person 2 is the very face that person 0's results show.
    clips = [clip(0, 0, original(2, 5)), clip(1, 0), clip(2, 1), clip(5, 2)]
    assert run(clips)[outsider.STRANGERS].value == 0.5 and run(clips)[outsider.RANK].value == 2
    named = run(clips, labelled=(0, 1))
    assert named[outsider.STRANGERS].value == 0 and named[outsider.RANK].value == 1
    assert named[outsider.FIRST].chance == 1 / 2


def test_a_stranger_of_another_kind_does_not_count() -> None:
    clips = [clip(0, 0, original(2, 5)), clip(1, 0), clip(2, 1), clip(5, 2, kind=WOMAN)]
    found = run(clips)
    assert found[outsider.STRANGERS].value == 0 == found[outsider.STRANGERS_FIRST].value
    assert found[outsider.RANK].value == 2, "in the gallery is everybody"
    alone = run([clip(0, 0, nothing(1)), clip(1, 0), clip(5, 2, kind=WOMAN)])
    assert alone[outsider.MATCHED].value == 0
    for one in (outsider.STRANGERS, outsider.EXCESS, outsider.STRANGERS_RANK):
        assert not alone[one].known and alone[one].note == outsider.NO_STRANGERS


def test_the_difference_is_taken_person_by_person() -> None:
    # Person 0 is recognised, person 1 looks like a stranger of the kind, person 2 has none.
    clips = [
        clip(0, 0, person(0)), clip(1, 0), clip(2, 1, person(0)), clip(3, 1), clip(4, 2, person(2), kind=WOMAN),
        clip(5, 2, kind=WOMAN),
    ]  # fmt: skip
    found = run(clips)
    assert found[outsider.MATCHED].value == pytest.approx(2 / 3) and found[outsider.MATCHED].people == 3
    assert found[outsider.STRANGERS].value == pytest.approx(1 / 2) and found[outsider.STRANGERS].people == 2
    excess = found[outsider.EXCESS]
    assert excess.value == 0 and (excess.low, excess.high) == (-1, 1) and excess.people == 2
    assert "2 people only" in excess.note and "1 people are left out of what is said of strangers" in excess.note
    assert "left out" not in found[outsider.MATCHED].note


def test_every_person_counts_the_same_whatever_they_have_of_faces() -> None:
    clips = [clip(0, 0, person(0), faces=9), clip(1, 0), clip(2, 1, nothing(0), faces=1), clip(3, 1)]
    assert run(clips)[outsider.MATCHED].value == 0.5


def test_faces_that_could_not_be_embedded_are_no_evidence() -> None:
    clips = [
        clip(0, 0, person(0), faces=4, unembedded=(0, 1, 2)), clip(1, 0), clip(2, 1, person(1), unembedded=(0, 1)),
        clip(3, 1),
    ]  # fmt: skip
    found = run(clips)
    assert found[outsider.MATCHED].value == 1 and found[outsider.MATCHED].samples == 1
    assert found[outsider.MATCHED].people == 1, "nobody knows anything of the second"
    assert inside(clips).people == 1


def test_a_file_that_may_show_somebody_else_says_nothing_of_its_label() -> None:
    clips = [clip(0, 0, session(1)), clip(1, 0, bystanders=2), clip(2, 1), clip(3, 0, bystanders=1)]
    found = run(clips)
    assert found[outsider.MATCHED].value == 0 and "1 files are left out" in found[outsider.MATCHED].note
    assert found[outsider.FIRST].chance == 1 / 2, "bystanders are not in the gallery"


def test_what_other_pictures_became_is_not_looked_at() -> None:
    clips = [clip(0, 0, nothing(0)), clip(1, 1)]
    given = run(clips, [clip(5, 0, person(0)), clip(6, 1, person(1))])
    assert given[outsider.MATCHED].value == 0 and given[outsider.MATCHED].samples == 2


def some(seed: int) -> list[Clip]:
    random = np.random.default_rng(seed)
    files = []
    for n in range(9):
        who, result = int(random.integers(4)), random.integers(4)
        shown = [None, person(who), session(n), nothing(n)][int(result)]
        files.append(clip(n, who, shown, kind=(MAN, WOMAN)[who % 2], faces=int(random.integers(1, 4))))
    return files


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10**6), st.permutations(range(9)), st.permutations(range(4)))
def test_the_order_of_files_and_the_numbers_of_people_change_nothing(
    seed: int, order: list[int], names: list[int]
) -> None:
    files = some(seed)
    found = run(files)
    shuffled = run([files[k] for k in order])
    renamed = run([again(one, names) for one in files])
    for definition, figure in found.items():
        assert same(shuffled[definition], figure) and shuffled[definition].low == pytest.approx(figure.low, nan_ok=True)
        assert same(renamed[definition], figure)
        if figure.known and definition.unit == "share":
            least = -1 if definition is outsider.EXCESS else 0
            ends = [end for end in (figure.low, figure.high, figure.value) if math.isfinite(end)]
            assert all(least - 1e-9 <= end <= 1 + 1e-9 for end in ends)


def same(one: Figure, other: Figure) -> bool:
    return one.value == pytest.approx(other.value, nan_ok=True) and one.original == pytest.approx(
        other.original, nan_ok=True
    )


def again(one: Clip, names: list[int]) -> Clip:
    """The same file under another number of its person."""

    def renamed(faces: Faces) -> Faces:
        return replace(faces, person=np.array([names[int(who)] for who in faces.person], np.int64))

    return replace(
        one,
        person=names[one.person],
        looks={names[who]: value for who, value in one.looks.items()},
        originals={name: renamed(faces) for name, faces in one.originals.items()},
        anonymized={name: renamed(faces) for name, faces in one.anonymized.items()},
    )

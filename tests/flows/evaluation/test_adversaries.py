"""Who counts as named, what counts as another picture, and what the manifest says, from pairs to figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flows.evaluation.adversaries import footage, numbers
from flows.evaluation.pair_work import Looked
from flows.evaluation.pairs import Pair, Pairing
from flows.run.sources import Job
from tasks.evaluation.metrics.adversary import insider, outsider
from tasks.evaluation.report.verdict import Limits
from tests.tasks.evaluation.metrics.adversary.support import NEAR, clip, nothing, person

LIMITS = {"fake": Limits(NEAR, NEAR / 2)}


def pair(ordinal: int, who: int, other: bool = False, surroundings: float | None = None, labelled: bool = True) -> Pair:
    return Pair(ordinal, Job(ordinal, f"/{ordinal}", str(ordinal)), None, who, labelled, surroundings, other)


def looked(ordinal: int, who: int, result: np.ndarray | None = None, content: str = "") -> Looked:
    return Looked(clip(ordinal, who, result), None, content=content or f"content {ordinal}")


def run(pairs: Sequence[Pair], found: Sequence[Looked], others: Sequence[Pair] = (), more: Sequence[Looked] = ()):  # type: ignore[no-untyped-def]
    pairing = Pairing(tuple(pairs), 0, 2, any(one.surroundings is not None for one in pairs), tuple(others))
    return numbers(pairing, found, more, LIMITS, lambda: None)


def test_other_pictures_are_named_by_their_own_label() -> None:
    pairs, found = [pair(1, 0), pair(2, 1)], [looked(1, 0, person(0)), looked(2, 1)]
    before = run(pairs, found)
    assert before[outsider.MATCHED, "fake"].note == outsider.NO_OTHERS
    given = run(pairs, found, [pair(3, 0, True), pair(4, 7, True)], [looked(3, 0), looked(4, 7)])
    assert given[outsider.MATCHED, "fake"].value == 1 and given[outsider.FIRST, "fake"].chance == 1 / 3
    assert given[insider.MATCHED, "fake"] == before[insider.MATCHED, "fake"]
    nameless = run([pair(1, 0, labelled=False), pair(2, 1, labelled=False)], found)
    assert nameless[outsider.MATCHED, "fake"].note == outsider.NO_LABELS
    assert nameless[insider.MATCHED, "fake"].value == 1, "an insider needs no label"


def test_the_same_file_again_is_no_other_picture() -> None:
    pairs, found = [pair(1, 0), pair(2, 1)], [looked(1, 0, person(0)), looked(2, 1)]
    copied = run(pairs, found, [pair(3, 0, True)], [looked(3, 0, content="content 1")])
    assert copied[outsider.MATCHED, "fake"].note == outsider.NO_OTHERS
    assert footage([*found, looked(3, 0, content="content 1")]) == {1: 1, 2: 2, 3: 1}
    unknown = [Looked(clip(n, 0), None, "not_video") for n in (1, 2)]
    assert footage(unknown) == {}, "what could not be read is no copy of anything"


def test_control_strangers_come_from_the_rows_of_files_with_a_result() -> None:
    found = [looked(1, 0, nothing(0)), looked(2, 1)]
    some = run([pair(1, 0, surroundings=0.25), pair(2, 1, surroundings=0.75)], found)
    assert some[insider.SURROUNDINGS, ""].value == 0.25
    assert run([pair(1, 0), pair(2, 1)], found)[insider.SURROUNDINGS, ""].note == insider.NO_MANIFEST

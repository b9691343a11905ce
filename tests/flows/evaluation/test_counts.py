"""What was compared, in numbers that agree with each other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.evaluation import counts
from flows.evaluation.pair_work import Looked
from flows.evaluation.pairs import Pair, Pairing
from flows.run.sources import Job
from tests.tasks.evaluation.report.clips import attack, clip, rate


def job(n: int) -> Job:
    return Job(n, f"/{n}", str(n))


PAIRS = (
    Pair(1, job(1), job(9), 0, copies=(job(2), job(3))),
    Pair(4, job(4), job(8), 1),
    Pair(5, job(5), None, 2, copies=(job(6),)),
)
LOOKED = [
    Looked(clip([1.0, 1.2]), None),
    Looked(clip([1.0], shared=0), None, "not_video"),
    Looked(clip(shared=0), None),
]
ATTACKS = [attack("a", rate(0.0, 0.0, people=2), people=4)]


def counted(pairing: Pairing) -> dict[str, int]:
    return dict(counts.of(pairing, LOOKED, [], ATTACKS))


def test_copies_results_and_missing_results_make_up_the_originals() -> None:
    found = counted(Pairing(PAIRS, 2, 3, unlabelled=3))
    assert found == {
        "originals": 6,
        "originals that are copies of another one": 3,
        "anonymized files of these originals": 2,
        "originals without a result": 1,
        "files that could not be measured": 1,
        "anonymized files that belong to no original": 2,
        "originals of different content, each counted as another person": 3,
        "people with a face in the originals, each file's bystanders too": 4,
        "people whose results were compared": 2,
        "faces compared": 2,
    }


def test_with_a_manifest_files_of_other_inputs_are_no_strangers() -> None:
    found = counted(Pairing(PAIRS, 1, 3, True, unlabelled=3, other_inputs=4))
    assert found["anonymized files that no row of the manifest knows"] == 1
    assert found["anonymized files of other inputs of this destination"] == 4
    assert "anonymized files that belong to no original" not in found


@pytest.mark.parametrize(("unlabelled", "named"), [(0, 3), (1, 2)])
def test_people_are_those_of_the_labels_and_who_has_none_is_told_apart(unlabelled: int, named: int) -> None:
    found = counted(Pairing(PAIRS, 0, 3, unlabelled=unlabelled))
    assert found["people by the labels given"] == named
    assert found.get("originals without one label, each counted as another person", 0) == unlabelled


def test_other_pictures_are_counted_where_there_are_some() -> None:
    more = [replace(LOOKED[0], reason="not_video"), LOOKED[0]]
    found = dict(counts.of(Pairing(PAIRS, 0, 3, unnamed=5), LOOKED, more, ATTACKS))
    assert found["other pictures of people who are named"] == 2
    assert found["other pictures of nobody who is named"] == 5
    assert found["other pictures that could not be measured"] == 1

"""What a report concludes; nothing that is not known may pass."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.evaluation.metrics.clip import Clip, reduce
from tasks.evaluation.metrics.definition import Figure
from tasks.evaluation.report.content import Outcome, Page
from tasks.evaluation.report.verdict import Limits, headlines, nearest, of_dataset, of_file, people
from tests.tasks.evaluation.metrics.support import measured
from tests.tasks.evaluation.report.clips import LIMITS, attack, clip, rate

NAN = float("nan")


def page(outcome: Outcome = Outcome.PASS, share: float = 1.5) -> Page:
    return Page("k", "n", outcome, "", 1.0, 25, 25, share)


def file(clip: Clip) -> Outcome:
    outcome, said = of_file(clip, LIMITS)
    assert said.endswith(".") and "nan" not in said
    return outcome


def dataset(*attacks: object, pages: tuple[Page, ...] = (page(),)) -> tuple[Outcome, str]:
    return of_dataset(pages, attacks)  # type: ignore[arg-type]


def test_distant_faces_pass() -> None:
    assert of_file(clip(), LIMITS) == (
        Outcome.PASS,
        "No face is nearer to its source than 99 of 100 strangers are, whichever network is asked.",
    )


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([0.81, 1.0], [0.51, 0.9], Outcome.PASS),
        ([0.79, 1.0], [0.51, 0.9], Outcome.LOOK),
        ([0.81, 1.0], [0.51, 0.49], Outcome.LOOK),
        ([0.39, 1.0], [0.51, 0.9], Outcome.FAIL),
        ([0.81, 1.0], [0.29, 0.9], Outcome.FAIL),
        ([0.8, 1.0], [0.9, 0.9], Outcome.LOOK),
        ([1.0, 1.0], [0.3, 0.9], Outcome.FAIL),
    ],
)
def test_any_face_by_any_network_decides(a: list[float], b: list[float], expected: Outcome) -> None:
    given = {"a": np.array(a), "b": np.array(b)}
    assert file(clip(a, b, nearest=given)) is expected


def test_it_says_how_many_faces_and_by_whom() -> None:
    outcome, said = of_file(clip([0.2, 0.3, 1.0], [0.1, 0.9, 0.9]), LIMITS)
    assert outcome is Outcome.FAIL
    assert said == "Nearer to the source than 999 of 1000 strangers are: 2 of 3 faces by a, 1 of 3 faces by b."
    assert "99 of 100 strangers are: 1 of 3 faces by a." in of_file(clip([0.7, 1, 1]), LIMITS)[1]


def test_frames_that_are_not_shown_show_nobody() -> None:
    assert file(clip([1.2, NAN], [0.9, NAN])) is Outcome.PASS
    assert file(clip([0.3, NAN], [0.9, NAN])) is Outcome.FAIL


def test_a_face_that_could_not_be_compared_never_passes() -> None:
    outcome, said = of_file(clip([1.2, NAN], missed=np.array([False, True])), LIMITS)
    assert outcome is Outcome.LOOK and said == "1 of 2 faces could not be compared by every network."
    worse = of_file(clip([0.3, NAN], missed=np.array([False, True])), LIMITS)
    assert worse[0] is Outcome.FAIL and worse[1].endswith("1 of 2 faces could not be compared by every network.")


@pytest.mark.parametrize(
    "unknown",
    [
        clip([NAN] * 4, [NAN] * 4),
        clip(nearest={}),
        clip(shared=0),
        clip(unpaired=3),
        clip(extra=0.1),
        clip([]),
        clip([], extra=0.1),
        reduce(measured(3), 1, {0: 0}),
        reduce(replace(measured(3), shared=0), 1, {0: 0}),
    ],
    ids=["nan", "no attacker", "nothing shared", "unpaired", "extra", "no face", "new face", "not embedded", "no file"],
)
def test_what_is_not_known_needs_a_look(unknown: Clip) -> None:
    assert file(unknown) is Outcome.LOOK


def test_faces_that_are_none_any_more_prove_little() -> None:
    def hidden(count: int, shown: int = 20) -> tuple[Outcome, str]:
        distances = [1.2] * shown + [NAN] * (20 - shown)
        return of_file(clip(distances, distances, hidden=np.arange(20) < count), LIMITS)

    assert hidden(2)[0] is Outcome.PASS
    assert hidden(3) == (
        Outcome.LOOK,
        "Where 3 of 20 faces were no detector sees one; that networks are far from what is no face proves little.",
    )
    assert hidden(20)[0] is Outcome.LOOK and hidden(1, shown=2)[0] is Outcome.LOOK, "a share of those that are shown"
    near = of_file(clip([0.3], hidden=np.ones(1, bool)), LIMITS)
    assert near[0] is Outcome.FAIL, "recognised is recognised"


def test_where_there_is_no_face_it_says_in_which_file() -> None:
    assert of_file(clip([]), LIMITS)[1] == "No face was found in either file; see that nobody is in it."
    assert of_file(clip([], extra=0.1), LIMITS)[1] == "The original shows no face, the anonymized file does."
    assert "where the original has none" in of_file(clip(extra=0.1), LIMITS)[1]
    assert "nothing was compared" in of_file(clip([NAN], [NAN]), LIMITS)[1]
    assert "nothing was compared" in of_file(clip(shared=0), LIMITS)[1]
    assert of_file(clip(unpaired=3), LIMITS)[1].startswith("3 frames of the anonymized file")


@given(st.lists(st.sampled_from([NAN, 0.2, 0.45, 0.6, 0.9, 1.3]), min_size=1, max_size=5), st.booleans())
def test_knowing_less_is_never_better(a: list[float], more: bool) -> None:
    """Taking a distance away from a face that is there never turns a look or a failure into a pass."""
    whole = clip(a, missed=np.isnan(np.array(a)))
    blinded = [NAN, *a[1:]]
    less = clip(blinded, missed=np.isnan(np.array(blinded)), unpaired=int(more))
    assert file(less) is not Outcome.PASS
    assert (file(whole) is Outcome.PASS) == (not np.isnan(a).any() and min(a) > 0.8)


def test_the_nearest_counts_in_shares_of_each_networks_own_distance() -> None:
    assert nearest(clip([0.8, 1.2], [0.25, 0.5]), LIMITS) == pytest.approx(0.5)
    assert nearest(clip([0.2, NAN], [NAN, NAN]), LIMITS) == pytest.approx(0.25)
    assert math.isnan(nearest(clip([NAN], [NAN]), LIMITS)) and math.isnan(nearest(clip([]), LIMITS))


@pytest.mark.parametrize("far", [(NAN, 0.1), (0.5, NAN), (0.5, 0.6), (0.0, 0.0), (0.5, -0.1)])
def test_distances_that_tell_nobody_apart_are_refused(far: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="not known"):
        Limits(*far)


def test_a_dataset_passes_when_all_does() -> None:
    assert dataset(attack("a"), attack("b")) == (
        Outcome.PASS,
        "Nobody was recognised in any of 1 files, by none of 2 attackers.",
    )


@pytest.mark.parametrize(("outcome", "expected"), [(Outcome.FAIL, "fail"), (Outcome.LOOK, "look")])
def test_one_file_decides_for_all(outcome: Outcome, expected: str) -> None:
    found, said = dataset(attack(), pages=(page(), page(outcome), page()))
    assert found == expected and "1 of 3 files" in said


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (rate(0.04, 0.015), Outcome.PASS),
        (rate(0.05, 0.03), Outcome.LOOK),
        (rate(0.20, 0.08), Outcome.FAIL),
        (rate(0.20, 0.00), Outcome.LOOK),
        (rate(0.20, NAN), Outcome.FAIL),
        (rate(0.05, NAN), Outcome.LOOK),
        (Figure.unknown("Nothing to measure."), Outcome.LOOK),
        (rate(0.02, 0.0, chance=NAN), Outcome.LOOK),
    ],
    ids=[
        "guessing",
        "above",
        "clearly above",
        "a few people always",
        "no interval",
        "a little",
        "unknown",
        "no chance",
    ],
)
def test_people_who_are_named_decide(figure: Figure, expected: Outcome) -> None:
    found, said = dataset(attack("b"), attack("a", figure))
    assert found is expected and ("(a)" in said) == (expected is not Outcome.PASS)


def test_rates_of_few_people_prove_little() -> None:
    few = attack("a", rate(0.1, 0.0, chance=0.1, people=10), people=10)
    assert dataset(few)[0] is Outcome.LOOK and "With 10 people" in dataset(few)[1]
    # Many in the gallery, but few who were looked for.
    assert dataset(attack("a", rate(0.02, 0.0, people=3)))[0] is Outcome.LOOK
    assert dataset(attack("a"), attack("b", rate(0.02, 0.0, people=19)))[0] is Outcome.LOOK
    assert dataset(attack("a", rate(0.02, 0.0, people=20)))[0] is Outcome.PASS
    assert "With 10 people" in dataset(few, pages=(page(Outcome.FAIL),))[1]


def test_nobody_asked_and_nothing_compared_is_no_pass() -> None:
    assert dataset()[0] is Outcome.LOOK
    assert dataset(attack(), pages=())[0] is Outcome.LOOK
    unknown = attack("a", Figure.unknown("Nothing to measure."), people=0, cmc=[NAN])
    assert dataset(unknown)[0] is Outcome.LOOK


def test_headlines() -> None:
    found = headlines([page(share=1.5), page(share=1.2), page(share=NAN)], Figure(0.913))
    assert [(line.title, line.number) for line in found] == [
        ("Nearest frame of all", "1.20 ×"),
        ("Speech kept", "0.91"),
    ]


@pytest.mark.parametrize(("share", "number"), [(0.9999, "0.99 ×"), (1.0, "1.00 ×"), (1.999, "1.99 ×"), (0.0, "0.00 ×")])
def test_what_is_below_one_does_not_read_as_one(share: float, number: str) -> None:
    assert headlines([page(share=share)], Figure.unknown(""))[0].number == number


def test_headlines_of_what_is_not_known_are_left_out() -> None:
    assert headlines([page(share=NAN)], Figure.unknown("")) == ()


@pytest.mark.parametrize(
    ("low", "chance", "expected"),
    [
        (0.0029, 0.001, Outcome.LOOK),
        (0.0031, 0.001, Outcome.FAIL),
        (0.14, 0.1, Outcome.LOOK),
        (0.16, 0.1, Outcome.FAIL),
    ],
)
def test_of_many_people_even_a_few_are_too_many(low: float, chance: float, expected: Outcome) -> None:
    assert dataset(attack("a", rate(low + 0.001, low, chance, 1000)))[0] is expected


def test_files_that_belong_to_no_original_keep_a_dataset_from_passing() -> None:
    outcome, said = of_dataset((page(),), (attack(),), 2)
    assert outcome is Outcome.LOOK and "2 anonymized files belong to no original" in said
    assert of_dataset((page(),), (attack(),))[0] is Outcome.PASS


def test_files_of_other_inputs_are_told_and_alarm_nobody() -> None:
    outcome, said = of_dataset((page(),), (attack(),), other_inputs=3)
    assert outcome is Outcome.PASS
    assert said.endswith(" 3 anonymized files were not looked at: of other inputs of this destination.")
    assert " 1 anonymized file was not" in of_dataset((page(Outcome.FAIL),), (attack(),), other_inputs=1)[1]
    both = of_dataset((page(),), (attack(),), 1, (), 3)
    assert both[0] is Outcome.LOOK and "1 anonymized files belong to no original" in both[1]


def test_the_people_of_the_verdict_are_those_whose_results_were_compared() -> None:
    some = [attack("a", rate(0.0, 0.0, people=7), people=9), attack("b", rate(0.0, 0.0, people=8), people=9)]
    assert people(some) == (9, 7) and people([]) == (0, 0)
    assert "With 7 people whose results were compared" in of_dataset((page(),), some)[1]


def test_two_people_are_named_by_chance_too_often_to_fail_for_it() -> None:
    assert dataset(attack("a", rate(1.0, 1.0, chance=0.5, people=2), people=2))[0] is Outcome.LOOK
    assert dataset(attack("a", rate(1.0, 1.0, chance=1 / 3, people=3), people=3))[0] is Outcome.FAIL

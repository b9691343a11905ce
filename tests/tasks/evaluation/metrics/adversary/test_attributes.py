"""The attacker who goes by age, gender, skin tone and group alone, and what embedders find beyond."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tasks.evaluation.metrics import bands
from tasks.evaluation.metrics.adversary import attributes
from tasks.evaluation.metrics.bands import Groups
from tasks.evaluation.metrics.clip import Clip
from tasks.evaluation.metrics.definition import Figure
from tasks.evaluation.metrics.identity import identification
from tasks.evaluation.metrics.privacy import gather
from tests.tasks.evaluation.metrics.adversary.support import MAN, WOMAN, clip, nothing, original

NONE = Groups()
Looks = tuple[float, float, float]


def shown(index: int, who: int, kind: Looks, looks: Looks | None = None) -> Clip:
    """A file whose result looks like nobody, but is of the kind, or of another."""
    return as_seen(clip(index, who, nothing(who), kind), kind if looks is None else looks)


def as_seen(one: Clip, looks: Looks) -> Clip:
    return replace(one, result_looks={one.person: np.array(looks, np.float32)})


def rate(clips: list[Clip], k: int = 1, groups: Groups = NONE) -> Figure:
    return attributes.numbers(clips, groups)[attributes.RATES[k], ""]


def beyond(clips: list[Clip], k: int = 1, groups: Groups = NONE) -> Figure:
    ours, theirs = gather(clips, "fake", False), gather(clips, "fake", True)
    found = attributes.beyond(clips, ours, theirs, identification.ranks(ours, theirs), groups, "fake")
    return found[attributes.BEYOND[k], "fake"]


def kinds(people: int) -> list[Looks]:
    """As many kinds as people, no two alike."""
    every = [
        (age, female, tone) for age in (10, 20, 35, 45, 60) for female in (0.1, 0.9) for tone in (0, 20, 35, 45, 60)
    ]
    return every[:people]


def test_bands_hold_their_upper_bounds() -> None:
    looks = np.array([[15, 0.2, 5], [16.5, 0.5, 28], [60, 0.49, 70], [np.nan, np.nan, np.nan]])
    assert bands.of(looks).tolist() == [[0, 0, 0], [1, 1, 1], [4, 0, 4], [-1, -1, -1]]
    assert len(bands.AGES) == len(bands.AGE_BOUNDS) + 1 and len(bands.TONES) == len(bands.TONE_BOUNDS) + 1


def test_who_is_alone_in_their_kind_is_found_by_it() -> None:
    found = rate([shown(n, n, kind) for n, kind in enumerate(kinds(10))])
    assert found.value == 1 and found.chance == 1 / 10 and found.people == 10


def test_people_of_one_kind_are_found_by_chance() -> None:
    clips = [shown(n, n, WOMAN if n < 3 else MAN) for n in range(8)]
    # One of three among the women, one of five among the men; two places hold two of three and two of five.
    assert rate(clips).value == pytest.approx((3 / 3 + 5 / 5) / 8)
    assert rate(clips, 5).value == pytest.approx(1.0) and rate(clips, 5).chance == 5 / 8
    assert not rate(clips, 20).known


def test_the_more_attributes_are_shared_the_sooner_a_person_comes() -> None:
    # Of the same gender and tone but another age: behind the one who shares all, before who shares one.
    clips = [shown(0, 0, (30, 0.1, 45), (45, 0.1, 45)), shown(1, 1, (45, 0.1, 45)), shown(2, 2, (30, 0.9, 5))]
    found = attributes._per_person(clips, np.array([0, 1, 2]), NONE)[1][:, 0]
    assert found.tolist() == [0, 1, 1]
    assert attributes.expected_hits(np.array([[2, 3, 1, 2]]), np.array([0]), 2)[0] == 0.5


def test_what_was_not_measured_is_shared_with_nobody() -> None:
    nan = float("nan")
    unread = [shown(n, n, MAN, (nan, nan, nan)) for n in range(3)]
    assert rate(unread).note == attributes.NO_LOOKS
    partly = [shown(n, n, kind, (nan, kind[1], nan)) for n, kind in enumerate([MAN, WOMAN, WOMAN])]
    assert rate(partly).value == pytest.approx((1 + 0.5 + 0.5) / 3)
    without = [clip(n, n, kind=MAN) for n in range(3)]
    assert rate(without).note == attributes.NO_LOOKS, "nothing is shown of a person without a result"


def test_a_labelled_group_counts_where_both_sides_have_one() -> None:
    clips = [shown(n, n, MAN) for n in range(4)]
    people = {0: "a", 1: "b", 2: "b", 3: "b"}
    assert rate(clips, groups=Groups(people)).value == pytest.approx(1 / 4), "the results' is not known"
    both = Groups(people, people)
    assert rate(clips, groups=both).value == pytest.approx((1 + 3 * (1 / 3)) / 4)
    assert "'a'" not in repr(both), "labels stay out of what is logged"


def test_an_embedder_that_finds_everybody_is_beyond_the_attributes() -> None:
    clips = [as_seen(clip(n, n, original(n, n)), MAN) for n in range(10)]
    found = beyond(clips)
    assert found.value == pytest.approx(1 - 1 / 10) and found.low > 0.4 and found.people == 10
    assert beyond(clips, 5).value == pytest.approx(0.5)


def test_an_embedder_that_finds_the_kind_alone_is_not() -> None:
    """Each of ten kinds has one person, whom attributes find always; faces say nothing."""
    clips = [shown(n, n, kind) for n, kind in enumerate(kinds(10))]
    clips = [replace(one, anonymized={"fake": replace(one.originals["fake"], vectors=away(one))}) for one in clips]
    assert beyond(clips).value == pytest.approx(-1) and beyond(clips).high < 0


def away(one: Clip) -> np.ndarray:
    """Vectors nearest to somebody else."""
    vector = original((one.person + 1) % 10, 20)
    return np.tile((vector / np.linalg.norm(vector)).astype(np.float32), (2, 1))


def test_nobody_to_look_for_is_said() -> None:
    for figure in (beyond([clip(n, n) for n in range(3)]), beyond([clip(0, 0, nothing(0))], 5)):
        assert not figure.known and figure.note

"""What became of each kind of people, counted by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tasks.evaluation.metrics.bands import Groups
from tasks.evaluation.metrics.clip import Clip
from tasks.evaluation.metrics.definition import Figure
from tasks.evaluation.metrics.usefulness import looks
from tasks.evaluation.report import pages
from tasks.evaluation.report.content import KindRow, Line, Outcome, Page
from tasks.evaluation.report.tables import by_kind
from tests.tasks.evaluation.report.clips import LIMITS, clip

MAN, WOMAN, CHILD = (30.0, 0.1, 45.0), (45.0, 0.9, 5.0), (8.0, 0.9, float("nan"))
NONE = Groups()


def file(index: int, kind: tuple[float, float, float], shared: bool = True, person: int | None = None) -> Clip:
    who = index if person is None else person
    numbers = clip().usefulness | {(looks.SKIN, ""): Figure(float(index))}
    return clip(index=index, person=who, looks={who: np.array(kind)}, usefulness=numbers, shared=int(shared))


def page(one: Clip, outcome: Outcome = Outcome.PASS) -> Page:
    return replace(pages.page(one, f"{one.index}.mp4", LIMITS, None), outcome=outcome)


def rows(files: list[tuple[Clip, Page | None]], named: dict[int, float], groups: Groups = NONE) -> dict[str, KindRow]:
    return {f"{row.by} {row.kind}": row for row in by_kind.table(files, named, groups)}


def test_a_kind_that_is_withheld_and_recognised_more_often_is_seen() -> None:
    men = [(one, page(one)) for one in (file(n, MAN) for n in range(4))]
    failed, found, withheld = file(5, WOMAN), file(6, WOMAN), file(7, WOMAN, False)
    women = [(failed, page(failed, Outcome.FAIL)), (found, page(found)), (withheld, None)]
    named = {0: 0.0, 1: 0.5, 2: 0.1, 3: 0.0, 5: 1.0, 6: 0.51, 7: 1.0}
    table = rows([*men, *women], named)
    assert set(table) == {"age 28 to 40", "age 40 to 54", "gender men", "gender women", "skin tone intermediate",
                          "skin tone dark"}  # fmt: skip
    ours, theirs = table["gender men"], table["gender women"]
    assert (ours.originals, ours.published, ours.failed, ours.people, ours.named) == (4, 4, 0, 4, 0)
    assert (theirs.originals, theirs.published, theirs.failed, theirs.people, theirs.named) == (3, 2, 1, 2, 2)
    tone = {line.definition: line.figure for line in theirs.kept}[looks.SKIN]
    assert tone.value == pytest.approx(5.5) and tone.samples == 2, "a file without a result is good for nothing"


def test_what_was_not_read_stands_last_and_is_not_left_out() -> None:
    child, unread = file(1, CHILD), file(2, (float("nan"),) * 3)
    empty = replace(clip(()), index=3, person=-4, looks={})
    table = by_kind.table([(unread, None), (empty, None), (child, None)], {}, NONE)
    assert [(row.by, row.kind, row.originals) for row in table] == [
        ("age", "under 16", 1), ("age", by_kind.NOT_READ, 2),
        ("gender", "women", 1), ("gender", by_kind.NOT_READ, 2),
        ("skin tone", by_kind.NOT_READ, 3),
    ]  # fmt: skip
    assert all(not line.figure.known for row in table for line in row.kept)


def test_a_person_is_of_one_kind_in_all_their_files() -> None:
    files = [file(n, kind, person=9) for n, kind in enumerate([MAN, MAN, WOMAN])]
    table = rows([(one, page(one)) for one in files], {9: 0.8})
    assert table["gender men"].originals == 3 and (table["gender men"].people, table["gender men"].named) == (1, 1)


def test_groups_are_there_where_a_person_labelled_them() -> None:
    files = [(one, page(one)) for one in (file(n, MAN) for n in range(3))]
    table = rows(files, {}, Groups({0: "b", 1: "a"}))
    assert [key for key in table if key.startswith("group")] == ["group a", "group b", "group not labelled"]
    assert by_kind.table([], {}, NONE) == ()


def test_tables_are_put_apart_in_their_order() -> None:
    table = by_kind.table([(file(1, MAN), None)], {}, NONE)
    assert [(by, len(own)) for by, own in by_kind.grouped(table)] == [("age", 1), ("gender", 1), ("skin tone", 1)]


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 0, ("–", "")), (3, 4, ("3 of 4", "")), (0, 19, ("0 of 19", "")), (15, 20, ("75.0\xa0%", "15 of 20")),
        (1000, 2000, ("50.0\xa0%", "1,000 of 2,000")),
    ],
)  # fmt: skip
def test_small_counts_are_shown_as_counts(part: int, whole: int, said: tuple[str, str]) -> None:
    assert by_kind.share(part, whole) == said


@pytest.mark.parametrize(
    ("value", "samples", "said"),
    [(2 / 3, 3, "2 of 3"), (0.5, 3, "50.0\xa0%"), (0.95, 20, "95.0\xa0%"), (1.0, 1, "1 of 1")],
)
def test_a_share_of_few_files_is_a_count(value: float, samples: int, said: str) -> None:
    text, below = by_kind.mean(Line(looks.GENDER_SECOND, Figure(value, samples=samples)))
    assert text == said and below == f"{samples} file{'s' * (samples > 1)}"


def test_a_mean_of_few_files_has_their_number_and_what_is_unknown_none() -> None:
    assert by_kind.mean(Line(looks.SKIN, Figure(4.0, samples=2))) == ("4", "2 files")
    assert by_kind.mean(Line(looks.SKIN, Figure.unknown("x"))) == ("–", "not known")

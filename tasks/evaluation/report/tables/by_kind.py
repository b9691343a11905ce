"""What became of the people of each kind: published, recognised, and still of use.

A mean over all hides a kind that is withheld more often, recognised more often, or served worse. Kinds are apparent
age, gender and skin tone as networks see the originals, and groups as a person labelled them. What is small is a count:
of four files, 75 % would say too much.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping, Sequence

from tasks.evaluation.metrics import bands, per_file
from tasks.evaluation.metrics.adversary import kinds
from tasks.evaluation.metrics.bands import Groups
from tasks.evaluation.metrics.clip import Clip
from tasks.evaluation.metrics.definition import Figure
from tasks.evaluation.metrics.usefulness import looks, mouth_eye_aperture
from tasks.evaluation.report.content import KindRow, Line, Outcome, Page
from tasks.evaluation.report.verdict import FEW
from tasks.evaluation.report.words import NOTHING, amount, count

KEPT = (
    (mouth_eye_aperture.CORRELATION, "mouth"),
    (looks.AGE_SIZE_SECOND, ""),
    (looks.GENDER_SECOND, ""),
    (looks.SKIN, ""),
)
"""What the table says of usefulness: speech, and how well the kind itself is kept."""
COLUMNS = ("Speech kept", "Age differs by, years", "Same gender", "Tone differs by, degrees")
NOT_READ, NOT_LABELLED = "not read", "not labelled"
_GROUP = "group"
_MOST = 0.5
"""A person counts as named above this share of the faces of their results."""


def table(files: Sequence[tuple[Clip, Page | None]], named: Mapping[int, float], groups: Groups) -> tuple[KindRow, ...]:
    """Count what became of each kind of people.

    Args:
        files: all originals, with the page of their anonymized file, None where there is none.
        named: person -> share of the faces of their results that an attacker names rightly.
        groups: labels by hand.

    Returns:
        A row for each kind that any original is of, by age, gender, skin tone, and group where any is labelled.
    """
    rows: list[KindRow] = []
    for by, of in _kinds_of_people([clip for clip, _ in files], groups):
        last = (sys.maxsize, NOT_LABELLED if by == _GROUP else NOT_READ)
        found: dict[tuple[int, str], list[tuple[Clip, Page | None]]] = {}
        for one in files:
            found.setdefault(of.get(one[0].person, last), []).append(one)
        rows += [_row(by, kind, found[place, kind], named) for place, kind in sorted(found)]
    return tuple(rows)


def grouped(rows: Sequence[KindRow]) -> list[tuple[str, list[KindRow]]]:
    """Group rows that are by the same.

    Args:
        rows: rows of `table`.

    Returns:
        (by, its rows) each, in order.
    """
    return [(by, list(own)) for by, own in itertools.groupby(rows, key=lambda row: row.by)]


def share(part: int, whole: int) -> tuple[str, str]:
    """Write how many of how many; as per cent, too, where they are not few.

    Args:
        part: how many.
        whole: of how many.

    Returns:
        (the text, what stands below it or ""); a dash of none.
    """
    if not whole:
        return NOTHING, ""
    plain = f"{count(part)} of {count(whole)}"
    return (plain, "") if whole < FEW else (amount(part / whole, "share"), plain)


def mean(line: Line) -> tuple[str, str]:
    """Write a mean over files and their number; a share of few files as a count, where each has all of it or nothing.

    Args:
        line: a number of `KindRow.kept`.

    Returns:
        (the text, what stands below it).
    """
    figure, unit = line.figure, line.definition.unit
    if not figure.known:
        return NOTHING, "not known"
    files = f"{count(figure.samples)} file{'s' * (figure.samples != 1)}"
    part = figure.value * figure.samples
    if unit == "share" and figure.samples < FEW and abs(part - round(part)) < 1e-6:
        return f"{round(part)} of {figure.samples}", files
    return amount(figure.value, unit), files


def _kinds_of_people(clips: Sequence[Clip], groups: Groups) -> list[tuple[str, dict[int, tuple[int, str]]]]:
    """(by, person -> (place among the kinds, kind)) each; people of whom nothing is known are missing."""
    known = kinds.of(clips)
    found = []
    band = bands.of(known.looks)
    for column, (by, names) in enumerate((("age", bands.AGES), ("gender", bands.GENDERS), ("skin tone", bands.TONES))):
        places = zip(known.people.tolist(), band[:, column].tolist(), strict=True)
        found.append((by, {person: (place, names[place]) for person, place in places if place != bands.UNKNOWN}))
    labels = sorted(set(groups.people.values()))
    if labels:
        found.append((_GROUP, {person: (labels.index(label), label) for person, label in groups.people.items()}))
    return found


def _row(by: str, kind: str, files: Sequence[tuple[Clip, Page | None]], named: Mapping[int, float]) -> KindRow:
    shown = [(clip, page) for clip, page in files if page is not None]
    people = {clip.person for clip, _ in shown} & named.keys()
    there = [clip for clip, _ in shown if clip.shared]
    means = per_file.over([clip.usefulness for clip in there], [clip.person for clip in there])
    return KindRow(
        by=by,
        kind=kind,
        originals=len(files),
        published=len(shown),
        failed=sum(page.outcome is Outcome.FAIL for _, page in shown),
        people=len(people),
        named=sum(named[person] > _MOST for person in people),
        kept=tuple(Line(key[0], means.get(key, Figure.unknown("Nothing to measure.")), key[1]) for key in KEPT),
    )

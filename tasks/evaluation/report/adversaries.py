"""What a report says of an outsider, who holds other pictures of a person, and of an insider, who holds the footage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from tasks.evaluation.metrics.adversary import insider, outsider, reidentified
from tasks.evaluation.metrics.definition import Definition, Figure, Numbers
from tasks.evaluation.report.content import Headline, Line
from tasks.evaluation.report.verdict import CLEARLY, FEW
from tasks.evaluation.report.words import amount

TOO_FEW = "Too few people to say."


@dataclass(frozen=True)
class Row:
    """What one embedder finds.

    Attributes:
        results: share of results that match other pictures of their person.
        strangers: share that match strangers of the kind.
        excess: their difference.
        first, strangers_first, rank, strangers_rank: places among all people, of the person and of strangers.
        own: share that match their own footage.
    """

    embedder: str
    results: Figure
    strangers: Figure
    excess: Figure
    first: Figure
    strangers_first: Figure
    rank: Figure
    strangers_rank: Figure
    own: Figure


@dataclass(frozen=True)
class Table:
    """Both adversaries beside the strangers.

    Attributes:
        unknown: why nothing is known of outsiders, "" where something is.
        notes: what a reader of the outsider's figures must know.
        surroundings: how often control strangers match the footage.
    """

    rows: tuple[Row, ...]
    unknown: str
    notes: tuple[str, ...]
    surroundings: Figure


def table(lines: Sequence[Line]) -> Table | None:
    """Make the table of the adversaries.

    Args:
        lines: their numbers.

    Returns:
        A row for each embedder, in their order; None without any numbers.
    """
    numbers: Numbers = {(line.definition, line.variant): line.figure for line in lines}
    names = _embedders(numbers)
    if not names:
        return None
    wanted = (*outsider.DEFINITIONS, insider.MATCHED)
    found = tuple(Row(name, *(_of(numbers, one, name) for one in wanted)) for name in names)
    known = any(row.results.known for row in found)
    notes = dict.fromkeys(note for row in found for note in (row.results.note, row.excess.note) if note)
    unknown = "" if known else found[0].results.note
    return Table(found, unknown, tuple(notes), _of(numbers, insider.SURROUNDINGS, ""))


def headlines(numbers: Numbers, independent: str) -> tuple[Headline, ...]:
    """Say how much more often results match their person's other pictures than strangers of the kind do.

    Of fewer than `FEW` people the words tell it, and the number is none: it would be taken for a result.

    Args:
        numbers: of the adversaries.
        independent: the embedder that took part in nothing; where it has no numbers, the first one speaks.

    Returns:
        One headline; none without any numbers.
    """
    names = _embedders(numbers)
    if not names:
        return ()
    name = independent if independent in names else names[0]
    results, strangers, excess = (
        _of(numbers, one, name) for one in (outsider.MATCHED, outsider.STRANGERS, outsider.EXCESS)
    )
    if not excess.known:
        beside = f" {amount(results.value, 'share')} of results match their person." if results.known else ""
        return (Headline("Outsiders", "Not known.", f"{excess.note}{beside}"),)
    # The share of results of just the people of whom the strangers' share is known.
    beside_them = amount(strangers.value + excess.value, "share")
    ends = f"95 % interval {_points(excess.low)} to {_points(excess.high)}" if isfinite(excess.low) else "no interval"
    words = (
        f"from how often results match strangers of their person's kind ({amount(strangers.value, 'share')}) to how "
        f"often they match other pictures of their person ({beside_them}), by {name}; {ends}. Around 0, a result gives "
        "away the kind and no more."
    )
    if excess.people < FEW:
        return (Headline("Outsiders", TOO_FEW, f"{_needed(excess)} Measured: {_points(excess.value)} points {words}"),)
    return (Headline("Outsiders", f"{_points(excess.value)} points", words),)


def reidentification(privacy: Numbers, independent: str, labelled: bool) -> tuple[Line | None, tuple[Headline, ...]]:
    """Say how much more often people are named than their kind and guessing explain.

    Args:
        privacy: numbers of the attacks.
        independent: the embedder that took part in nothing.
        labelled: whether labels say who is who.

    Returns:
        (the number as it is, what the first page says of it); of fewer than `FEW` people that is no number. Nothing
        where that embedder attacked nothing.
    """
    excess = privacy.get((reidentified.EXCESS, independent))
    if excess is None:
        return None, ()
    line = Line(reidentified.EXCESS, excess, independent)
    title = "Re-identified beyond kind and guessing"
    if excess.people < FEW:
        words = f"{_needed(excess)} What was measured is under Privacy." if excess.known else excess.note
        return line, (Headline(title, TOO_FEW, words),)
    explained = privacy[reidentified.EXPLAINED, independent].value
    words = (
        f"95 % interval {_points(excess.low)} to {_points(excess.high)}, {excess.people} people. {independent}, which "
        f"took part in nothing, names {amount(explained + excess.value, 'share')} rightly, and "
        f"{amount(explained, 'share')} as a stranger of the same apparent gender, age and skin tone. Around 0, results "
        "give away the kind and no more."
    )
    if not labelled:
        words += " Without labels it is too low where somebody is in several originals."
    return line, (Headline(title, f"{_points(excess.value)} points", words),)


def recognised_by_outsiders(numbers: Numbers) -> list[str]:
    """List embedders by which results seem to match their person more often than strangers of the kind do.

    As few people leave the interval wide, a difference that is large counts with any interval.

    Args:
        numbers: of the adversaries.

    Returns:
        Names of the embedders.
    """
    return [
        name
        for (one, name), figure in numbers.items()
        if one == outsider.EXCESS and (figure.low > 0 or figure.value > CLEARLY)
    ]


def _needed(excess: Figure) -> str:
    """Why a difference of few people is no result; see `reidentified.interval`."""
    return (
        f"{excess.people} people have a stranger of their kind to compare with; {FEW} are needed, since of fewer an "
        "interval is more than 25 points wide, whatever is found."
    )


def _embedders(numbers: Numbers) -> list[str]:
    return [name for one, name in numbers if one == outsider.MATCHED]


def _of(numbers: Numbers, one: Definition, name: str) -> Figure:
    return numbers.get((one, name), Figure.unknown("Nothing to measure."))


def _points(share: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * share + 0.0:+.1f}"

"""A whole report out of measured files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tasks.evaluation.metrics import group_kept, per_file
from tasks.evaluation.metrics.adversary import attributes
from tasks.evaluation.metrics.bands import Groups
from tasks.evaluation.metrics.clip import Clip
from tasks.evaluation.metrics.definition import Figure, Numbers
from tasks.evaluation.metrics.privacy import Attack
from tasks.evaluation.metrics.usefulness import mouth_eye_aperture
from tasks.evaluation.report import verdict
from tasks.evaluation.report.adversaries import headlines as headlines_of_adversaries
from tasks.evaluation.report.adversaries import recognised_by_outsiders, reidentification
from tasks.evaluation.report.content import Chart, Content, KindRow, Page, Series
from tasks.evaluation.report.pages import lines
from tasks.evaluation.report.scope import LIMITS, METHOD

_MUTED = True


@dataclass(frozen=True)
class Facts:
    """What a report says besides numbers.

    Attributes:
        made_at: ISO time.
        counts: see `Content.counts`.
        independent: the embedder that had no part in any result.
        settings: see `Content.settings`.
        unexamined: anonymized files that belong to no original, and of which no manifest says whose they are.
        other_inputs: anonymized files of inputs that were not evaluated.
        labelled: whether labels say who is who.
        groups: apparent groups as labelled by hand.
    """

    title: str
    made_at: str
    software: str
    counts: tuple[tuple[str, int], ...]
    independent: str
    settings: tuple[tuple[str, str], ...]
    reviewer: bool
    unexamined: int = 0
    other_inputs: int = 0
    labelled: bool = False
    groups: Groups = field(default_factory=Groups)


def compose(
    facts: Facts,
    clips: Sequence[Clip],
    attacks: Sequence[Attack],
    pages: Sequence[Page],
    overall: Numbers | None = None,
    adversaries: Numbers | None = None,
    kinds: Sequence[KindRow] = (),
) -> Content:
    """Put a report together.

    Args:
        facts: what it says besides numbers.
        clips: all measured files, those without a result included.
        attacks: one for each attacker.
        pages: one for each anonymized file.
        overall: numbers of what the dataset is good for that are no means of files'.
        adversaries: what an outsider and an insider find.
        kinds: what became of each kind of people.

    Returns:
        The report.
    """
    there = [clip for clip in clips if clip.shared]
    people = [clip.person for clip in there]
    useful = per_file.over([clip.usefulness for clip in there], people)
    own = per_file.over([clip.privacy for clip in there], people)
    useful |= group_kept.of(clips, facts.groups)
    privacy: Numbers = {}
    for one in attacks:
        privacy |= one.numbers
    privacy |= attributes.numbers(clips, facts.groups)
    held = adversaries or {}
    outcome, said = verdict.of_dataset(
        pages, attacks, facts.unexamined, recognised_by_outsiders(held), facts.other_inputs
    )
    excess, beyond = reidentification(privacy, facts.independent, facts.labelled)
    kept = useful.get((mouth_eye_aperture.CORRELATION, "mouth"), Figure.unknown("No mouth moves."))
    return Content(
        title=facts.title,
        made_at=facts.made_at,
        software=facts.software,
        outcome=outcome,
        verdict=said,
        headlines=(
            *headlines_of_adversaries(held, facts.independent),
            *beyond,
            *verdict.headlines(pages, kept),
        ),
        counts=facts.counts,
        privacy=tuple(lines(privacy | own)),
        usefulness=tuple(lines(useful | (overall or {}))),
        charts=tuple(charts(attacks)),
        pages=tuple(pages),
        method=METHOD,
        limits=LIMITS,
        settings=facts.settings,
        reviewer=facts.reviewer,
        adversaries=tuple(lines(held)),
        excess=excess,
        kinds=tuple(kinds),
    )


def charts(attacks: Sequence[Attack]) -> list[Chart]:
    """Make the charts of cumulative match and ROC of all attackers.

    Args:
        attacks: one for each attacker.

    Returns:
        The charts; empty where no attacker has a curve.
    """
    known = [one for one in attacks if np.isfinite(one.cmc).any()]
    if not known:
        return []
    people = known[0].people
    matches = [Series(one.embedder, _over_ranks(one.cmc)) for one in known]
    matches += [Series(f"{one.embedder}, originals", _over_ranks(one.cmc_originals), _MUTED) for one in known]
    guess = tuple((float(k), k / people) for k in range(1, people + 1))
    result = [
        Chart(
            "How often the right person is among the first k",
            "Anonymized faces against all originals. The nearer to the line of guessing the better; the grey lines are "
            "what an attacker gets on the originals.",
            "k",
            "share of faces",
            (*matches, Series("guessing", guess, _MUTED)),
            y_from=0.0,
            y_to=1.0,
        )
    ]
    curves = [one for one in known if len(one.roc.far)]
    if curves:
        series = [Series(one.embedder, _pairs(one.roc.far, one.roc.anonymized)) for one in curves]
        series += [
            Series(f"{one.embedder}, originals", _pairs(one.roc.far, one.roc.original), _MUTED) for one in curves
        ]
        least = min(float(one.roc.far[0]) for one in curves)
        guessing = tuple((float(x), float(x)) for x in np.geomspace(least, 1.0, 40))
        result.append(
            Chart(
                "How often two faces are verified as one person",
                "True acceptance over false acceptance, the threshold taken from originals of different people. The "
                "nearer to the line of guessing the better.",
                "false acceptance rate",
                "true acceptance rate",
                (*series, Series("guessing", guessing, _MUTED)),
                log_x=True,
                y_from=0.0,
                y_to=1.0,
            )
        )
    return result


def _over_ranks(values: np.ndarray) -> tuple[tuple[float, float], ...]:
    return tuple((float(k), float(value)) for k, value in enumerate(values, 1))


def _pairs(x: np.ndarray, y: np.ndarray) -> tuple[tuple[float, float], ...]:
    return tuple(zip(x.tolist(), y.tolist(), strict=True))

"""Apparent groups as labelled by hand, by the people and files that they are of."""

from __future__ import annotations

from flows.evaluation.pairs import Pairing
from tasks.evaluation.metrics.bands import Groups


def of(pairing: Pairing) -> Groups:
    """Return the labels of an evaluation.

    Args:
        pairing: Who is who.

    Returns:
        The group of each person whose files agree on one, and of each result that has one.
    """
    given: dict[int, set[str]] = {}
    for pair in pairing.pairs:
        given.setdefault(pair.person, set()).update({pair.group} if pair.group else ())
    return Groups(
        {person: next(iter(labels)) for person, labels in given.items() if len(labels) == 1},
        {
            pair.ordinal: pair.result_group
            for pair in pairing.pairs
            if pair.result_group and pair.anonymized is not None
        },
    )

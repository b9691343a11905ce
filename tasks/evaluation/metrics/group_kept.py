"""Apparent group kept, as a person labelled it on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tasks.evaluation.metrics import bootstrap
from tasks.evaluation.metrics.bands import Groups
from tasks.evaluation.metrics.clip import Clip
from tasks.evaluation.metrics.definition import Better, Definition, Figure, Numbers

GROUP = Definition(
    "group_agreement",
    "Same apparent group, as labelled",
    "share",
    Better.HIGHER,
    "Share of results whose person was labelled by hand with the same group as the person of the original (the columns "
    "group and result_group of --people); what a person made of two faces, no fact about anybody.",
    "AnonNET table 5",
)


def of(clips: Sequence[Clip], groups: Groups) -> Numbers:
    """Work out how often the group is kept.

    Args:
        clips: all files.
        groups: labels by hand.

    Returns:
        `GROUP` over the results that are labelled on both sides; nothing where no result is labelled.
    """
    if not groups.results:
        return {}
    both = [
        (groups.people[clip.person] == groups.results[clip.index], clip.person)
        for clip in clips
        if clip.index in groups.results and clip.person in groups.people
    ]
    if not both:
        return {(GROUP, ""): Figure.unknown("No result with a label whose original has one.")}
    same, people = (np.array(column) for column in zip(*both, strict=True))
    figure = bootstrap.mean(same.astype(np.float64), people)
    left = len(groups.results) - len(both)
    note = f"{left} labelled results are left out: their original has no label." if left else ""
    return {(GROUP, ""): replace(figure, note=f"{figure.note} {note}".strip())}

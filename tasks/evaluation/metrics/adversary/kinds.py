"""Which people are of one kind: what is measured of their originals, no fact about any person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.metrics.clip import Clip

SAME_AGE = 10.0
"""Years that two people of one kind may differ by in apparent age."""
SAME_TONE = 20.0
"""Degrees of ITA that their skin tones may differ by; 10 to 20 are one class."""
WORDS = (
    f"the same apparent gender, age within {SAME_AGE:g} years and, where measured, skin tone within {SAME_TONE:g} "
    "degrees of ITA, as networks see their originals"
)


@dataclass(frozen=True)
class Kinds:
    """What is measured of people. Identifying.

    Attributes:
        people: (P,) int64, ascending.
        looks: (P, 3) float64 apparent age in years, probability of female, skin tone in degrees of ITA; NaN where not
            measured.
    """

    people: NDArray[np.int64]
    looks: NDArray[np.float64]

    def alike(self, ones: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say which people are strangers of one kind.

        Args:
            ones: (n,) numbers of people.
            others: (m,) numbers of people.

        Returns:
            (n, m) whether they are two people of the same apparent gender, no more than `SAME_AGE` apart, and no more
            than `SAME_TONE` where the tone of both is measured. No person is of the kind of a person without measured
            age or gender, or of a person who is not among `people`.
        """
        mine, theirs = self._looks(ones)[:, None], self._looks(others)[None]
        # A comparison with NaN is false.
        same_age = np.abs(mine[..., 0] - theirs[..., 0]) <= SAME_AGE
        known = np.isfinite(mine[..., 1]) & np.isfinite(theirs[..., 1])
        same_gender = known & ((mine[..., 1] >= 0.5) == (theirs[..., 1] >= 0.5))
        other_tone = np.abs(mine[..., 2] - theirs[..., 2]) > SAME_TONE
        return np.asarray(same_age & same_gender & ~other_tone & (ones[:, None] != others[None]))

    def _looks(self, wanted: NDArray[np.int64]) -> NDArray[np.float64]:
        if not len(self.people):
            return np.full((len(wanted), 3), np.nan)
        place = np.minimum(np.searchsorted(self.people, wanted), len(self.people) - 1)
        return np.where((self.people[place] == wanted)[:, None], self.looks[place], np.nan)


def of(clips: Sequence[Clip], bystanders: bool = False) -> Kinds:
    """Work out the kinds of the people who are mostly seen in the files.

    Args:
        clips: the files.
        bystanders: of everybody else in them, too.

    Returns:
        Medians over the files of each person.
    """
    files: dict[int, list[NDArray[np.floating]]] = {}
    for clip in clips:
        for person in clip.looks if bystanders else {clip.person} & clip.looks.keys():
            files.setdefault(person, []).append(clip.looks[person])
    people = sorted(files)
    looks = [_medians(np.array(files[person], np.float64)) for person in people]
    return Kinds(np.array(people, np.int64), np.array(looks, np.float64).reshape(len(people), 3))


def _medians(looks: NDArray[np.float64]) -> list[float]:
    columns = [column[np.isfinite(column)] for column in looks.T]
    return [float(np.median(column)) if len(column) else float("nan") for column in columns]

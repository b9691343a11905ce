"""What a measured number is, and what it means."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class Better(StrEnum):
    """Which way a number is good."""

    LOWER = "lower"
    HIGHER = "higher"
    LIKE_ORIGINAL = "like the original"
    NEITHER = ""


@dataclass(frozen=True)
class Definition:
    """A metric.

    Attributes:
        name: stable, for machines.
        title: for people.
        unit: "share", "degrees", "cosine distance", ...
        better: which way it is good.
        meaning: how it is worked out, in one or two sentences.
        source: paper and section it follows.
    """

    name: str
    title: str
    unit: str
    better: Better
    meaning: str
    source: str = ""


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        value: the number, NaN where it is not known.
        low, high: its 95 % interval over people, bootstrapped unless its definition says otherwise.
        samples: how many samples it was taken from.
        people: of how many people they are.
        original: the same number on the originals alone, NaN where that means nothing.
        chance: what guessing gives, NaN where that means nothing.
        note: what a reader must know, above all why there is no value.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    samples: int = 0
    people: int = 0
    original: float = math.nan
    chance: float = math.nan
    note: str = ""

    @classmethod
    def unknown(cls, note: str) -> Figure:
        """Make a number that could not be measured.

        Args:
            note: why not.

        Returns:
            A figure without a value.
        """
        return cls(math.nan, note=note)

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return not math.isnan(self.value)


Numbers = dict[tuple[Definition, str], Figure]
"""Figures by definition and variant: an embedder's name, an axis, or nothing."""

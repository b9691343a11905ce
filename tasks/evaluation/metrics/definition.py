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
    """A metric. name: stable, for machines. title: for people. unit: "share", "degrees", "cosine distance", ...
    meaning: how it is worked out, in one or two sentences. source: paper and section it follows."""

    name: str
    title: str
    unit: str
    better: Better
    meaning: str
    source: str = ""


@dataclass(frozen=True)
class Figure:
    """One measured number. low, high: its 95 % interval, bootstrapped over people. samples: what it was taken from.
    people: how many of them. original: the same number on the originals alone, chance: for whoever guesses; NaN where
    that means nothing. note: what a reader must know, above all why there is no value (then it is NaN)."""

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
        """A number that could not be measured, and why."""
        return cls(math.nan, note=note)

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return not math.isnan(self.value)

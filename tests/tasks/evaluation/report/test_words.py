from __future__ import annotations

import math

import pytest

from tasks.evaluation.report import words


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.031, "share", "3.1 %"),
        (0.0, "share", "0 %"),
        (1.0, "share", "100 %"),
        (0.00004, "share", "0.0040 %"),
        (0.99996, "share", "99.996 %"),
        (0.9949, "share", "99.5 %"),
        (1.2, "share", "120.0 %"),
        (3.416, "degrees", "3.42°"),
        (0.81234, "cosine distance", "0.812"),
        (148_213.0, "frames", "148,213"),
        (-0.00321, "", "-0.00321"),
        (math.nan, "share", "–"),
        (math.inf, "", "∞"),
    ],
)
def test_amount(value: float, unit: str, said: str) -> None:
    assert words.amount(value, unit).replace("\xa0", " ") == said


@pytest.mark.parametrize("gap", [0.3, 0.01, 0.0096, 0.00096, 0.000011, 3e-9])
def test_almost_all_is_never_all_and_almost_nothing_never_nothing(gap: float) -> None:
    assert not words.amount(1 - gap, "share").startswith("100")
    assert words.amount(gap, "share").strip("0.\xa0%")


@pytest.mark.parametrize(("share", "said"), [(0.9999, "99.9 %"), (0.29, "29.0 %"), (1.0, "100.0 %"), (math.nan, "–")])
def test_nearest_is_rounded_down(share: float, said: str) -> None:
    assert words.nearest(share).replace("\xa0", " ") == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0:00.0"), (59.99, "0:59.9"), (132.6, "2:12.6"), (3725.25, "1:02:05.2"), (math.nan, "–")]
)
def test_clock(seconds: float, said: str) -> None:
    assert words.clock(seconds) == said


def test_interval_and_size() -> None:
    assert words.interval(0.1, math.nan, "share") == "–"
    assert words.interval(1.5, 2.25) == "1.50 to 2.25"
    assert words.size(1204, 45).replace("\xa0", " ") == "n = 1,204, people = 45"
    assert words.size(0, 0) == "–"

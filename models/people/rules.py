"""Whether a synthetic person may stand for a cell: the kind, at rest, and a clean picture."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from models.people import groups
from models.people.cells import KIND
from models.people.maps import REST
from models.people.meter import VALUES

AGE = 6.0
"""Years that a person may be off the cell's centre."""
ADULT = 16.0
"""Years from which nobody stands for a child, and under which nobody for an adult."""
TONE = 18.0
"""Degrees ITA that a person may be off, within TONES."""
TONES = (-30.0, 65.0)
"""Beyond these the light is measured rather than the skin; darker pictures of the generator are blurred."""
BEARD = 0.25
SHADE = 0.35
"""How far beard score and shade of the hair may be off."""
FRINGE, CROWN, LENGTH = 0.4, 0.4, 0.45
GROUP = 0.45
"""How far the shares of the groups may be off: half the sum of their differences."""
CERTAIN = 0.3
"""How far from undecided the gender must be measured."""
BARE, GLASSES = 0.12, 0.4
"""Glasses scores up to which a person wears none, and from which one wears some; between it is unclear."""
EVEN, EYE_LIGHT, HAT = 0.12, 0.66, 0.01
"""See `meter.CHECKS`."""
COVERED, UNDER_FRINGE = 0.03, 0.3
"""Share of the face that may be covered, and how much more for a fringe over the whole forehead."""
SLACK = 0.6
"""How many times as much looks, tone and states may be off that are predicted: they err, so whoever is predicted at the
edge is beyond it as often as not, and another draw costs a thousandth of a picture."""
OF_KIND = 1.33
"""How many times as much they may be off of somebody who is of the kind though not fit: a kind's age band is eight
years."""
_UNSURE = 1.5
"""How many times as unsure what is predicted may be of gender and glasses."""
_STATES = {"yaw": 6.0, "pitch": 11.0, "mouth": 0.06, "smile": 0.33, "eyes": 0.08, "light": 0.15, "frown": 0.68,
           "raised": 0.54, "aside": 0.45}  # fmt: skip
"""How far a state may be from rest."""
LIMITS = {"fringe": FRINGE, "crown": CROWN, "length": LENGTH, "shade": SHADE, "beard": BEARD, "age": AGE}
"""How far looks may be off that are judged by degree, beside the tone."""
_WORDS = {
    "ita": "skin tone",
    "female": "gender",
    "group": "apparent group",
    "shade": "shade of the hair",
    "crown": "hair on the crown",
    "length": "length of the hair",
    "light": "even light",
    "uneven": "even light",
    "covered": "an open face",
    "hat": "no hat",
    "eye_light": "clear glasses",
}
_AT_REST = "a face at rest"


NOT_STEERED = frozenset(_WORDS[name] for name in ("covered", "hat", "eye_light"))
"""What a person lacks, in words, that no move of the latent brings."""


def in_words(fault: str) -> str:
    """Return what somebody with a fault lacks, in words that an owner of videos understands.

    Args:
        fault: As `faults` gives it.

    Returns:
        The words; empty for no fault.
    """
    return _WORDS.get(fault, _AT_REST if fault in _STATES else fault)


def faults(
    values: NDArray[np.floating],
    shares: NDArray[np.floating],
    centre: NDArray[np.floating],
    slack: float = 1.0,
    predicted: bool = False,
) -> list[str]:
    """Return what makes each person unfit for a cell, or unfit at all.

    Args:
        values: (n, V) in the order of VALUES.
        shares: (n, 4) shares of the groups.
        centre: (len(KIND),) what people of the cell should look like, see `Cells.targets`.
        slack: How many times as much as usual looks, tone and states may be off.
        predicted: The values are predicted: gender and glasses may be less certain, and hats are not known.

    Returns:
        Name of the first value that is off, empty for a fit person.
    """
    return [
        next((name for name, off, bound in some if not off <= bound), "")
        for some in _offs(values, shares, centre, slack, predicted)
    ]


def excess(
    values: NDArray[np.floating], shares: NDArray[np.floating], centre: NDArray[np.floating], slack: float
) -> NDArray[np.float64]:
    """Return how far beyond what is allowed people are predicted.

    Args:
        values: (n, V) in the order of VALUES, predicted.
        shares: (n, 4) shares of the groups.
        centre: (len(KIND),) what people of the cell should look like.
        slack: See `faults`.

    Returns:
        (n,) sums over the values, each in units of its limit; 0 for people without a fault.
    """
    every = _offs(values, shares, centre, slack, predicted=True)
    sums = [sum(max(off - bound, 0.0) for _, off, bound in some) for some in every]
    return np.nan_to_num(np.array(sums, np.float64), nan=np.inf)


def _offs(
    values: NDArray[np.floating],
    shares: NDArray[np.floating],
    centre: NDArray[np.floating],
    slack: float,
    predicted: bool,
) -> Iterator[Iterator[tuple[str, float, float]]]:
    wanted = dict(zip(KIND, (float(v) for v in centre), strict=True))
    for row, share in zip(values, shares, strict=True):
        seen = dict(zip(VALUES, (float(v) for v in row), strict=True))
        yield itertools.chain(
            ((name, off, slack) for name, off in _by_degree(seen, wanted, predicted)),
            ((name, off, 1.0) for name, off in _for_certain(seen, share, wanted, predicted)),
        )


def _by_degree(seen: Mapping[str, float], wanted: Mapping[str, float], predicted: bool) -> Iterator[tuple[str, float]]:
    """(name, how many times its limit it is off) of states, looks and light."""
    for name, most in _STATES.items():
        yield name, abs(seen[name] - REST[name]) / most
    of_age = (seen["age"] < ADULT) == (wanted["age"] < ADULT)
    yield "age", 0.0 if of_age or predicted else np.inf
    for name, most in LIMITS.items():
        # What is measured there of women and children is shade.
        beard = name == "beard" and (wanted["female"] >= 0.5 or wanted["age"] < ADULT)
        yield name, 0.0 if beard else abs(seen[name] - wanted[name]) / most
    yield "ita", abs(float(np.clip(seen["ita"], *TONES)) - float(np.clip(wanted["ita"], *TONES))) / TONE
    yield "uneven", seen["uneven"] / EVEN


def _for_certain(
    seen: Mapping[str, float], shares: NDArray[np.floating], wanted: Mapping[str, float], predicted: bool
) -> Iterator[tuple[str, float]]:
    """(name, how many times its limit it is off) of what may not be off more for anybody."""
    unsure = _UNSURE if predicted else 1.0
    certain = CERTAIN / unsure if wanted["age"] >= ADULT else -0.5
    sure = (seen["female"] - 0.5) * (1.0 if wanted["female"] >= 0.5 else -1.0)
    yield "female", (0.5 - sure) / (0.5 - certain)
    if wanted["glasses"] >= 0.5:
        yield "glasses", (1.0 - seen["glasses"]) / (1.0 - GLASSES / unsure)
        yield "eye_light", EYE_LIGHT / max(seen["eye_light"], 1e-6)
    else:
        yield "glasses", seen["glasses"] / (BARE * (2 * unsure if predicted else 1.0))
    yield "group", _far(shares, wanted) / GROUP
    yield "covered", seen["covered"] / (COVERED + UNDER_FRINGE * wanted["fringe"])
    # Of latents the predictor does not tell hats.
    yield "hat", 0.0 if predicted else seen["hat"] / HAT


def _far(shares: NDArray[np.floating], wanted: Mapping[str, float]) -> float:
    """Half the sum of the differences of the groups' shares."""
    asked = groups.complete(np.array([[wanted[name] for name in groups.GROUPS[:-1]]]))[0]
    return float(np.abs(shares - asked).sum() / 2)

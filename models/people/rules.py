"""Whether a synthetic person may stand for a cell: the kind, at rest, and a clean picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

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
AKIN = 1.33
"""How many times as much they may be off of somebody who is of the kind though not fit: a kind's age band is eight
years."""
_UNSURE = 1.5
"""How many times as unsure what is predicted may be of gender and glasses."""
_STATES = {"yaw": 6.0, "pitch": 11.0, "mouth": 0.06, "smile": 0.33, "eyes": 0.08, "light": 0.15, "frown": 0.68,
           "raised": 0.54, "aside": 0.45}  # fmt: skip
"""How far a state may be from rest."""
_LOOKS = {"fringe": FRINGE, "crown": CROWN, "length": LENGTH, "shade": SHADE, "beard": BEARD, "age": AGE}
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
        centre: (len(KIND),) what people of the cell should look like, see `Cells.aims`.
        slack: How many times as much as usual looks, tone and states may be off.
        predicted: The values are predicted: gender and glasses may be less certain, and hats are not known.

    Returns:
        Name of the first value that is off, empty for a fit person.
    """
    wanted = dict(zip(KIND, (float(v) for v in centre), strict=True))
    return [
        _fault(dict(zip(VALUES, (float(v) for v in row), strict=True)), share, wanted, slack, predicted)
        for row, share in zip(values, shares, strict=True)
    ]


def _fault(
    seen: Mapping[str, float], shares: NDArray[np.floating], wanted: Mapping[str, float], slack: float, predicted: bool
) -> str:
    # Not >: a value that is no number is a fault.
    for name, most in _STATES.items():
        if not abs(seen[name] - REST[name]) <= most * slack:
            return name
    if (seen["age"] < ADULT) != (wanted["age"] < ADULT) and not predicted:
        return "age"
    for name, most in _LOOKS.items():
        if not abs(seen[name] - wanted[name]) <= most * slack and not (name == "beard" and wanted["female"] >= 0.5):
            return name
    if not abs(float(np.clip(seen["ita"], *TONES)) - float(np.clip(wanted["ita"], *TONES))) <= TONE * slack:
        return "ita"
    unsure = _UNSURE if predicted else 1.0
    certain = CERTAIN / unsure if wanted["age"] >= ADULT else -0.5
    if not (seen["female"] - 0.5) * (1.0 if wanted["female"] >= 0.5 else -1.0) >= certain:
        return "female"
    if wanted["glasses"] >= 0.5 and not seen["glasses"] >= GLASSES / unsure:
        return "glasses"
    if wanted["glasses"] < 0.5 and not seen["glasses"] <= BARE * (2 * unsure if predicted else 1.0):
        return "glasses"
    if not _far(shares, wanted) <= GROUP:
        return "group"
    for name, fine in (
        ("covered", seen["covered"] <= COVERED + UNDER_FRINGE * wanted["fringe"]),
        # Of latents the predictor does not tell hats.
        ("hat", seen["hat"] <= HAT or predicted),
        ("uneven", seen["uneven"] <= EVEN * slack),
        ("eye_light", seen["eye_light"] >= EYE_LIGHT or wanted["glasses"] < 0.5),
    ):
        if not fine:
            return name
    return ""


def _far(shares: NDArray[np.floating], wanted: Mapping[str, float]) -> float:
    """Half the sum of the differences of the groups' shares."""
    known = np.array([wanted[name] for name in KIND[-(len(shares) - 1) :]])
    asked = np.append(known, max(1.0 - float(known.sum()), 0.0))
    return float(np.abs(shares - asked).sum() / 2)

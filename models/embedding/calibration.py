"""The measured meaning of a distance, per embedder: which share of strangers is nearer, which share of genuine pairs
is farther. Written by bench/calibrate.py beside this file; read here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra.errors import WeightsError

FILE = Path(__file__).with_name("calibration.json")


@dataclass(frozen=True)
class Calibration:
    """Cosine distances of one embedder, and error rates as fractions.

    far_1, far_01: the distance under which 1 % (0.1 %) of pairs of strangers lie; the larger, that is the stricter,
    of the measured sets. frr_1, frr_01: the share of genuine pairs farther apart than that. eer, eer_distance: where
    both error rates are equal. All on few people: plausible, not proof (see the counts in the file).
    """

    far_1: float
    frr_1: float
    far_01: float
    frr_01: float
    eer: float
    eer_distance: float


@cache
def calibration(name: str) -> Calibration:
    """Return the calibration of an embedder. Raises WeightsError when it has none, or one for other weights."""
    from models.profiles import digest

    try:
        entry = json.loads(FILE.read_text(encoding="utf-8"))["embedders"][name]
    except (OSError, KeyError, ValueError) as error:
        raise WeightsError(f"Embedder {name} is not calibrated; run: python bench/calibrate.py") from error
    if entry["digest"] != digest("embedder", name):
        raise WeightsError(f"The calibration of {name} was made with other weights; run: python bench/calibrate.py")
    return Calibration(**{field: float(entry[field]) for field in Calibration.__dataclass_fields__})

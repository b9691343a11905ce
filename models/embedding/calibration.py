"""The measured meaning of a distance, per embedder: the shares of nearer strangers and of farther genuine pairs.

Written by bench/calibrate.py beside this file; read here. Where no measurement was possible here, because the weights
are not in place, the file has published numbers instead, each with its source.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from infra.errors import WeightsError

FILE = Path(__file__).with_name("calibration.json")


@dataclass(frozen=True)
class Calibration:
    """Cosine distances of one embedder, and error rates as fractions.

    far_1, far_01: the distance under which 1 % (0.1 %) of pairs of strangers lie; the larger, that is the stricter,
    of the measured sets. frr_1, frr_01: the share of genuine pairs farther apart than that. eer, eer_distance: where
    both error rates are equal. All on few people: plausible, not proof (see the counts in the file).

    measured: False for published thresholds: unknown numbers are NaN, as the error rates are.
    """

    far_1: float
    frr_1: float
    far_01: float
    frr_01: float
    eer: float
    eer_distance: float
    measured: bool

    @property
    def nearest_stranger(self) -> float:
        """Distance under which hardly any two strangers lie: among thousands of people 1 % would be dozens."""
        return self.far_01 if self.measured else self.far_1


@cache
def calibration(name: str) -> Calibration:
    """Return the calibration of an embedder: the measured one where there is one, else the published thresholds.

    Args:
        name: Name of the embedder.

    Returns:
        The calibration.

    Raises:
        WeightsError: The embedder has neither, or a measured one for other weights.
    """
    from models.selection.profiles import digest

    try:
        content = json.loads(FILE.read_text(encoding="utf-8"))
        entry = content["embedders"].get(name)
        if entry is None:
            return _of(content["published"][name], measured=False)
    except (OSError, KeyError, ValueError) as error:
        raise WeightsError(f"Embedder {name} is not calibrated; run: python bench/calibrate.py") from error
    if entry["digest"] != digest("embedder", name):
        raise WeightsError(f"The calibration of {name} was made with other weights; run: python bench/calibrate.py")
    return _of(entry, measured=True)


def _of(entry: Mapping[str, Any], measured: bool) -> Calibration:
    numbers = [field for field in Calibration.__dataclass_fields__ if field != "measured"]
    return Calibration(**{field: float(entry.get(field, math.nan)) for field in numbers}, measured=measured)

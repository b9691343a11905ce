"""Moves in the generator's latent space, and new people bred from known good ones.

Most random samples of the generator are white and young to middle-aged, and one in ten is frontal, neutral and bare.
The middle between two such people is frontal, neutral and bare nearly always: so the thin cells of the catalogue are
filled from between its own people.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.inpainting.catalogue import TONE_BOUNDS
from models.interfaces.capabilities import Floats
from tools.catalogue.meter import FEATURES

REST_GAIN = 0.95
AT_REST = {"yaw": 0.0, "pitch": -4.0, "mouth": 0.0, "smile": 0.02, "eyes": 0.23, "light": 0.0}
OUTWARD = 1.3
"""How much farther from the catalogue's middle a bred face lies than the middle of its parents, which alone would look
average: 1.4 would restore the distance of unrelated parents."""
ENOUGH = 12
"""Adults without glasses from which on a cell of age group, gender and skin tone counts as filled."""
_AGES = ((20.0, 27.0), (28.0, 39.0), (40.0, 53.0), (54.0, 72.0))
_TONES = (-25.0, *TONE_BOUNDS, 65.0)
_NEAR_AGE, _NEAR_TONE = 9.0, 16.0


@dataclass(frozen=True)
class Goal:
    """A person to breed: adults only, so ages of 20 and more."""

    age: float
    female: bool
    ita: float
    glasses: bool


def directions(latents: Floats, values: Floats) -> Floats:
    """Return how latents move on average per unit of each value, the others held still (least squares).

    Args:
        latents: (n, 512).
        values: (n, F).

    Returns:
        (F, 512) float32.
    """
    design = np.concatenate([values, np.ones((len(values), 1))], axis=1)
    solved, *_ = np.linalg.lstsq(design, latents, rcond=None)
    return np.asarray(solved[:-1], dtype=np.float32)


def rest_edit(latent: Floats, seen: dict[str, float], moves: Floats) -> Floats:
    """Return a latent moved towards a frontal, neutral face.

    Args:
        latent: (512,).
        seen: Measured values by the names of FEATURES.
        moves: (F, 512) of `directions`.

    Returns:
        (512,).
    """
    result = latent.copy()
    for name, goal in AT_REST.items():
        result = result + REST_GAIN * (goal - seen[name]) * moves[FEATURES.index(name)]
    return result


def goals(count: int, have: Counter[tuple[int, int, int]], rng: np.random.Generator) -> list[Goal]:
    """Return the people whom the catalogue lacks.

    Adults without glasses of cells drawn by how many each of them lacks of ENOUGH. Of filled cells no person is wanted,
    unless all are filled: then of all alike.

    Args:
        count: Number of goals.
        have: How many adults without glasses each cell (as `catalogue.cell_of` names it) holds.
        rng: Draws the goals.

    Returns:
        `count` goals.
    """
    cells = [(age, female, tone) for age in range(1, 5) for female in (0, 1) for tone in range(5)]
    lack = np.array([max(ENOUGH - have[cell], 0) for cell in cells], np.float64)
    share = lack / lack.sum() if lack.any() else None
    result = []
    for drawn in rng.choice(len(cells), count, p=share):
        age, female, tone = cells[int(drawn)]
        years = float(rng.uniform(*_AGES[age - 1]))
        degrees = float(rng.uniform(_TONES[tone], _TONES[tone + 1]))
        result.append(Goal(age=years, female=bool(female), ita=degrees, glasses=False))
    return result


def breed(latents: Floats, table: Floats, glasses: NDArray[np.bool_], wanted: list[Goal], seed: int) -> Floats:
    """Return new latents for goals.

    Two parents of the goal's gender, both with or both without glasses, drawn near its age and tone; the age and tone
    that their middle still lacks are added along the directions of age and tone, and the face is moved to rest. Not
    guaranteed: that the goal is reached, or the face good; measure it like any other.

    Args:
        latents: (n, 512) of good adults.
        table: (n, F) their FEATURES.
        glasses: (n,) whether they wear glasses.
        wanted: The goals.
        seed: Of the draws.

    Returns:
        (len(wanted), 512) float32.
    """
    rng = np.random.default_rng(seed)
    moves = directions(latents, table)
    age, female, ita = (table[:, FEATURES.index(name)] for name in ("age", "female", "ita"))
    result = []
    for goal in wanted:
        far = ((age - goal.age) / _NEAR_AGE) ** 2 + ((ita - goal.ita) / _NEAR_TONE) ** 2
        weight = np.exp(-0.5 * np.minimum(far, 60.0)) * ((female >= 0.5) == goal.female) * (glasses == goal.glasses)
        pair = rng.choice(len(latents), 2, replace=False, p=weight / weight.sum())
        centre, usual = latents.mean(axis=0), table.mean(axis=0)
        latent = centre + OUTWARD * (latents[pair].mean(axis=0) - centre)
        expected = usual + OUTWARD * (table[pair].mean(axis=0) - usual)
        seen = dict(zip(FEATURES, (float(v) for v in expected), strict=True))
        for name, target in (("age", goal.age), ("ita", goal.ita)):
            latent = latent + (target - seen[name]) * moves[FEATURES.index(name)]
        result.append(rest_edit(latent, seen, moves))
    return np.stack(result).astype(np.float32)

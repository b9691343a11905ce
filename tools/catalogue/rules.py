"""The people who may stay in the catalogue: measured rules, and a list of those whom only an eye can tell.

Twins are chosen far from their source in embedding space, which favours misfits, and bring their forehead and hairline:
so a mistake of the measuring networks, a hat or a fringe over the brows costs more here than an entry is worth.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from tools.catalogue.meter import Measures

PITCH_AT_REST = -4.0
WEARS = 0.04
"""Share of the face that parses as glasses from which on a person wears them; between this and CLEAR it is unclear."""
CLEAR = 0.003
AGAINST = 0.75
"""Probability of the other gender, by the embedding, from which on the age and gender network is not believed."""
_SHRINK = 0.5
_FOLDS = 20


def digest(latent: Floats) -> str:
    """Return the name of a latent: the first 16 hexadecimal digits of the SHA-256 of its float16 values.

    Args:
        latent: (512,).

    Returns:
        16 hexadecimal digits.
    """
    return hashlib.sha256(np.ascontiguousarray(latent, dtype="<f2").tobytes()).hexdigest()[:16]


@lru_cache(maxsize=1)
def excluded() -> dict[str, str]:
    """Return digest -> reason of all people left out by eye.

    A latent that was computed anew with other rounding has another digest: after sampling from nothing, look at all
    entries again.
    """
    text = files("tools.catalogue").joinpath("curate_excluded.json").read_text(encoding="utf-8")
    return {name: str(reason) for name, reason in json.loads(text).items()}


def wears_glasses(seen: Measures) -> bool:
    """Return whether the parsed face has glasses on.

    Args:
        seen: The measures, with parsed labels.

    Returns:
        True from a share of WEARS on.
    """
    return seen.values["glasses"] >= WEARS


def clean(seen: Measures | None) -> bool:
    """Return whether one face is frontal, evenly lit, at rest, bare, and of clear gender and clear glasses.

    Args:
        seen: The measures, or None.

    Returns:
        False without measures.
    """
    if seen is None or not np.isfinite(seen.values["ita"]):
        return False
    v = seen.values
    still = v["mouth"] < 0.06 and v["smile"] < 0.35 and 0.15 < v["eyes"] < 0.33
    neutral = v["frown"] < 0.78 and v["raised"] < 0.56 and v["aside"] < 0.6
    frontal = abs(v["yaw"]) < 6 and abs(v["pitch"] - PITCH_AT_REST) < 11 and abs(v["light"]) < 0.12
    bare = v["covered"] < 0.03 and v["hat"] < 0.01 and v["forehead"] > 0.21
    certain = abs(v["female"] - 0.5) > 0.3 and not CLEAR < v["glasses"] < WEARS
    return still and neutral and frontal and bare and certain


def gender_by_embedding(embeddings: Floats, female: Floats) -> Floats:
    """Return the probability that each person is female, judged by the embeddings of the others.

    By a linear discriminant, learned from the estimates of the age and gender network. Cross-validated: a person's own
    estimate takes no part. Not guaranteed: calibration on few people or one gender only.

    Args:
        embeddings: (n, D).
        female: (n,) estimates of the age and gender network.

    Returns:
        (n,) float32 in [0, 1].
    """
    known = female >= 0.5
    fold = np.random.default_rng(0).permutation(len(female)) % _FOLDS
    scores = np.zeros(len(female))
    for part in range(_FOLDS):
        scores[fold == part] = _discriminant(embeddings, known, fold != part, embeddings[fold == part])
    # A logistic curve through both groups' middles: their distance in units of the common spread gives its slope.
    low, high = float(np.median(scores[~known])), float(np.median(scores[known]))
    spread = float(np.median(np.abs(scores - np.where(known, high, low)))) * 1.4826
    slope = (high - low) / max(spread, 1e-9) ** 2
    return np.asarray(1 / (1 + np.exp(-np.clip(slope * (scores - (low + high) / 2), -30, 30))), np.float32)


def _discriminant(embeddings: Floats, known: NDArray[np.bool_], learn: NDArray[np.bool_], asked: Floats) -> Floats:
    women, men = embeddings[learn & known].astype(np.float64), embeddings[learn & ~known].astype(np.float64)
    apart = women.mean(axis=0) - men.mean(axis=0)
    common = np.cov(np.concatenate([women - women.mean(axis=0), men - men.mean(axis=0)]).T)
    level = float(np.trace(common)) / len(common)
    blended = (1 - _SHRINK) * common + _SHRINK * level * np.eye(len(common))
    return np.asarray(asked @ np.linalg.solve(blended, apart))


def believable(seen: list[Measures]) -> NDArray[np.bool_]:
    """Return whether the embedding of each person does not clearly contradict the gender measured.

    Args:
        seen: The measures of n people.

    Returns:
        (n,) bool.
    """
    female = np.array([m.values["female"] for m in seen], np.float32)
    chance = gender_by_embedding(np.stack([m.embedding for m in seen]), female)
    return np.where(female >= 0.5, chance > 1 - AGAINST, chance < AGAINST)

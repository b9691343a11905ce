"""The apparent group of a face: how it looks to others, as coarsely as a twin has to match it.

No person is sorted by origin: 564 pictures of synthetic people were sorted by eye into four groups, and a model fitted
to them (`tools.people.groups`) tells how much a source looks like each. Light and the small number of pictures make it
err: cross-validated, it agrees with the eye on 85 % (African 88 %, East Asian 90 %), and confuses mostly the group
between with its neighbours. Identifying, as all attributes of a source.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats

GROUPS = ("European", "African", "East Asian", "between")
"""The last holds those of the Americas, the Mediterranean, West and South Asia, whom the eye does not tell apart."""
TONES = (0.0, 55.0)
"""Degrees ITA between which the tone tells something; beyond, it tells about the light."""
TONE_UNIT = 30.0


def likely(embeddings: Floats, ita: float) -> NDArray[np.float64]:
    """Return how much a face looks like each of `GROUPS`.

    Args:
        embeddings: (n, D) unit vectors of one person by FaceNet, n > 0.
        ita: Skin tone in degrees ITA.

    Returns:
        (4,) shares that sum to 1.
    """
    return np.asarray(each(embeddings, np.full(len(embeddings), ita)).mean(axis=0))


def each(embeddings: Floats, ita: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return how much each of several people looks like each of `GROUPS`.

    Args:
        embeddings: (n, D) unit vectors by FaceNet.
        ita: (n,) skin tones in degrees ITA.

    Returns:
        (n, 4) shares; each row sums to 1.
    """
    stored = _stored()
    return shares(features(embeddings, ita, stored["mean"]) @ stored["slope"] + stored["level"])


def complete(known: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the shares of all groups from those that a kind holds, of which the last follows.

    Args:
        known: (n, 3) shares of all groups but the last.

    Returns:
        (n, 4) shares.
    """
    rest = np.maximum(1.0 - known.sum(axis=1, keepdims=True), 0.0)
    return np.concatenate([known, rest], axis=1).astype(np.float64)


def features(embeddings: Floats, ita: NDArray[np.floating], mean: Floats) -> NDArray[np.float64]:
    """Return the input of the model of groups.

    Args:
        embeddings: (n, D) unit vectors.
        ita: (n,) skin tones in degrees ITA.
        mean: (D,) mean embedding, which is subtracted.

    Returns:
        (n, D + 1) float64: centred embeddings, then the tone, scaled.
    """
    tone = (np.clip(ita, *TONES) - TONE_UNIT) / TONE_UNIT
    return np.concatenate([embeddings.astype(np.float64) - mean, tone[:, None]], axis=1)


def shares(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax of scores.

    Args:
        scores: (n, k).

    Returns:
        (n, k) shares; each row sums to 1.
    """
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@lru_cache(maxsize=1)
def _stored() -> dict[str, NDArray[np.floating]]:
    with files("models.people").joinpath("groups.npz").open("rb") as stream:
        stored = np.load(stream, allow_pickle=False)
        return {name: stored[name] for name in ("mean", "slope", "level")}

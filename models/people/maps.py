"""The linear maps from a kind of person to the generator's latent space, and what is read with them.

Fitted to the survey by `tools.people.fit`: ridge regression of the latent on kind and states. A person of a kind is the
mean of that kind at rest, plus what the regression leaves open, drawn at random, and is then moved until the predictor
sees the kind at rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from models.people import groups
from models.people.cells import KIND, Cells
from models.people.meter import LOOKS, STATES, VALUES
from models.people.predictor import Predictor

REST = {
    "yaw": 0.0,
    "pitch": -4.0,
    "mouth": 0.0,
    "smile": 0.02,
    "eyes": 0.23,
    "light": 0.0,
    "frown": 0.1,
    "raised": 0.02,
    "aside": 0.15,
}
"""States of a frontal, neutral, evenly lit face, in the units of `meter.STATES`."""
STEPS = 4
"""Times that a latent is moved towards what is wanted."""
GAIN = 0.8
"""Share of what is missing that a step adds."""
QUANTILES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5)
"""Of the distances of pairs of people of a cell, see `People.pair_distances`."""


@dataclass(frozen=True)
class Maps:
    """Linear maps of the latent space.

    Attributes:
        mean: (512,) latent of the mean person.
        middle: (k,) mean of kind and states.
        slope: (k, 512) latent per unit of kind and states.
        spread: (512, r) factor of the covariance of what the slope leaves open.
        moves: (len(STATES), 512) latent per unit of each state, the others, the looks and the first axes of FaceNet's
            embeddings held still: the same person in another state (`bench/outsider.py`).
        tone: (EMBEDDING,) degrees ITA per unit of a centred embedding.
        tone_level: Degrees ITA of the mean embedding.
        tone_mean: (EMBEDDING,) the mean embedding.
    """

    mean: Floats
    middle: Floats
    slope: Floats
    spread: Floats
    moves: Floats
    tone: Floats
    tone_level: float
    tone_mean: Floats

    def draw(self, kind: Floats, deviates: Floats, predictor: Predictor, allowed: Floats) -> Floats:
        """Return latents of people of a kind, at rest.

        Args:
            kind: (n, len(KIND)) wanted, or (1, len(KIND)) of all.
            deviates: (n, r) standard normal numbers, which tell people of one kind apart.
            predictor: Sees how far from the kind they are.
            allowed: See `towards`.

        Returns:
            (n, 512) float32. Not guaranteed: that they are of the kind; look at what the predictor sees, then measure.
        """
        latents = self.mean + (_at_rest(kind) - self.middle) @ self.slope + deviates @ self.spread.T
        for _ in range(STEPS):
            latents = self.towards(kind, latents, *predictor.predict(latents.astype(np.float32)), allowed)
        return np.asarray(latents, np.float32)

    def towards(self, kind: Floats, latents: Floats, values: Floats, embeddings: Floats, allowed: Floats) -> Floats:
        """Return latents moved by what they lack.

        Args:
            kind: (n, len(KIND)) wanted, at rest, or (1, len(KIND)) of all.
            latents: (n, 512).
            values: (n, V) predicted or measured of them.
            embeddings: (n, EMBEDDING) the same.
            allowed: (len(KIND),) how far from the kind they may stay.

        Returns:
            (n, 512).
        """
        missing = _at_rest(kind) - seen_as(values, embeddings)
        looks = missing[:, : len(KIND)]
        looks -= np.clip(looks, -allowed, allowed)
        return np.asarray(latents + GAIN * missing @ self.slope, np.float32)

    def tone_of(self, embeddings: Floats) -> float:
        """Return the skin tone that embeddings suggest, in any light.

        Args:
            embeddings: (n, EMBEDDING) unit vectors of one person.

        Returns:
            Degrees ITA.
        """
        return float((embeddings.mean(axis=0) - self.tone_mean) @ self.tone + self.tone_level)


def _at_rest(kind: Floats) -> Floats:
    """(n, len(KIND) + len(STATES)) a kind, and a face at rest."""
    rest = np.array([REST[name] for name in STATES], np.float32)
    return np.concatenate([kind, np.tile(rest, (len(kind), 1))], axis=1)


def seen_as(values: Floats, embeddings: Floats) -> NDArray[np.float64]:
    """Return kind and states of measured or predicted people, in the order of the maps.

    Args:
        values: (n, V) in the order of VALUES.
        embeddings: (n, EMBEDDING) unit vectors.

    Returns:
        (n, len(KIND) + len(STATES)).
    """
    looks = values[:, [VALUES.index(name) for name in LOOKS]]
    states = values[:, [VALUES.index(name) for name in STATES]]
    shares = groups.each(embeddings, values[:, VALUES.index("ita")])
    return np.concatenate([looks, shares[:, :-1], states], axis=1)


@dataclass(frozen=True)
class People:
    """What ships of the survey.

    Attributes:
        maps: From kinds to latents.
        predictor: From latents to measures.
        cells: The cells.
        usual: (2, len(KIND)) medians of men and of women, for what could not be measured of a source.
        pair_distances: (c, len(QUANTILES)) of the cosine distances (FaceNet) between each cell's surveyed people.
    """

    maps: Maps
    predictor: Predictor
    cells: Cells
    usual: Floats
    pair_distances: Floats


@lru_cache(maxsize=1)
def load() -> People:
    """Read `people.npz`, which ships with the project."""
    with files("models.people").joinpath("people.npz").open("rb") as stream:
        stored = dict(np.load(stream, allow_pickle=False).items())
    return unpacked(stored)


def unpacked(stored: dict[str, NDArray[Any]]) -> People:
    """Return what `tools.people.fit` packed.

    Args:
        stored: Arrays by name.

    Returns:
        What ships of the survey.
    """

    def floats(name: str) -> Floats:
        return stored[name].astype(np.float32)

    layers = sum(name.startswith("weight") for name in stored)
    if tuple(str(name) for name in stored["kind"]) != KIND or tuple(str(v) for v in stored["measured"]) != VALUES:
        raise ValueError("people.npz was fitted to other axes; run tools.people.fit.")
    return People(
        Maps(
            mean=floats("mean"),
            middle=floats("middle"),
            slope=floats("slope"),
            spread=floats("spread"),
            moves=floats("moves"),
            tone=floats("tone"),
            tone_level=float(floats("tone_level")),
            tone_mean=floats("tone_mean"),
        ),
        Predictor(
            floats("predictor_mean"),
            floats("predictor_scale"),
            tuple(floats(f"weight{k}") for k in range(layers)),
            tuple(floats(f"bias{k}") for k in range(layers)),
            floats("predictor_level"),
            floats("predictor_unit"),
        ),
        Cells(
            stored["cell_axis"].astype(np.int64),
            floats("cell_bound"),
            stored["cell_lower"].astype(np.int64),
            stored["cell_upper"].astype(np.int64),
            floats("cell_centre"),
        ),
        floats("usual"),
        floats("cell_pair_distances"),
    )

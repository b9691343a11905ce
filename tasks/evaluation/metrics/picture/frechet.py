"""How far the distribution of anonymized faces lies from that of the originals."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from tasks.evaluation.metrics.definition import Better, Definition, Figure

FRECHET = Definition(
    "frechet_inception",
    "Distribution of the faces (FID)",
    "FID",
    Better.LOWER,
    "Fréchet distance between the faces before and after, as Gaussians in the last layer of Inception v3: what a "
    "network that was trained on pictures of everything sees of them. Squares around some faces of each person, "
    "the same ones before and after. Falls with the number of faces: compare it at the same number only.",
    "Heusel et al. 2017",
)
LEAST = 2048
"""Faces from which on it is worked out: with fewer than there are dimensions the covariances have no full rank."""


class Frechet:
    """Collects features, file by file, in memory that does not grow with their number. Safe among threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._sums: NDArray[np.float64] | None = None
        self._products: NDArray[np.float64] | None = None

    def add(self, textures: Floats) -> None:
        """Add features of faces.

        Args:
            textures: (2, k, D), before and after.

        Raises:
            ValueError: D is another than before.
        """
        if not textures.shape[1]:
            return
        values = textures.astype(np.float64)
        with self._lock:
            if self._sums is None or self._products is None:
                size = values.shape[2]
                self._sums, self._products = np.zeros((2, size)), np.zeros((2, size, size))
            self._count += values.shape[1]
            self._sums += values.sum(axis=1)
            for k in (0, 1):
                self._products[k] += values[k].T @ values[k]

    def figure(self) -> Figure:
        """The distance, without an interval; unknown for too few faces."""
        with self._lock:
            if self._sums is None or self._products is None or self._count < LEAST:
                return Figure.unknown(f"Needs at least {LEAST:,} faces; there are {self._count:,}.")
            means = self._sums / self._count
            spreads = self._products - self._count * means[:, :, None] * means[:, None, :]
            return Figure(distance(means, spreads / (self._count - 1)), samples=self._count)


def distance(means: NDArray[np.float64], covariances: NDArray[np.float64]) -> float:
    """Work out the squared Fréchet (2-Wasserstein) distance of two Gaussians.

    Args:
        means: (2, D).
        covariances: (2, D, D).

    Returns:
        The squared distance, 0 at least.
    """
    apart = means[0] - means[1]
    # The root of the product has the trace of the root of a symmetric matrix, whose eigenvalues are real.
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    both = np.linalg.eigvalsh(root @ covariances[1] @ root)
    shared = float(np.sqrt(np.maximum(both, 0.0)).sum())
    return max(float(apart @ apart + np.trace(covariances[0]) + np.trace(covariances[1])) - 2 * shared, 0.0)

"""Fits the model of `models.people.groups`: `python -m tools.people.groups`.

To grouped.npz: embeddings (FaceNet), skin tones and groups of 564 synthetic people, whose pictures were sorted by eye.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from models.people import groups

PENALTY = 1.0
"""Weight of the squared slopes beside the log-likelihood: of .3, 1 and 3 the best in cross-validation."""
_ROUNDS = 300

Model = tuple[NDArray[np.float64], NDArray[np.float64]]


def sorted_people() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Return the people who were sorted by eye.

    Returns:
        ((n, 512) unit vectors, (n,) degrees ITA, (n,) indices of groups).
    """
    with files("tools.people").joinpath("grouped.npz").open("rb") as stream:
        stored = np.load(stream, allow_pickle=False)
        vectors = stored["embedding"].astype(np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / lengths, stored["ita"].astype(np.float32), stored["group"].astype(np.int64)


def fit(known: NDArray[np.float64], label: NDArray[np.int64]) -> Model:
    """Fit a multinomial logistic regression; every group counts the same, however many are in it.

    Args:
        known: (n, D) features.
        label: (n,) indices of the groups.

    Returns:
        (slope (D, k), level (k,)).
    """
    count = len(groups.GROUPS)
    truth = np.eye(count)[label]
    weight = (len(label) / count / np.maximum(truth.sum(axis=0), 1))[label]

    def loss(packed: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slope, level = packed[:-count].reshape(-1, count), packed[-count:]
        found = groups.shares(known @ slope + level)
        value = -(weight * np.log((found * truth).sum(axis=1))).sum() + PENALTY / 2 * (slope**2).sum()
        off = (found - truth) * weight[:, None]
        return float(value), np.concatenate([(known.T @ off + PENALTY * slope).ravel(), off.sum(axis=0)])

    start = np.zeros((known.shape[1] + 1) * count)
    packed = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ROUNDS}).x
    return packed[:-count].reshape(-1, count), packed[-count:]


def write(file: Path) -> None:
    """Fit the model and store it.

    Args:
        file: The model's file.
    """
    embeddings, ita, label = sorted_people()
    mean = embeddings.mean(axis=0)
    slope, level = fit(groups.features(embeddings, ita, mean), label)
    floats = {"mean": mean, "slope": slope, "level": level}
    np.savez_compressed(file, **{name: value.astype(np.float32) for name, value in floats.items()})


if __name__ == "__main__":
    write(Path(groups.__file__).with_name("groups.npz"))

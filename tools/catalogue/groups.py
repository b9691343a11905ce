"""Fits the model of `groups` to the catalogue and to the groups in which its pictures were put by eye.

Once the catalogue has changed and its new pictures were sorted (groups.txt, one letter each, in its order; until then
it cannot be loaded): `python -m tools.catalogue.groups`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from models.inpainting import catalogue, groups

PENALTY = 1.0
"""Weight of the squared slopes beside the log-likelihood: of .3, 1 and 3 the best in cross-validation."""
_ROUNDS = 300

Model = tuple[NDArray[np.float64], NDArray[np.float64]]


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


def people_of(people: catalogue.Catalogue) -> str:
    """Return a digest of the people in a catalogue and their order.

    Args:
        people: The catalogue.

    Returns:
        Hex SHA-256.
    """
    return hashlib.sha256(people.latents.tobytes()).hexdigest()


def write(file: Path) -> None:
    """Fit the model and store it.

    Args:
        file: The model's file.
    """
    people = catalogue.load()
    mean = people.embeddings.mean(axis=0)
    slope, level = fit(groups.features(people.embeddings, people.ita, mean), people.group)
    np.savez_compressed(
        file,
        people=np.array(people_of(people)),
        mean=mean.astype(np.float32),
        slope=slope.astype(np.float32),
        level=level.astype(np.float32),
    )


if __name__ == "__main__":
    write(Path(groups.__file__).with_name("groups.npz"))

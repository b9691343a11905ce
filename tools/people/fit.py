"""Fits what ships of a survey: `python -m tools.people.fit [WORK_FOLDER] [--least K]`, see `tools.people.survey`.

Writes models/people/people.npz: the linear maps, the predictor, the cells and some medians. No person of the survey can
be read from it: of the latents, only their regression and the covariance of what it leaves open are stored.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from models.people import maps
from models.people.cells import KIND, Cells
from models.people.maps import QUANTILES, Maps, People, seen_as
from models.people.meter import STATES, VALUES
from tools.people import partition, survey, train_predictor

LEAST = 50
"""K: measured people that each cell holds at least."""
PENALTY = 30.0
"""Of the ridge regressions, in standardised units."""
RANK = 320
"""Directions of the covariance that are kept."""
AXES = 30
"""Axes of embeddings that stay still when a state changes."""
SEED = 20261130
OUT = 0.08
"""Share of people who are left out of the predictor's fit, by whom it is judged."""
COVERED, HAT = 0.3, 0.05
"""Of whom more is covered, looks cannot be believed."""


def main(folder: Path | None, least: int, file: Path) -> None:
    """Fit and write; prints how well.

    Args:
        folder: Of the survey; None for the packed people alone.
        least: K.
        file: Where to write.
    """
    seen = survey.read(folder)
    kept = believed(seen["values"])
    latents, values, embeddings = (seen[name][kept].astype(np.float32) for name in ("latent", "values", "embedding"))
    rows = seen_as(values, embeddings)
    kinds = rows[:, : len(KIND)]
    out = np.random.default_rng(SEED).random(len(latents)) < OUT
    fitted = train_predictor.fit(latents, values, embeddings, SEED, out)
    print(f"{len(latents)} people; predicted embedding: cosine {fitted.embedding:.2f}; values of those left out:")
    print(", ".join(f"{name} {r:.2f}" for name, r in zip(VALUES, fitted.values, strict=True)))
    cells = partition.part(kinds, least)
    print(f"{len(cells)} cells of {cells.sizes.min()} to {cells.sizes.max()}")
    female = kinds[:, KIND.index("female")] >= 0.5
    usual = np.stack([np.median(kinds[~female], axis=0), np.median(kinds[female], axis=0)])
    people = People(
        linear(latents, rows, embeddings),
        fitted.predictor,
        cells,
        usual.astype(np.float32),
        pair_distances(cells, kinds, embeddings),
    )
    unfinished = file.with_name(f"unfinished-{file.name}")
    np.savez_compressed(unfinished, allow_pickle=False, **packed(people))
    unfinished.replace(file)
    print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB")


def believed(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return whose looks can be believed.

    Args:
        values: (n, V) in the order of VALUES.

    Returns:
        (n,) True for faces that are not covered, without hats.
    """
    column = {name: values[:, k] for k, name in enumerate(VALUES)}
    return np.asarray((column["covered"] < COVERED) & (column["hat"] < HAT))


def pair_distances(cells: Cells, kinds: NDArray[np.floating], embeddings: Floats) -> Floats:
    """Measure how far apart people of each cell usually are.

    Args:
        cells: The cells.
        kinds: (n, len(KIND)) of the people.
        embeddings: (n, 512) unit vectors.

    Returns:
        (c, len(QUANTILES)), see `People.pair_distances`.
    """
    cell = cells.of_each(kinds)
    rows = []
    for one in range(len(cells)):
        members = embeddings[cell == one].astype(np.float64)
        away = (1.0 - members @ members.T)[np.triu_indices(len(members), 1)]
        rows.append(np.quantile(away, QUANTILES))
    return np.array(rows, np.float32)


def linear(latents: Floats, rows: NDArray[np.float64], embeddings: Floats) -> Maps:
    """Fit the linear maps.

    Args:
        latents: (n, 512).
        rows: (n, k) of `seen_as`.
        embeddings: (n, 512) unit vectors.

    Returns:
        The maps.
    """
    middle, mean = rows.mean(axis=0), latents.mean(axis=0)
    slope = ridge(rows - middle, latents - mean)
    open_ = latents - mean - (rows - middle) @ slope
    left, singular, _ = np.linalg.svd(np.cov(open_.T), hermitian=True)
    spread = left[:, :RANK] * np.sqrt(singular[:RANK])
    # What is cut off goes to the directions that are kept, so that people vary as much as measured.
    spread *= np.sqrt(singular.sum() / singular[:RANK].sum())
    ita = rows[:, KIND.index("ita")]
    tone_mean = embeddings.mean(axis=0)
    tone = ridge((embeddings - tone_mean).astype(np.float64), (ita - ita.mean())[:, None])[:, 0]
    return Maps(
        mean=np.asarray(mean, np.float32),
        middle=np.asarray(middle, np.float32),
        slope=np.asarray(slope, np.float32),
        spread=np.asarray(spread, np.float32),
        moves=moves(latents, rows, embeddings),
        tone=np.asarray(tone, np.float32),
        tone_level=float(ita.mean()),
        tone_mean=np.asarray(tone_mean, np.float32),
    )


def moves(latents: Floats, rows: NDArray[np.float64], embeddings: Floats) -> Floats:
    """Fit how a latent moves when only a state changes.

    Args:
        latents: (n, 512).
        rows: (n, k) of `seen_as`.
        embeddings: (n, 512) unit vectors.

    Returns:
        (len(STATES), 512) float32 per unit of each state.
    """
    centred = (embeddings - embeddings.mean(axis=0)).astype(np.float64)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:AXES]
    known = np.concatenate([rows[:, len(KIND) :], rows[:, : len(KIND)], centred @ axes.T], axis=1)
    return np.asarray(ridge(known - known.mean(axis=0), latents - latents.mean(axis=0))[: len(STATES)], np.float32)


def ridge(given: NDArray[np.floating], wanted: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the ridge regression of centred columns on centred, then standardised columns.

    Args:
        given: (n, k), centred.
        wanted: (n, m), centred.

    Returns:
        (k, m) per unit of `given`.
    """
    unit = given.std(axis=0) + 1e-9
    scaled = given / unit
    solved = np.linalg.solve(scaled.T @ scaled + PENALTY * np.eye(scaled.shape[1]), scaled.T @ wanted)
    return np.asarray(solved / unit[:, None])


def packed(people: People) -> dict[str, NDArray[Any]]:
    """Return the arrays that `maps.unpacked` reads.

    Args:
        people: What ships.

    Returns:
        Arrays by name.
    """
    linear_maps, network, cells = people.maps, people.predictor, people.cells
    halves = {
        "mean": linear_maps.mean,
        "slope": linear_maps.slope,
        "spread": linear_maps.spread,
        "moves": linear_maps.moves,
        **{f"weight{k}": weight for k, weight in enumerate(network.weights)},
        **{f"bias{k}": bias for k, bias in enumerate(network.biases)},
    }
    return {
        **{name: value.astype(np.float16) for name, value in halves.items()},
        "kind": np.array(KIND),
        "measured": np.array(VALUES),
        "middle": linear_maps.middle,
        "tone": linear_maps.tone,
        "tone_level": np.array(linear_maps.tone_level),
        "tone_mean": linear_maps.tone_mean,
        "predictor_mean": network.mean,
        "predictor_scale": network.scale,
        "predictor_level": network.level,
        "predictor_unit": network.unit,
        "cell_axis": cells.axis.astype(np.int16),
        "cell_bound": cells.bound,
        "cell_lower": cells.lower.astype(np.int16),
        "cell_upper": cells.upper.astype(np.int16),
        "cell_centre": cells.centres,
        "usual": people.usual,
        "cell_pair_distances": people.pair_distances,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--least", type=int, default=LEAST)
    given = parser.parse_args()
    main(given.folder, given.least, Path(maps.__file__).with_name("people.npz"))

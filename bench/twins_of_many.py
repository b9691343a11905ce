"""Whether a dataset of many people has an own face for everybody, and whether the last wait longer than the first.

Usage: python bench/twins_of_many.py [--people N] [--alike]

N of the survey's people are the sources, one after another, as in one dataset: nobody may be like an earlier source or
twin. With --alike all are of one cell, the fullest of grown-up people. Measured are the faces before they are painted
into anything: how many go without, pairs of twins that match by FaceNet where one pair of strangers in a hundred does,
the sources' own pairs beside them, and seconds of processor time for each twin, of the first and of the last sixth.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.cells import EMBEDDER, twin_of  # noqa: E402
from models.embedding.calibration import calibration  # noqa: E402
from models.interfaces.capabilities import Floats  # noqa: E402
from models.people import maps  # noqa: E402
from models.people.cells import KIND  # noqa: E402
from models.people.maps import seen_as  # noqa: E402
from models.people.rules import ADULT  # noqa: E402
from tools.people import survey  # noqa: E402
from tools.people.fit import believed  # noqa: E402

SEED = 300
SIXTH = 6


def sources(count: int, alike: bool) -> tuple[NDArray[np.int64], Floats]:
    """(cell, embedding) of each."""
    people = survey.read(None)
    kept = believed(people["values"])
    values, embeddings = people["values"][kept], people["embedding"][kept].astype(np.float32)
    cells = maps.load().cells
    cell = cells.of_each(seen_as(values, embeddings)[:, : len(KIND)])
    chosen = np.random.default_rng(SEED).permutation(len(cell))
    if alike:
        grown = np.where(cells.centres[:, KIND.index("age")] >= ADULT, cells.sizes, 0)
        chosen = chosen[cell[chosen] == int(grown.argmax())]
    return cell[chosen[:count]], embeddings[chosen[:count]]


def matching(embeddings: Floats) -> float:
    """Share of the pairs that match where one pair of strangers in a hundred does."""
    away = (1.0 - embeddings @ embeddings.T)[np.triu_indices(len(embeddings), 1)]
    return float((away < calibration(EMBEDDER).far_1).mean())


def main() -> None:
    """Make the twins and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--alike", action="store_true")
    options = parser.parse_args()
    cell, own = sources(options.people, options.alike)
    twins: list[Floats] = []
    taken: list[int] = []
    seconds: list[float] = []
    for place in range(len(cell)):
        others = np.concatenate([own[:place], np.array(twins, np.float32).reshape(-1, own.shape[1])])
        before = time.process_time()
        twin = twin_of(int(cell[place]), SEED + place, own[place : place + 1], others, tuple(taken))
        seconds.append(time.process_time() - before)
        if twin is not None:
            twins.append(twin.embedding)
            taken.append(twin.candidate)
    part = max(1, len(cell) // SIXTH)
    without = len(cell) - len(twins)
    print(f"{len(cell)} people of {len(set(cell.tolist()))} cells: {len(set(taken))} faces, {without} without")
    print(f"matching pairs: twins {matching(np.array(twins)):.2%}, sources {matching(own):.2%}")
    print(f"processor seconds: first {np.mean(seconds[:part]):.1f}, last {np.mean(seconds[-part:]):.1f}")


if __name__ == "__main__":
    main()

"""Seconds and memory of ranking anonymized faces against a gallery of originals, on random embeddings.

Usage: python bench/attack.py [--faces 10000] [--gallery 10000] [--size 512] [--people 500] [--json FILE]

Twice: with embeddings that know nothing of the person, where the rates must be those of guessing, and with some that
do, where nearly all people are found. "traced" is the most that numpy held beyond the embeddings, "resident" the peak
of the process so far, the embeddings included. Exits with 1 when a rate is not what it must be.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import sys
import time
import tracemalloc
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from models.embedding.vectors import unit  # noqa: E402
from tasks.evaluation.metrics.faces import Faces  # noqa: E402
from tasks.evaluation.metrics.identity.identification import AT, ranks, rates  # noqa: E402


@dataclass(frozen=True)
class Row:
    """One run. traced_mb, resident_mb: see above. found: k -> share of faces whose person is among the k first."""

    embeddings: str
    seconds: float
    traced_mb: float
    resident_mb: float
    found: dict[int, float]
    chance: dict[int, float]
    as_expected: bool


def faces(count: int, size: int, people: int, known: float, seed: int) -> Faces:
    """Embeddings whose person accounts for `known` of their length; the same people for every seed."""
    random = np.random.default_rng(seed)
    person = np.arange(count) % people
    vectors = random.standard_normal((count, size), np.float32)
    if known:
        vectors += known * np.random.default_rng(0).standard_normal((people, size), np.float32)[person]
    return Faces(unit(vectors), person, np.arange(count), np.zeros(count, np.int64))


def measure(embeddings: str, gallery: Faces, probes: Faces) -> Row:
    """Rank, timed once without and once with tracing of memory, which slows."""
    started = time.perf_counter()
    found = ranks(gallery, probes)
    seconds = time.perf_counter() - started
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    tracemalloc.start()
    ranks(gallery, probes)
    traced = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    people = len(np.unique(gallery.person))
    figures = rates(found, probes.person, people)
    shares = {k: figures[k].value for k in AT}
    chance = {k: figures[k].chance for k in AT}
    if embeddings == "random":
        # Five deviations of as many independent guesses.
        fine = all(
            abs(shares[k] - chance[k]) <= 5 * math.sqrt(chance[k] * (1 - chance[k]) / len(probes))
            for k in AT
            if k < people
        )
    else:
        fine = shares[1] > 0.99
    return Row(embeddings, seconds, traced, resident, shares, chance, fine)


def main() -> int:
    """Measure, print, and write the JSON file when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=10_000)
    parser.add_argument("--gallery", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    arguments = parser.parse_args()
    rows = []
    for name, known in (("random", 0.0), ("telling", 1.0)):
        gallery, probes = (
            faces(count, arguments.size, arguments.people, known, seed)
            for count, seed in ((arguments.gallery, 1), (arguments.faces, 2))
        )
        rows.append(measure(name, gallery, probes))
        row = rows[-1]
        listed = ", ".join(f"{row.found[k]:.4f} at {k} (guessing {row.chance[k]:.4f})" for k in AT)
        print(
            f"{name}: {row.seconds:.1f} s, {row.traced_mb:.0f} MB traced, {row.resident_mb:.0f} MB resident; {listed}"
            + ("" if row.as_expected else "; NOT as expected")
        )
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    return 0 if all(row.as_expected for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

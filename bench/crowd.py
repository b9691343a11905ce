"""Thousands of synthetic people whom no sampler drew, and who of them is nearest to somebody.

Usage: python bench/crowd.py FILE [--people N] [--workers N]

FILE gets what FaceNet sees of each and the number from which the picture can be made again; half a second of processor
time for each. `bench/in_place.py --crowd FILE` paints the nearest of them into a person's footage.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from models.interfaces.capabilities import Face, Floats, Image  # noqa: E402
from models.interfaces.twins import AT_REST, Twin  # noqa: E402
from models.people import maps  # noqa: E402
from models.people.mobilestylegan import DIMENSION, MobileStyleGAN  # noqa: E402
from models.selection import profiles  # noqa: E402
from tasks.analysis.framing import framed  # noqa: E402

EMBEDDER = "facenet"
SEED = 5000
TRUNCATION = 0.8


def drawn(generator: MobileStyleGAN, rng: np.random.Generator) -> Floats:
    """(512,) style vector of somebody drawn at random, nearer to the mean person than chance."""
    noise = rng.standard_normal(DIMENSION).astype(np.float32)
    middle = maps.load().maps.mean
    return np.asarray(middle + TRUNCATION * (generator.latent(noise) - middle), np.float32)


def picture(generator: MobileStyleGAN, number: int) -> Image:
    """The picture of one of them."""
    return generator.picture(drawn(generator, np.random.default_rng([SEED, number])))


def seen(numbers: Sequence[int]) -> list[tuple[int, Floats]]:
    """(number, (D,) embedding) of those with one clear face."""
    generator = MobileStyleGAN()
    embedder = profiles.load("embedder", EMBEDDER)
    found = []
    for number in numbers:
        shown = picture(generator, number)
        face = _face(shown)
        if face is not None:
            found.append((number, embedder.embed([shown], [face])[0]))
    return found


def nearest(file: Path, embeddings: Floats) -> tuple[Twin, int]:
    """(who is nearest to a person of whom (n, D) embeddings are given, how many were compared)."""
    with np.load(file, allow_pickle=False) as stored:
        numbers, known = stored["index"], stored["embedding"].astype(np.float32)
    best = int(numbers[int((known @ embeddings.mean(axis=0)).argmax())])
    shown = picture(MobileStyleGAN(), best)
    face = _face(shown)
    if face is None:
        raise SystemExit(f"{file.name} names somebody without a face; make it anew.")
    mesh = profiles.load("landmarker", "mesh").locate([shown], [face])[0].points
    return Twin(shown, mesh, -1, AT_REST, np.zeros(1, np.float32)), len(numbers)


def _face(shown: Image) -> Face | None:
    found = profiles.load("detector", "retinaface-mobilenet", min_score=0.9).detect([shown])[0]
    return framed(shown, found[0], profiles.load("landmarker", "mesh")) if len(found) == 1 else None


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--people", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    shares = [range(first, options.people, options.workers) for first in range(options.workers)]
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        rows = sorted((row for some in pool.map(seen, shares) for row in some), key=lambda row: row[0])
    np.savez(
        options.file,
        index=np.array([number for number, _ in rows]),
        embedding=np.stack([embedding for _, embedding in rows]).astype(np.float16),
    )


if __name__ == "__main__":
    main()

"""Measures thousands of the generator's people: `python -m tools.people.survey WORK_FOLDER [--count N] [--workers N]`.

The first RANDOM people are drawn as the generator draws them, mostly white and young to middle-aged; the others are
steered towards rarer ages, tones, groups and glasses, along directions learnt from the first, and from RARER on
also towards what there were still few of: bearded men, old people, African faces. Person n of a survey is the same in
every run, whatever its count and workers; the folder holds what is done, so a stopped run resumes.

`survey.npz` beside this file holds the people measured so far, packed: without latents, which are made again from the
numbers. Those are not measured again, and `--pack` adds what the folder holds. Nobody in it exists.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from models.people import groups
from models.people.meter import VALUES, Meter
from models.people.mobilestylegan import DIMENSION, MobileStyleGAN

PACKED = Path(__file__).with_name("survey.npz")
_ARRAYS = ("number", "latent", "values", "embedding")
RANDOM = 3200
RARER = 8400
COUNT = 10800
PART = 100
SEED = 777000
MEAN_SEED = 20261121
MEAN_OF = 4096
TRUNCATION = 0.8
"""How far from the mean people are drawn, in the generator's own spread; beyond, more pictures are spoilt."""
AGES, TONES = (-14.0, 30.0), (-75.0, 5.0)
"""Years and degrees ITA by which people are steered."""
STEERED_GROUPS = ("African", "East Asian")
STEERED_GLASSES = 0.3
"""Share of the steered who are pushed towards glasses."""


def main(folder: Path, count: int, workers: int) -> None:
    """Measure people 0 to `count` - 1, as far as they are neither packed nor in the folder.

    Args:
        folder: Created when missing; holds one file for each part, and the directions.
        count: Number of people.
        workers: Number of processes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _run(folder, range(0, min(RANDOM, count), PART), workers)
    if count > RANDOM:
        _write_moves(folder)
        _run(folder, range(RANDOM, count, PART), workers)


def read(folder: Path | None) -> dict[str, NDArray[np.float32]]:
    """Return the people measured so far.

    Args:
        folder: Of a survey; None for the packed alone.

    Returns:
        "number" (n,), "latent" (n, 512), "values" (n, V) in the order of VALUES, and "embedding" (n, 512), of those in
        whose picture one clear face was seen.
    """
    files = [] if folder is None else sorted(folder.glob("part-*.npz"))
    parts = [dict(np.load(file)) for file in files if int(file.stem[5:]) not in _packed_parts()]
    if PACKED.exists():
        parts.insert(0, _unpacked())
    return {name: np.concatenate([part[name] for part in parts]) for name in _ARRAYS}


def pack(folder: Path) -> None:
    """Add a folder's people to the packed ones.

    Args:
        folder: Of a survey.
    """
    seen = read(folder)
    starts = {int(file.stem[5:]) for file in folder.glob("part-*.npz")} | _packed_parts()
    unit = float(np.abs(seen["embedding"]).max()) / 127
    unfinished = PACKED.with_name(f"unfinished-{PACKED.name}")
    moves = _moves(folder)
    np.savez_compressed(
        unfinished,
        part=np.array(sorted(starts), np.int32),
        number=seen["number"].astype(np.int32),
        values=seen["values"].astype(np.float16),
        embedding=np.round(seen["embedding"] / unit).astype(np.int8),
        names=np.array(sorted(moves)),
        moves=np.stack([moves[name] for name in sorted(moves)]),
    )
    unfinished.replace(PACKED)
    _archive.cache_clear()


def _unpacked() -> dict[str, NDArray[np.float32]]:
    stored = _archive()
    moves = dict(zip((str(name) for name in stored["names"]), stored["moves"], strict=True))
    vectors = stored["embedding"].astype(np.float32)
    latents = [latent_of(int(n), moves if n >= RANDOM else None) for n in stored["number"]]
    return {
        "number": stored["number"].astype(np.float32),
        "latent": np.stack(latents),
        "values": stored["values"].astype(np.float32),
        "embedding": vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
    }


@lru_cache(maxsize=1)
def _archive() -> dict[str, NDArray[Any]]:
    with np.load(PACKED, allow_pickle=False) as stored:
        return dict(stored.items())


def _packed_parts() -> set[int]:
    return {int(start) for start in _archive()["part"]} if PACKED.exists() else set()


def _run(folder: Path, starts: Sequence[int], workers: int) -> None:
    known = _packed_parts()
    missing = [(folder, start) for start in starts if start not in known and not (folder / _name(start)).exists()]
    if not missing:
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for done, start in enumerate(pool.imap_unordered(_part, missing), 1):
            print(f"{done} of {len(missing)} parts: {start}", flush=True)


def _name(start: int) -> str:
    return f"part-{start:06d}.npz"


@lru_cache(maxsize=1)
def _networks() -> tuple[MobileStyleGAN, Meter]:
    return MobileStyleGAN(), Meter()


@lru_cache(maxsize=1)
def mean_latent() -> Floats:
    """Return the mean (512,) of the generator's latents."""
    rng = np.random.default_rng(MEAN_SEED)
    generator = _networks()[0]
    drawn = [generator.latent(rng.standard_normal(DIMENSION).astype(np.float32)) for _ in range(MEAN_OF)]
    return np.mean(drawn, axis=0).astype(np.float32)


def _part(job: tuple[Path, int]) -> int:
    folder, start = job
    generator, meter = _networks()
    moves = _moves(folder) if start >= RANDOM else None
    rows = []
    for number in range(start, start + PART):
        latent = latent_of(number, moves)
        seen = meter.measure(generator.picture(latent))
        if seen is not None:
            rows.append((number, latent, [seen.values[name] for name in VALUES], seen.embedding))
    unfinished = folder / f"unfinished-{os.getpid()}.npz"
    np.savez(
        unfinished,
        allow_pickle=False,
        **{name: np.array([row[k] for row in rows], np.float32) for k, name in enumerate(_ARRAYS)},
    )
    unfinished.replace(folder / _name(start))
    return start


def latent_of(number: int, moves: dict[str, Floats] | None) -> Floats:
    """Return the latent of one person of a survey.

    Args:
        number: Its number.
        moves: (512,) directions by name, for the steered; None for the others.

    Returns:
        (512,) float32.
    """
    rng = np.random.default_rng([SEED, number])
    drawn = _networks()[0].latent(rng.standard_normal(DIMENSION).astype(np.float32))
    latent = mean_latent() + TRUNCATION * (drawn - mean_latent())
    if moves is not None:
        latent = latent + rng.uniform(*AGES) * moves["age"] + rng.uniform(*TONES) * moves["ita"]
        which = int(rng.integers(2 * len(STEERED_GROUPS)))
        if which < len(STEERED_GROUPS):
            latent = latent + rng.uniform(0.2, 0.8) * moves[STEERED_GROUPS[which]]
        if rng.random() < STEERED_GLASSES:
            latent = latent + rng.uniform(0.3, 1.0) * moves["glasses"]
        if number >= RARER:
            latent = latent + _rarer(rng, moves)
    return np.asarray(latent, np.float32)


def _rarer(rng: np.random.Generator, moves: dict[str, Floats]) -> Floats:
    which = int(rng.integers(3))
    if which == 0:
        return np.asarray(rng.uniform(-1.0, -0.3) * moves["female"] + rng.uniform(0.3, 1.0) * moves["beard"])
    if which == 1:
        group = STEERED_GROUPS[int(rng.integers(len(STEERED_GROUPS)))]
        return np.asarray(rng.uniform(10.0, 35.0) * moves["age"] + rng.uniform(0.0, 0.8) * moves[group])
    return np.asarray(rng.uniform(0.3, 0.8) * moves["African"])


def _moves(folder: Path) -> dict[str, Floats]:
    return dict(np.load(folder / "moves.npz"))


def _write_moves(folder: Path) -> None:
    """Fit how latents move per unit of each value, the others held still (least squares); as packed, where they are."""
    file = folder / "moves.npz"
    if file.exists():
        return
    if PACKED.exists():
        stored = _archive()
        np.savez(file, allow_pickle=False, **dict(zip(map(str, stored["names"]), stored["moves"], strict=True)))
        return
    seen = read(folder)
    shares = groups.each(seen["embedding"], seen["values"][:, VALUES.index("ita")])
    kept = [groups.GROUPS.index(name) for name in STEERED_GROUPS]
    design = np.concatenate([seen["values"], shares[:, kept], np.ones((len(shares), 1))], axis=1)
    solved, *_ = np.linalg.lstsq(design, seen["latent"], rcond=None)
    names = (*VALUES, *STEERED_GROUPS)
    np.savez(file, allow_pickle=False, **{name: solved[k].astype(np.float32) for k, name in enumerate(names)})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pack", action="store_true", help="add what the folder holds to survey.npz, measure nobody")
    given = parser.parse_args()
    if given.pack:
        pack(given.folder)
    else:
        main(given.folder, given.count, given.workers)

"""Whether a twin tells more of its source than the cell: the source's rank among others of its cell, given the twin.

Usage: python bench/cells.py make FOLDER [--cells N] [--workers N]
       python bench/cells.py measure FOLDER

`make` takes MEMBERS of the survey's people in each of N cells as sources and makes a twin for each by three samplers:
`cell alone` knows nothing but cell and seed, `as shipped` also refuses whoever is too near to the source, and `forty
axes`, planted, keeps the first forty principal axes of the source's embedding, which a cell hides. A quarter of an hour
of one core for a cell; what is done is kept in the folder. `measure` ranks the members of a cell by their distance from
each twin: where the twin tells nothing, the rank of the true source is uniform (Kolmogorov-Smirnov). Once with the
twins' embeddings as they are, and once led back to sources by the maps of `evaluate`'s reversal attackers, which learnt
from the other cells, so that nobody who can be ranked was learnt from.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from functools import lru_cache
from pathlib import Path
from unittest import mock

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.outsider import EMBEDDER, NETWORKS, Seen, Vectors  # noqa: E402
from infra.errors import Withheld  # noqa: E402
from models.embedding.vectors import unit  # noqa: E402
from models.inpainting.sampled_inpainter import SAMPLER, SampledInpainter  # noqa: E402
from models.interfaces.capabilities import FaceAttributes, Floats, Image  # noqa: E402
from models.interfaces.twins import Twin, TwinJob  # noqa: E402
from models.people import maps  # noqa: E402
from models.people.cells import KIND  # noqa: E402
from models.people.maps import seen_as  # noqa: E402
from models.people.mobilestylegan import MobileStyleGAN  # noqa: E402
from models.selection import profiles  # noqa: E402
from tasks.evaluation.metrics.adversary import reversal  # noqa: E402
from tools.people import survey  # noqa: E402
from tools.people.fit import ridge  # noqa: E402

MEMBERS = 51
AXES = 40
ALONE, SHIPPED, PLANTED = "cell alone", "as shipped", "forty axes"
SAMPLERS = (ALONE, SHIPPED, PLANTED)
ENOUGH = 0.05 / len(NETWORKS)
"""p under which ranks are called not uniform, corrected for the number of networks."""
_NOBODY = np.zeros((0, 1), np.float32)


def planted(latents: Floats, rows: NDArray[np.float64], embeddings: Floats, seed: int) -> Floats:
    """Latents of twins that keep forty axes of their sources: (n, 512), a row for each."""
    centred = (embeddings - embeddings.mean(axis=0)).astype(np.float64)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:AXES]
    known = np.concatenate([rows - rows.mean(axis=0), centred @ axes.T], axis=1)
    mean = latents.mean(axis=0)
    kept = known @ ridge(known, latents - mean)
    # What the regression leaves open is somebody else's.
    return np.asarray(mean + kept + np.random.default_rng(seed).permutation(latents - mean - kept), np.float32)


def make(folder: Path, count: int, workers: int) -> None:
    """Make sources and twins of the cells that are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    people = survey.read(None)
    rows = seen_as(people["values"], people["embedding"])
    cells = maps.load().cells
    cell = cells.of_each(rows[:, : len(KIND)])
    twins = planted(people["latent"], rows, people["embedding"], 1)
    full = np.flatnonzero(np.bincount(cell) >= MEMBERS)
    chosen = full[np.linspace(0, len(full) - 1, count).round().astype(np.int64)]
    jobs = []
    for one in chosen:
        members = np.random.default_rng([2, one]).permutation(np.flatnonzero(cell == one))[:MEMBERS]
        jobs.append((folder / f"{one:03}.npz", int(one), people["latent"][members], twins[members]))
    with multiprocessing.get_context("spawn").Pool(workers, maxtasksperchild=1) as pool:
        for done in pool.imap_unordered(_cell, [job for job in jobs if not job[0].exists()], chunksize=1):
            print(done, flush=True)


def _cell(job: tuple[Path, int, Floats, Floats]) -> str:
    file, cell, latents, kept = job
    generator, seen = MobileStyleGAN(), Seen()
    sources = seen.of(generator.picture(latent) for latent in latents)
    shown: dict[str, list[Image | None]] = {ALONE: [], SHIPPED: []}
    for place in range(MEMBERS):
        seed = cell * MEMBERS + place
        shown[ALONE].append(_picture(twin_of(cell, seed, _NOBODY)))
        shown[SHIPPED].append(_picture(twin_of(cell, seed, sources[EMBEDDER][place : place + 1])))
    vectors = {ALONE: seen.of(shown[ALONE]), SHIPPED: seen.of(shown[SHIPPED])}
    vectors[PLANTED] = seen.of(generator.picture(latent) for latent in kept)
    unfinished = file.with_name(f"unfinished-{file.name}")
    arrays = {f"source {name}": sources[name] for name in NETWORKS}
    arrays |= {f"{sampler} {name}": some[name] for sampler, some in vectors.items() for name in NETWORKS}
    np.savez(unfinished, allow_pickle=False, **arrays)
    unfinished.replace(file)
    refused = sum(a is not None and not np.array_equal(a, b) for a, b in zip(shown[ALONE], shown[SHIPPED], strict=True))
    without = sum(one is None for one in shown[SHIPPED])
    return f"cell {cell}: {refused} of {MEMBERS} twins differ for a refusal, {without} have none"


def twin_of(cell: int, seed: int, source: Floats, others: Floats = _NOBODY, taken: tuple[int, ...] = ()) -> Twin | None:
    """The twin of somebody of a cell, as the inpainter gives it; None where nobody may serve."""
    sampler = profiles.load("sampler", SAMPLER)
    looks = FaceAttributes(0.0, 0.0, {}, 0.0, 0.0, 0.0)
    frame = np.zeros((2, 2, 3), np.uint8)
    job = TwinJob(frame, _NOBODY, looks, source, others, EMBEDDER, taken, seed=seed, attempt=1)
    # What is asked here is what a twin tells beyond the cell, so the cell is that of the survey.
    with mock.patch.object(sampler, "cell", return_value=cell):
        try:
            return _inpainter().inpaint(job)
        except Withheld:
            return None


def _picture(twin: Twin | None) -> Image | None:
    return None if twin is None else twin.picture


@lru_cache(maxsize=1)
def _inpainter() -> SampledInpainter:
    return SampledInpainter()


def places(twins: list[Floats], sources: list[Floats], rng: np.random.Generator) -> NDArray[np.float64]:
    """Where in its cell's order, from 0 to 1, each twin's source is; uniform where the twin tells nothing."""
    found = []
    for some, members in zip(twins, sources, strict=True):
        away = 1.0 - some.astype(np.float64) @ members.T.astype(np.float64)
        known = np.isfinite(away).all(axis=1)
        truth = np.diag(away)[:, None]
        found.append(((away < truth).sum(axis=1) + rng.random(len(away)))[known] / len(members))
    return np.concatenate(found)


def reversed_(twins: list[Floats], sources: list[Floats], learner: reversal.Learner) -> list[Floats]:
    """Twins led back to sources, by what was learnt from the other cells."""
    led = []
    for held in range(len(twins)):
        results = np.concatenate([some for n, some in enumerate(twins) if n != held])
        truth = np.concatenate([some for n, some in enumerate(sources) if n != held])
        known = np.isfinite(results).all(axis=1)
        back = learner(results[known], truth[known], np.arange(int(known.sum())), 0)
        there = np.isfinite(twins[held]).all(axis=1)
        row = np.full_like(twins[held], np.nan)
        row[there] = unit(back(twins[held][there]))
        led.append(row)
    return led


def measure(folder: Path) -> list[str]:
    """The figures as lines of Markdown."""
    from scipy import stats

    stored = [dict(np.load(file)) for file in sorted(folder.glob("[0-9]*.npz"))]
    # A source in whose picture no face is found ranks nobody.
    clear = [np.isfinite(np.concatenate([one[f"source {n}"] for n in NETWORKS], axis=1)).all(axis=1) for one in stored]

    def of(name: str) -> Vectors:
        return {n: [one[f"{name} {n}"][fine] for one, fine in zip(stored, clear, strict=True)] for n in NETWORKS}

    sources = of("source")
    lines = ["| sampler | attacker | network | twins | median place | rank 1 | p |", "|---|---|---|---|---|---|---|"]
    for sampler in SAMPLERS:
        twins = of(sampler)
        for attacker, learner in (("naive", None), ("ridge", reversal.ridge), ("network", reversal.network)):
            for name in NETWORKS:
                led = twins[name] if learner is None else reversed_(twins[name], sources[name], learner)
                place = places(led, sources[name], np.random.default_rng(0))
                p = float(stats.kstest(place, "uniform").pvalue)
                first = float((place < 1 / MEMBERS).mean())
                verdict = "" if p > ENOUGH else " (not uniform)"
                lines.append(
                    f"| {sampler} | {attacker} | {name} | {len(place)} | {np.median(place):.2f} | {first:.1%} "
                    f"(chance {1 / MEMBERS:.1%}) | {p:.3g}{verdict} |"
                )
    return lines


def main() -> None:
    """Make, or measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make")
    making.add_argument("folder", type=Path)
    making.add_argument("--cells", type=int, default=5)
    making.add_argument("--workers", type=int, default=2)
    commands.add_parser("measure").add_argument("folder", type=Path)
    options = parser.parse_args()
    if options.command == "make":
        make(options.folder, options.cells, options.workers)
    else:
        print("\n".join(measure(options.folder)))


if __name__ == "__main__":
    main()

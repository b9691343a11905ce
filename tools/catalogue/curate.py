"""Builds the catalogue of synthetic identities: `python -m tools.catalogue.curate WORK_FOLDER [--again]`.

Run once by the project; users get the result (`catalogue.npz`) and never need this. It samples the generator,
measures every face, learns linear directions in the latent space (yaw, pitch, mouth, smile, eyes, age, skin tone),
samples again steered towards the rarer cells, turns each face frontal and neutral, and keeps clean faces, evenly over
age group x gender x skin tone. From those it breeds more where cells stay thin. With --again the people of the present
catalogue take the place of the sampling: all who are still clean stay, in their order, and the bred are appended.
Everything is seeded; WORK_FOLDER holds the measurements so that a stopped run resumes.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.embedding.facenet import FaceNet
from models.inpainting import catalogue
from models.inpainting.catalogue import AGE_BOUNDS, TONE_BOUNDS, cell_of
from models.inpainting.mobilestylegan import DIMENSION, MobileStyleGAN
from models.interfaces.capabilities import Floats
from tools.catalogue.breed import breed, directions, goals, rest_edit
from tools.catalogue.meter import FEATURES, Measures, Meter, asymmetry, eye_light, survey
from tools.catalogue.rules import believable, clean, digest, excluded, wears_glasses

SEED = 777000
MEAN_SEED = 20261121
FIRST = 2400
SECOND = 1600
BRED = 450
TRUNCATION = 0.8
SHORTLIST_PER_CELL = 36
PER_CELL = 32
CLEAR_GLASSES = 0.66
EVEN = 0.12
ALIKE = 0.79
CATALOGUE = Path(catalogue.__file__).with_name("catalogue.npz")


def main(folder: Path, again: bool) -> None:
    """Build the catalogue; prints its coverage.

    Args:
        folder: WORK_FOLDER, created when missing.
        again: Take the people of the present catalogue instead of sampling.
    """
    folder.mkdir(parents=True, exist_ok=True)
    generator, meter = MobileStyleGAN(), Meter()
    if again:
        with np.load(CATALOGUE, allow_pickle=False) as stored:
            latents = stored["latent"].astype(np.float32)
    else:
        latents = sample(generator, meter, folder)
    seen = survey(latents, generator, meter, folder / "rest.npz", parse=True)
    parents = fine(latents, seen) if again else choose(latents, seen, generator, [])
    new = offspring(latents[parents], [measured(seen[i]) for i in parents])
    seen += survey(new, generator, meter, folder / "bred.npz", parse=True)
    latents = np.concatenate([latents, new])
    kept = choose(latents, seen, generator, parents)
    write(latents[kept], [measured(seen[i]) for i in kept], CATALOGUE)
    print(f"kept {len(kept)} of {len(seen)}; age bounds {AGE_BOUNDS}, tone bounds {TONE_BOUNDS}")


def sample(generator: MobileStyleGAN, meter: Meter, folder: Path) -> Floats:
    """Return latents of people drawn at random, then steered to rarer ages and tones, shortlisted and put at rest.

    Args:
        generator: Makes the pictures.
        meter: Measures them.
        folder: Keeps the measurements.

    Returns:
        (n, 512) float32.
    """
    rng = np.random.default_rng(MEAN_SEED)
    mean = np.mean(
        [generator.latent(rng.standard_normal(DIMENSION).astype(np.float32)) for _ in range(4096)], axis=0
    ).astype(np.float32)

    first = _draw(generator, mean, FIRST, 0)
    seen_first = survey(first, generator, meter, folder / "first.npz")
    good = [i for i, m in enumerate(seen_first) if m is not None and np.isfinite(m.values["ita"])]
    moves = directions(first[good], table([measured(seen_first[i]) for i in good]))

    # Steered: every face of the second round is pushed towards a random age and skin tone.
    second = _draw(generator, mean, SECOND, FIRST)
    rng = np.random.default_rng(SEED + 1)
    age_pull = rng.uniform(-12, 30, SECOND)[:, None] * moves[FEATURES.index("age")]
    tone_pull = rng.uniform(-75, 5, SECOND)[:, None] * moves[FEATURES.index("ita")]
    second = (second + age_pull + tone_pull).astype(np.float32)
    seen_second = survey(second, generator, meter, folder / "second.npz")

    latents, found = np.concatenate([first, second]), seen_first + seen_second
    chosen = _shortlist(found)
    return np.stack([rest_edit(latents[i], measured(found[i]).values, moves) for i in chosen]).astype(np.float32)


def offspring(latents: Floats, rows: list[Measures]) -> Floats:
    """Return latents bred from the adults among good people.

    Args:
        latents: (n, 512).
        rows: The measures of these n people.

    Returns:
        (BRED, 512) float32.
    """
    adult = [i for i, m in enumerate(rows) if m.values["age"] >= AGE_BOUNDS[0]]
    glasses = np.array([wears_glasses(rows[i]) for i in adult])
    have = Counter(_cell(rows[i])[:3] for i, wears in zip(adult, glasses, strict=True) if not wears)
    wanted = goals(BRED, have, np.random.default_rng(SEED + 2))
    new = breed(latents[adult], table([rows[i] for i in adult]), glasses, wanted, SEED + 3)
    # As the catalogue will store them, so that the pictures measured are the pictures made.
    return new.astype(np.float16).astype(np.float32)


def fine(latents: Floats, seen: list[Measures | None]) -> list[int]:
    """Return the clean people who were not left out by eye.

    Args:
        latents: (n, 512).
        seen: Their measures, None where there are none.

    Returns:
        Indices, ascending.
    """
    return [i for i, m in enumerate(seen) if clean(m) and digest(latents[i]) not in excluded()]


def choose(latents: Floats, seen: list[Measures | None], generator: MobileStyleGAN, already: list[int]) -> list[int]:
    """Return the people to keep.

    Those chosen already, and of the others who are clean, of believable gender and not left out by eye, those with the
    fewest flaws first, no two alike, at most PER_CELL of a cell.

    Args:
        latents: (n, 512).
        seen: Their measures, None where there are none.
        generator: Makes the pictures.
        already: Indices of those chosen already.

    Returns:
        Indices, ascending.
    """
    able = fine(latents, seen)
    adult = [i for i in able if measured(seen[i]).values["age"] >= AGE_BOUNDS[0]]
    known: NDArray[np.bool_] = believable([measured(seen[i]) for i in adult])
    doubted = {i for i, sure in zip(adult, known, strict=True) if not sure}
    order = sorted((i for i in able if i not in doubted), key=lambda i: _flaws(measured(seen[i])))
    kept = list(already)
    count = Counter(_cell(measured(seen[i])) for i in kept)
    for index in order:
        m = measured(seen[index])
        cell = _cell(m)
        if index in already or count[cell] >= (PER_CELL // 2 if cell[3] else PER_CELL):
            continue
        if kept and max(float(m.embedding @ measured(seen[k]).embedding) for k in kept) > ALIKE:
            continue
        picture = generator.picture(latents[index])
        if asymmetry(picture, m.mesh) > EVEN or (cell[3] and eye_light(picture, m.mesh) < CLEAR_GLASSES):
            continue
        kept.append(index)
        count[cell] += 1
    return sorted(kept)


def write(latents: Floats, rows: list[Measures], file: Path) -> None:
    """Store latents and measures in the catalogue's format; whole or not at all.

    Args:
        latents: (n, 512).
        rows: The measures of these n people.
        file: The catalogue's file.
    """
    unfinished = file.with_name(f"unfinished-{file.name}")
    np.savez_compressed(
        unfinished,
        latent=latents.astype(np.float16),
        values=table(rows),
        glasses=np.array([wears_glasses(m) for m in rows]),
        mesh=np.round(np.stack([m.mesh for m in rows]) * 16).astype(np.int16),
        embedding=np.stack([m.embedding for m in rows]).astype(np.float16),
        features=np.array(FEATURES),
        embedder=np.array(FaceNet.name),
    )
    unfinished.replace(file)


def table(rows: list[Measures]) -> Floats:
    """Return the FEATURES of people.

    Args:
        rows: The measures of n people.

    Returns:
        (n, F) float32.
    """
    return np.array([[m.values[name] for name in FEATURES] for m in rows], np.float32)


def measured(seen: Measures | None) -> Measures:
    """Return the measures of a candidate who has some.

    Args:
        seen: The measures.

    Returns:
        The measures.

    Raises:
        ValueError: There are none.
    """
    if seen is None:
        raise ValueError("This candidate was not measured.")
    return seen


def _draw(generator: MobileStyleGAN, mean: Floats, count: int, start: int) -> Floats:
    rows = []
    for i in range(start, start + count):
        noise = np.random.default_rng(SEED + i).standard_normal(DIMENSION).astype(np.float32)
        rows.append(mean + TRUNCATION * (generator.latent(noise) - mean))
    return np.stack(rows).astype(np.float32)


def _shortlist(found: list[Measures | None]) -> list[int]:
    """Promising faces, at most SHORTLIST_PER_CELL of each cell, the most frontal first."""
    groups: dict[tuple[int, int, int], list[tuple[float, int]]] = {}
    for index, seen in enumerate(found):
        if seen is None:
            continue
        v = seen.values
        if 0.35 < v["female"] < 0.65 or abs(v["yaw"]) > 18 or not np.isfinite(v["ita"]):
            continue
        cell = cell_of(v["age"], v["female"], v["ita"])
        groups.setdefault(cell, []).append((abs(v["yaw"]) / 10 + v["mouth"] * 6 + v["smile"], index))
    return sorted(index for members in groups.values() for _, index in sorted(members)[:SHORTLIST_PER_CELL])


def _cell(seen: Measures) -> tuple[int, int, int, bool]:
    return (*cell_of(seen.values["age"], seen.values["female"], seen.values["ita"]), wears_glasses(seen))


def _flaws(seen: Measures) -> float:
    v = seen.values
    return v["covered"] + abs(v["yaw"]) / 60 + v["mouth"] + abs(v["light"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), again="--again" in sys.argv[2:])

"""How often somebody who holds other pictures of a person recognises the person behind a result.

Usage: python bench/outsider.py make FOLDER [--people N]
       anonflow image FOLDER/before FOLDER/results          (with every rule or option that is to be compared)
       python bench/outsider.py measure FOLDER RESULTS...

`make` writes two pictures of each of N synthetic people who are not in the catalogue: FOLDER/before/NNN.png, frontal,
and FOLDER/other/NNN.png, turned, smiling, in other light. Both come from one latent, moved along directions that leave
FaceNet's axes, age and gender still, so who is who is known. `measure` embeds them and each result: matches at 1 %
false accepts (single pairs), and the rank of the true person among all, for the originals, the results, and for
strangers of the same kind (gender, within ten years), with 95 % intervals over people.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from models import profiles  # noqa: E402
from models.capabilities import Floats, Image  # noqa: E402
from models.embedding.calibration import calibration  # noqa: E402
from models.inpainting import catalogue  # noqa: E402
from models.inpainting.mobilestylegan import DIMENSION, MobileStyleGAN  # noqa: E402
from tasks.framing import framed  # noqa: E402

NETWORKS = ("facenet", "dlib-resnet", "sface", "arcface")
AXES = 30
"""Axes of the embeddings that a direction leaves still."""
MOVED = ("yaw", "pitch", "mouth", "smile", "eyes", "age", "female", "ita")
TRUNCATION = 0.8
SAME_AGE = 10.0
DRAWS = 1000


def directions() -> NDArray[np.float64]:
    """(len(MOVED), 512) moves of a latent by one standard deviation of the catalogue in each measure, the others and
    the first axes of the embeddings held still; least squares over the catalogue."""
    with np.load(ROOT / "models" / "inpainting" / "catalogue.npz", allow_pickle=False) as stored:
        names = [str(name) for name in stored["features"]]
        values = stored["values"][:, [names.index(name) for name in MOVED]].astype(np.float64)
    people = catalogue.load()
    centred = people.embeddings.astype(np.float64) - people.embeddings.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:AXES]
    known = np.column_stack([values, centred @ axes.T])
    known = (known - known.mean(axis=0)) / known.std(axis=0)
    latents = people.latents - people.latents.mean(axis=0)
    solved = np.linalg.solve(known.T @ known + 5.0 * np.eye(known.shape[1]), known.T @ latents)
    return np.asarray(solved[: len(MOVED)])


def relit(picture: Image, rng: np.random.Generator) -> Image:
    """The picture in other light: from one side, warmer or colder, brighter or darker, a little blurred and smaller."""
    height, width = picture.shape[:2]
    side = np.linspace(*rng.permutation([0.65, 1.2]), width)[None, :, None]
    colour = 1.0 + rng.uniform(-0.12, 0.12, 3)
    light = np.clip(picture.astype(np.float32) / 255.0, 0, 1) ** rng.uniform(0.75, 1.35)
    shown = np.clip(light * side * colour * 255.0, 0, 255).astype(np.uint8)
    small = cv2.resize(shown, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), rng.uniform(0.3, 1.0)), np.uint8)


def make(folder: Path, count: int) -> None:
    """Write the pictures; people without a clear face in both are left out."""
    generator, moves = MobileStyleGAN(), directions()
    detector, landmarker = profiles.load("detector", "retinaface-mobilenet"), profiles.load("landmarker", "mesh")
    people = catalogue.load()
    middle = people.latents.mean(axis=0)
    for name in ("before", "other"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    made, seed = 0, 0
    while made < count:
        rng = np.random.default_rng([7, seed])
        seed += 1
        latent = middle + TRUNCATION * (generator.latent(rng.standard_normal(DIMENSION).astype(np.float32)) - middle)
        turn, smile = rng.choice([-1, 1]) * rng.uniform(6, 12), rng.uniform(3, 6)
        other = latent + turn * moves[MOVED.index("yaw")] + smile * moves[MOVED.index("smile")]
        pair = generator.picture(latent), generator.picture(other.astype(np.float32))
        faces = [[face for face in detector.detect([picture])[0] if face.score > 0.95] for picture in pair]
        if any(len(found) != 1 for found in faces):
            continue
        if any(landmarker.locate([p], f)[0].presence < 0.9 for p, f in zip(pair, faces, strict=True)):
            continue
        small = cv2.resize(pair[0], (640, 640), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / "before" / f"{made:03}.png"), small)
        cv2.imwrite(str(folder / "other" / f"{made:03}.png"), relit(pair[1], rng))
        made += 1


class Seen:
    """What every network sees of the largest face of pictures, NaN where no face is found; kinds by age and gender."""

    def __init__(self) -> None:
        self._detector = profiles.load("detector", "retinaface-mobilenet", min_score=0.5)
        self._landmarker = profiles.load("landmarker", "mesh")
        self._age_gender = profiles.load("age_gender", "dlib-age-gender")
        self._embedders = {name: profiles.load("embedder", name) for name in NETWORKS}

    def of(self, paths: list[Path | None]) -> tuple[dict[str, Floats], Floats]:
        """(network -> (n, D) vectors, (n, 2) age and probability of female)."""
        rows: dict[str, list[Floats]] = {name: [] for name in NETWORKS}
        kinds = []
        for path in paths:
            picture = cv2.imread(str(path)) if path is not None else None
            faces = self._detector.detect([picture])[0] if picture is not None else []
            face = max(faces, key=lambda one: one.size, default=None)
            if picture is None or face is None:
                for name, embedder in self._embedders.items():
                    rows[name].append(np.full(embedder.dimension, np.nan, np.float32))
                kinds.append(np.full(2, np.nan, np.float32))
                continue
            seen = framed(picture, face, self._landmarker) or face
            for name, embedder in self._embedders.items():
                rows[name].append(embedder.embed([picture], [seen])[0])
            kinds.append(self._age_gender.estimate([picture], [seen])[0])
        return {name: np.stack(some) for name, some in rows.items()}, np.stack(kinds)


def interval(values: NDArray[np.float64]) -> str:
    """Mean of one value per person with its bootstrap interval, in per cent."""
    known = values[np.isfinite(values)]
    if not len(known):
        return "none"
    rng = np.random.default_rng(0)
    draws = known[rng.integers(len(known), size=(DRAWS, len(known)))].mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{known.mean():.1%} ({low:.1%} to {high:.1%})"


def results_of(folder: Path, before: list[Path]) -> list[Path | None]:
    """The result of each original, in order; None where it was withheld."""
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines()]
    by_place = {row["ordinal"]: row for row in rows}
    shown = (by_place.get(n) for n in range(1, len(before) + 1))
    return [folder / row["output"] if row and row["output"] else None for row in shown]


def measure(folder: Path, results: list[Path]) -> list[str]:
    """The figures as lines of Markdown."""
    seen = Seen()
    before, other = sorted((folder / "before").glob("*.png")), sorted((folder / "other").glob("*.png"))
    theirs, _ = seen.of(list(other))
    own, kinds = seen.of(list(before))
    age, female = kinds[:, 0], kinds[:, 1] > 0.5
    alike = (abs(age[:, None] - age[None]) <= SAME_AGE) & (female[:, None] == female[None])
    np.fill_diagonal(alike, False)
    lines = [
        "| shown | network | people | matched | strangers of the kind matched | rank 1 | median rank |",
        "|---|---|---|---|---|---|---|",
    ]
    for label, vectors in [("originals", own)] + [(r.name, seen.of(results_of(r, before))[0]) for r in results]:
        for name in NETWORKS:
            away = 1.0 - vectors[name].astype(np.float64) @ theirs[name].T.astype(np.float64)
            known = np.isfinite(np.diag(away))
            near = np.where(np.isfinite(away), away < calibration(name).far_1, np.nan)
            beside = [near[i][alike[i]].mean() if known[i] and alike[i].any() else np.nan for i in range(len(away))]
            strangers = np.array(beside)
            rank = np.array([1.0 + (away[i] < away[i, i]).sum() if known[i] else np.nan for i in range(len(away))])
            first = np.where(known, rank == 1, np.nan)
            lines.append(
                f"| {label} | {name} | {int(known.sum())} | {interval(np.diag(near))} | {interval(strangers)} | "
                f"{interval(first)} | {np.nanmedian(rank):.0f} of {len(away)} |"
            )
    return lines


def main() -> None:
    """Make the pictures, or measure results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make")
    making.add_argument("folder", type=Path)
    making.add_argument("--people", type=int, default=60)
    measuring = commands.add_parser("measure")
    measuring.add_argument("folder", type=Path)
    measuring.add_argument("results", nargs="+", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "make":
        make(arguments.folder, arguments.people)
    else:
        print("\n".join(measure(arguments.folder, arguments.results)))


if __name__ == "__main__":
    main()

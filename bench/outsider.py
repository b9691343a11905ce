"""How often somebody who holds other pictures of a person recognises the person behind a result.

Usage: python bench/outsider.py make FOLDER [--people N]
       anonflow image FOLDER/before FOLDER/results          (with every rule or option that is to be compared)
       python bench/outsider.py measure FOLDER RESULTS...

`make` writes two pictures of each of N synthetic people: FOLDER/before/NNN.png, frontal,
and FOLDER/other/NNN.png, turned, smiling, in other light. Both come from one latent, moved along directions that leave
FaceNet's axes, age and gender still, so who is who is known. `measure` embeds them and each result: matches at 1 %
false accepts (single pairs), and the rank of the true person among all, with 95 % intervals over people, for the
originals, the results, and, in their place, strangers of the person's kind as twins are drawn from them, not painted:
what somebody finds who knows the kind and nothing else. Beside each, how often it matches other people of the same
gender, age within ten years and tone within twenty degrees.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.crowd import EMBEDDER, drawn  # noqa: E402
from models.attributes import skin  # noqa: E402
from models.embedding.calibration import calibration  # noqa: E402
from models.interfaces.capabilities import Face, FaceAttributes, Floats, Image  # noqa: E402
from models.interfaces.twins import TwinJob  # noqa: E402
from models.people import maps  # noqa: E402
from models.people.meter import STATES  # noqa: E402
from models.people.mobilestylegan import MobileStyleGAN  # noqa: E402
from models.selection import profiles  # noqa: E402
from tasks.analysis.attributes import glasses_and_hair  # noqa: E402
from tasks.analysis.framing import framed  # noqa: E402
from tasks.evaluation.metrics.adversary.kinds import Kinds  # noqa: E402

NETWORKS = ("facenet", "dlib-resnet", "sface", "arcface")
STRANGERS = 4
"""Strangers of each person's kind who are put in the place of results."""
TURNED, SMILE = (12.0, 25.0), (0.4, 0.9)
"""Degrees of yaw and blendshape of the smile by which the second picture differs."""
DRAWS = 1000


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
    generator, moves = MobileStyleGAN(), maps.load().maps.moves
    detector, landmarker = profiles.load("detector", "retinaface-mobilenet"), profiles.load("landmarker", "mesh")
    for name in ("before", "other"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    made, seed = 0, 0
    while made < count:
        rng = np.random.default_rng([7, seed])
        seed += 1
        latent = drawn(generator, rng)
        turn, smile = rng.choice([-1, 1]) * rng.uniform(*TURNED), rng.uniform(*SMILE)
        other = latent + turn * moves[STATES.index("yaw")] + smile * moves[STATES.index("smile")]
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


Vectors = dict[str, Floats]
"""Network -> (n, D) unit vectors, NaN where no face is found."""


class Seen:
    """What every network sees of the largest face of pictures."""

    def __init__(self) -> None:
        self._detector = profiles.load("detector", "retinaface-mobilenet", min_score=0.5)
        self._landmarker = profiles.load("landmarker", "mesh")
        self._age_gender = profiles.load("age_gender", "dlib-age-gender")
        self._parser = profiles.load("parser", "bisenet")
        self._embedders = {name: profiles.load("embedder", name) for name in NETWORKS}

    def face(self, picture: Image) -> Face | None:
        """The largest face, as embedders see it."""
        found = max(self._detector.detect([picture])[0], key=lambda one: one.size, default=None)
        return None if found is None else framed(picture, found, self._landmarker) or found

    def of(self, pictures: Iterable[Image | None]) -> Vectors:
        """The vectors of some pictures."""
        rows: dict[str, list[Floats]] = {name: [] for name in NETWORKS}
        for picture in pictures:
            face = None if picture is None else self.face(picture)
            for name, embedder in self._embedders.items():
                unknown = np.full(embedder.dimension, np.nan, np.float32)
                rows[name].append(unknown if picture is None or face is None else embedder.embed([picture], [face])[0])
        return {name: np.stack(some) for name, some in rows.items()}

    def looks(self, picture: Image) -> FaceAttributes:
        """The apparent kind of whom a picture shows, as the pipeline reads it."""
        face = self.face(picture)
        if face is None:
            raise SystemExit("A picture shows no face; make them anew.")
        age, female = self._age_gender.estimate([picture], [face])[0]
        mesh = self._landmarker.locate([picture], [face])[0].points
        tone, beard = skin.measure(picture, mesh)
        glasses, hair = glasses_and_hair([(picture, mesh)], self._parser)
        beard = beard if female < 0.6 else 0.0
        return FaceAttributes(float(age), float(female), {}, tone, beard, glasses, hair=hair)


def strangers_of(looks: list[FaceAttributes], own: Vectors, seen: Seen) -> Vectors:
    """`STRANGERS` people of each person's kind, one after the other, as the sampler draws them."""
    inpainter = profiles.load("inpainter", "mobilestylegan")

    def drawn() -> Iterator[Image]:
        for n, one in enumerate(looks):
            source = own[EMBEDDER][n : n + 1]
            nothing: Floats = np.zeros((0, source.shape[1]), np.float32)
            job = TwinJob(np.zeros((2, 2, 3), np.uint8), nothing, one, source, nothing, EMBEDDER, (), seed=n, attempt=1)
            for stranger in inpainter.strangers(job, STRANGERS):
                yield stranger.picture

    return seen.of(drawn())


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


def _read(path: Path) -> Image:
    picture = cv2.imread(str(path))
    if picture is None:
        raise SystemExit(f"{path.name} cannot be read as a picture.")
    return np.asarray(picture, np.uint8)


def measure(folder: Path, results: list[Path]) -> list[str]:
    """The figures as lines of Markdown."""
    seen = Seen()
    before, other = sorted((folder / "before").glob("*.png")), sorted((folder / "other").glob("*.png"))
    pictures = [_read(path) for path in before]
    looks = [seen.looks(picture) for picture in pictures]
    own, theirs = seen.of(pictures), seen.of(_read(path) for path in other)
    everybody = np.arange(len(looks))
    kinds = Kinds(everybody, np.array([(one.age, one.female, one.skin_ita) for one in looks], np.float64))
    alike = kinds.alike(everybody, everybody)
    shown = [("originals", own, 1), ("strangers of the kind", strangers_of(looks, own, seen), STRANGERS)]
    for place in results:
        paths = results_of(place, before)
        shown.append((place.name, seen.of(None if path is None else _read(path) for path in paths), 1))
    lines = [
        "| shown | network | people | matches their person | matches others of the kind | rank 1 | median rank |",
        "|---|---|---|---|---|---|---|",
    ]
    return lines + [_line(*one, name, theirs[name], alike) for one in shown for name in NETWORKS]


def _line(label: str, vectors: Vectors, each: int, name: str, theirs: Floats, alike: NDArray[np.bool_]) -> str:
    """each: how many pictures in a row belong to a person."""
    count = len(theirs)
    away = 1.0 - (vectors[name].astype(np.float64) @ theirs.T.astype(np.float64)).reshape(count, each, count)
    truth = away[np.arange(count), :, np.arange(count)]
    known = np.isfinite(truth)
    near = np.where(np.isfinite(away), away < calibration(name).far_1, np.nan)
    others = [near[i][:, alike[i]].mean() if known[i].all() and alike[i].any() else np.nan for i in range(count)]
    rank = np.where(known, 1.0 + (away < truth[..., None]).sum(axis=2), np.nan)
    own = near[np.arange(count), :, np.arange(count)].mean(axis=1)
    first = np.where(known, rank == 1, np.nan).mean(axis=1)
    return (
        f"| {label} | {name} | {int(known.all(axis=1).sum())} | {interval(own)} | {interval(np.array(others))} | "
        f"{interval(first)} | {np.nanmedian(rank):.0f} of {count} |"
    )


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

"""Counting: how many of the pasted faces are found, and how many detections are of no face."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.recall import faceless
from bench.recall.faceless import Picture
from bench.recall.scenes import Condition, Scene, backgrounds, conditions, people, scenes
from infra.media.pictures.still import write_picture
from infra.process.parallel import ordered
from models.interfaces.capabilities import Face, Image
from tasks.analysis.tracking import overlap

FOUND = 0.2
"""Overlap with the true box from which a detection has found a face."""
_CROP = 240


@dataclass(frozen=True)
class Finder:
    """What looks for faces, in two steps, so that a measurement takes the second for detections that matter only.

    find: a frame -> all detections. counts: whether a detection on the frame counts as a face.
    """

    find: Callable[[Image], Sequence[Face]]
    counts: Callable[[Image, Face], bool]


def recall(
    finders: Mapping[str, Finder], shared: Path, sizes: Sequence[int], counts: tuple[int, int], workers: int = 2
) -> dict[str, Any]:
    """Faces pasted and found in every cell by every finder.

    counts: frames of a cell in bright light with nothing covered, and of any other. Returns "rows", one per cell and
    finder, and "frames", a digest of all frames: two runs with the same one have seen the same.
    """
    some, behind, digest = people(shared), backgrounds(shared), sha256()

    def frames() -> Iterator[Scene]:
        for cell in conditions(sizes):
            plain = (cell.light, cell.cover) == ("bright", "none")
            yield from scenes(cell, counts[0] if plain else counts[1], some, behind)

    def look(scene: Scene) -> tuple[Condition, bytes, dict[str, list[bool]]]:
        seen = {name: found(finder, scene) for name, finder in finders.items()}
        return scene.condition, sha256(scene.image.tobytes()).digest(), seen

    totals: dict[tuple[str, Condition], list[bool]] = {}
    for condition, part, seen in ordered(look, frames(), workers, workers + 1):
        digest.update(part)
        for name, hits in seen.items():
            totals.setdefault((name, condition), []).extend(hits)
    rows = [
        {"finder": name} | asdict(condition) | {"faces": len(hits), "found": sum(hits)}
        for (name, condition), hits in totals.items()
    ]
    return {"people": len(some), "frames": digest.hexdigest(), "rows": rows}


def found(finder: Finder, scene: Scene) -> list[bool]:
    """For each true box, whether a detection that counts lies there."""
    faces = list(finder.find(scene.image))
    return [
        any(overlap(face.box, box) > FOUND and finder.counts(scene.image, face) for face in faces)
        for box in scene.boxes
    ]


def false_detections(
    video: Finder, still: Finder, shared: Path, crops: Path | None = None, workers: int = 2
) -> dict[str, Any]:
    """Detections that count and are of no face. crops: a folder that gets a picture of each.

    Returns "looked", the frames of each source, and "rows", one per detection.
    """

    def look(picture: Picture) -> tuple[Picture, list[Face]]:
        finder = still if picture.still else video
        strange = [face for face in finder.find(picture.image) if not faceless.explained(face, picture.faces)]
        return picture, [face for face in strange if finder.counts(picture.image, face)]

    looked: dict[str, int] = {}
    rows: list[dict[str, Any]] = []
    number = itertools.count(1)
    for picture, faces in ordered(look, faceless.pictures(shared), workers, workers + 2):
        looked[picture.source] = looked.get(picture.source, 0) + 1
        for face in faces:
            name = f"{next(number):03d}.png"
            box = [round(float(edge), 1) for edge in face.box]
            rows.append(
                {
                    "source": picture.source,
                    "name": picture.name,
                    "box": box,
                    "score": round(face.score, 3),
                    "crop": name,
                }
            )
            if crops is not None:
                crops.mkdir(parents=True, exist_ok=True)
                write_picture(crops / name, _crop(picture.image, face))
    return {"looked": looked, "rows": rows}


def _crop(image: Image, face: Face) -> Image:
    """A square around a detection, twice as wide, with its box drawn in."""
    scale = _CROP / max(2 * face.size, 8.0)
    centre = (face.box[:2] + face.box[2:]) / 2
    matrix = np.hstack([np.eye(2) * scale, (_CROP / 2 - scale * centre)[:, None]])
    crop = cv2.warpAffine(image, matrix, (_CROP, _CROP), flags=cv2.INTER_LINEAR)
    reach = (face.box[2:] - face.box[:2]) / 2 * scale
    low, high = ((_CROP / 2 + sign * reach).round().astype(int).tolist() for sign in (-1, 1))
    return np.asarray(cv2.rectangle(crop, low, high, (0, 255, 0), 1), np.uint8)

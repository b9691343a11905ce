"""Real and drawn pictures without a face, and the clips whose faces are known, to count false detections on.

A drawn face is nobody's, so a detection of it is false, too. Statues, paintings and animals count likewise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np

from bench.recall.scenes import read
from models.interfaces.capabilities import Face, Floats, Image
from models.selection import profiles
from tasks.audit.residual import belongs

_BOTTLE, _FILM, _ANIMATION = "intel_noface_bottle.mp4", "googlework_short.mp4", "pyfeat_face_noface.mov"
_STRETCHES = ((105, 145), (195, 217), (300, 342), (375, 430))
"""Frames of the film, the first and the one after the last, on which a person saw no one's face."""
_BUNDLED = {
    "textures": ("skimage", ("brick.png", "grass.png", "gravel.png")),
    "plants": ("sklearn", ("flower.jpg",)),
    "animals": ("skimage", ("chelsea.png", "horse.png")),
    "things": ("skimage", ("coffee.png", "coins.png", "clock_motion.png", "motorcycle_left.png", "rocket.jpg")),
    "buildings": ("sklearn", ("china.jpg",)),
    "print and charts": ("skimage", ("page.png", "text.png", "color.png")),
    "microscope and sky": (
        "skimage",
        ("cell.png", "ihc.png", "retina.jpg", "moon.png", "hubble_deep_field.jpg", "microaneurysms.png"),
    ),
}
_WHERE = {"skimage": ("skimage", "data"), "sklearn": ("sklearn.datasets", "images")}
BESIDE = "beside faces"
PER_CLIP = 10
_KNOWN_SIDE, _KNOWN_SCORE = 1280, 0.6


@dataclass(frozen=True)
class Picture:
    """source: the row of the table. name: which picture. still: whether it is looked at as a still. faces: (n, 4) boxes
    of the real faces on it."""

    source: str
    name: str
    image: Image
    still: bool
    faces: Floats


def pictures(shared: Path) -> Iterator[Picture]:
    """Everything that false detections are counted on, the clips of `shared` first."""
    clips = shared / "clips"
    none = np.zeros((0, 4), np.float32)
    for number, image in _frames(clips / _BOTTLE, range(0, _count(clips / _BOTTLE), 10)):
        yield Picture("hand and bottles", f"{_BOTTLE} {number}", image, False, none)
    inside = {n for first, last in _STRETCHES for n in range(first, last, 5)}
    for number, image in _frames(clips / _FILM, inside):
        yield Picture("streets and signs", f"{_FILM} {number}", image, False, none)
    for number, image in _frames(clips / _ANIMATION, range(75, _count(clips / _ANIMATION), 5)):
        yield Picture("animation", f"{_ANIMATION} {number}", image, False, none)
    for source, (package, names) in _BUNDLED.items():
        module, folder = _WHERE[package]
        for name in names:
            yield Picture(source, name, read(Path(str(files(module) / folder / name))), True, none)
    for name, image in drawn():
        yield Picture("drawn faces", name, image, True, none)
    yield from _beside(clips)


def drawn() -> list[tuple[str, Image]]:
    """Faces that a child would draw, each on a sheet of its own."""
    return [
        ("smiley", _smiley((0, 210, 255), cv2.FILLED)),
        ("outlined smiley", _smiley((40, 40, 40), 4)),
        ("stick figure", _stick_figure()),
        ("sheet of smileys", np.tile(cv2.resize(_smiley((40, 40, 40), 4), None, fx=0.15, fy=0.15), (6, 8, 1))),
    ]


def _smiley(colour: tuple[int, int, int], width: int) -> Image:
    sheet = np.full((480, 640, 3), 245, np.uint8)
    cv2.circle(sheet, (320, 240), 150, colour, width, cv2.LINE_AA)
    for x in (265, 375):
        cv2.ellipse(sheet, (x, 195), (16, 26), 0, 0, 360, (20, 20, 20), cv2.FILLED, cv2.LINE_AA)
    cv2.ellipse(sheet, (320, 260), (85, 65), 0, 15, 165, (20, 20, 20), 8, cv2.LINE_AA)
    return sheet


def _stick_figure() -> Image:
    sheet = np.full((480, 640, 3), 245, np.uint8)
    ink = (90, 30, 20)
    cv2.circle(sheet, (320, 110), 55, ink, 4, cv2.LINE_AA)
    for x in (300, 340):
        cv2.circle(sheet, (x, 98), 6, ink, cv2.FILLED, cv2.LINE_AA)
    cv2.ellipse(sheet, (320, 118), (26, 20), 0, 20, 160, ink, 3, cv2.LINE_AA)
    limbs = (((320, 165), (320, 320)), ((320, 210), (240, 270)), ((320, 210), (400, 270)))
    for start, end in (*limbs, ((320, 320), (265, 430)), ((320, 320), (375, 430))):
        cv2.line(sheet, start, end, ink, 4, cv2.LINE_AA)
    return sheet


def _beside(clips: Path) -> Iterator[Picture]:
    """A few frames of every other clip, with the faces that either detector sees upright."""
    detectors = [
        profiles.load("detector", name, long_side=_KNOWN_SIDE, min_score=_KNOWN_SCORE)
        for name in ("yunet", "retinaface-mobilenet")
    ]
    for path in sorted(p for p in clips.iterdir() if p.suffix != ".md" and p.name not in (_BOTTLE, _FILM, _ANIMATION)):
        for number, image in _frames(path, set(range(0, _count(path), max(_count(path) // PER_CLIP, 1)))):
            known = [face.box for detector in detectors for face in detector.detect([image])[0]]
            yield Picture(BESIDE, f"{path.name} {number}", image, False, np.array(known, np.float32).reshape(-1, 4))


def explained(face: Face, known: Floats) -> bool:
    """Whether a detection is of one of the (n, 4) known faces or a part of it, by the rule by which the audit lets it
    pass as a replaced face."""
    return any(belongs(face, box) for box in known)


def _frames(path: Path, wanted: Collection[int]) -> Iterator[tuple[int, Image]]:
    """The wanted frames of a clip, with their numbers."""
    reader = cv2.VideoCapture(str(path))
    for number in range(max(wanted) + 1):
        if not reader.grab():
            break
        if number in wanted:
            yield number, np.asarray(reader.retrieve()[1], np.uint8)
    reader.release()


def _count(path: Path) -> int:
    """The number of frames that can be read."""
    reader, count = cv2.VideoCapture(str(path)), 0
    while reader.grab():
        count += 1
    reader.release()
    return count

"""Scenes with faces whose places are known: heads cut out and pasted at a chosen size and angle, in a chosen light.

Nothing here asks the search that is measured. A face's box is agreed by two detectors on the upright picture of the
person and carried through the turn, so that it does not depend on what a detector says of a turned face.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats, Image
from models.selection import profiles
from tasks.analysis.tracking import overlap

WIDTH, HEIGHT = 1280, 720
SIZES = (16, 24, 32, 48, 64, 96, 128)
ANGLES = (0, 30, 45, 60, 90, 120, 150, 180, 210, 240, 270, 300, 330)
FEW_ANGLES = (0, 45, 90, 180)
"""Angles at which faces are looked at in other light, or covered in part."""
LIGHTS = ("bright", "dim", "noisy")
COVERS = ("none", "lower third")
PER_FRAME = 8
_COLUMNS = 4
_FINER, _FINE = 4, 2
"""Small heads (of faces under 64 pixels) and large ones are turned this many times enlarged and then made smaller, as a
camera averages over a pixel."""
_ROOM = 1.05
"""Half of a pasted square's side, in sizes of the face: it holds the head at every angle."""
_LONGEST = 900


@dataclass(frozen=True)
class Person:
    """A picture of one upright person. centre: (2,) of the face in pixels. side: of the face in pixels."""

    picture: Image
    centre: Floats
    side: float


@dataclass(frozen=True)
class Condition:
    """What is measured in one cell. size: side of the faces in pixels. angle: degrees clockwise in the image."""

    size: int
    angle: int
    light: str = "bright"
    cover: str = "none"


@dataclass(frozen=True)
class Scene:
    """One frame of a condition. boxes: (n, 4) of its faces, square, sides along the frame's."""

    condition: Condition
    image: Image
    boxes: Floats


def people(shared: Path) -> list[Person]:
    """Everyone in a picture of one person, of synthetic and of real people, whose face both detectors agree on."""
    first, second = (profiles.load("detector", name, min_score=0.5) for name in ("yunet", "retinaface-mobilenet"))
    found = []
    for path in sorted((shared / "stills").glob("*/*.jpg")):
        picture = _limited(read(path), _LONGEST)
        ours, theirs = first.detect([picture])[0], second.detect([picture])[0]
        if len(ours) == len(theirs) == 1 and overlap(ours[0].box, theirs[0].box) > 0.5:
            box = (ours[0].box + theirs[0].box) / 2
            found.append(Person(picture, (box[:2] + box[2:]) / 2, float(np.sqrt(np.prod(box[2:] - box[:2])))))
    return found


def backgrounds(shared: Path) -> list[Image]:
    """Real frames without a face."""
    reader, frames = cv2.VideoCapture(str(shared / "clips" / "intel_noface_bottle.mp4")), []
    for number in range(50, 1100, 250):
        reader.set(cv2.CAP_PROP_POS_FRAMES, number)
        frames.append(np.asarray(reader.read()[1], np.uint8))
    reader.release()
    return [_filling(one) for one in (read(shared / "stills" / "people" / "017_0.jpg"), *frames)]


def conditions(sizes: Sequence[int] = SIZES) -> list[Condition]:
    """All cells: every angle in bright light, a few in other light or with a partial cover."""
    bright = [Condition(size, angle) for size in sizes for angle in ANGLES]
    others = [(light, cover) for light in LIGHTS for cover in COVERS if (light, cover) != ("bright", "none")]
    return bright + [Condition(size, angle, *other) for other in others for size in sizes for angle in FEW_ANGLES]


def scenes(
    condition: Condition, count: int, some: Sequence[Person], behind: Sequence[Image], seed: int = 0
) -> Iterator[Scene]:
    """Yield frames of a condition, each of other people as long as there are others. The same seed makes the same."""
    where = (LIGHTS.index(condition.light), COVERS.index(condition.cover))
    rng = np.random.default_rng((seed, condition.size, condition.angle, *where))
    order = np.concatenate([rng.permutation(len(some)) for _ in range(-(-count * PER_FRAME // len(some)))])
    for number in range(count):
        chosen = [some[index] for index in order[number * PER_FRAME : (number + 1) * PER_FRAME]]
        yield compose(behind[rng.integers(len(behind))], chosen, condition, rng)


def compose(background: Image, some: Sequence[Person], condition: Condition, rng: np.random.Generator) -> Scene:
    """Paste at most `PER_FRAME` heads on a jittered grid over a background of WIDTH by HEIGHT, then set the light."""
    canvas, boxes = background.astype(np.float32), []
    reach = round(_ROOM * condition.size)
    cell = np.array([WIDTH / _COLUMNS, HEIGHT / (PER_FRAME // _COLUMNS)])
    for number, person in enumerate(some):
        middle = (np.array([number % _COLUMNS, number // _COLUMNS]) + 0.5) * cell
        free = np.maximum(cell / 2 - reach - 2, 0)
        x, y = np.round(middle + rng.uniform(-1, 1, 2) * free).astype(int)
        colour = rng.uniform(40, 200, 3) if condition.cover != "none" else None
        head, opaque = _head(person, condition.size, condition.angle, reach, colour)
        part = canvas[y - reach : y + reach, x - reach : x + reach]
        part += (head - part) * opaque
        boxes.append([x, y] * 2 + np.array([-1, -1, 1, 1]) * condition.size / 2 - 0.5)
    return Scene(condition, _lit(canvas, condition.light, rng), np.array(boxes, np.float32))


def read(path: Path) -> Image:
    """A picture file, BGR."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise SystemExit(f"cannot read {path.name}")
    return np.asarray(picture, np.uint8)


def _head(
    person: Person, size: int, angle: int, reach: int, colour: NDArray[np.float64] | None
) -> tuple[Floats, Floats]:
    """A turned head, (2 reach, 2 reach, 3), its face in the middle, and how opaque it is, (..., 1) from 0 to 1.

    colour: of a cloth over the face's lower third; None covers nothing.
    """
    finer = _FINER if size < 64 else _FINE
    shrink = min(finer * size / person.side, 1.0)
    source = cv2.resize(person.picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    factors = np.array(source.shape[1::-1]) / person.picture.shape[1::-1]
    centre, side = (person.centre + 0.5) * factors - 0.5, person.side * shrink
    scale, span, radians = finer * size / side, 2 * reach * finer, np.radians(angle)
    turn = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])
    middle = np.full(2, (span - 1) / 2)
    matrix = np.hstack([scale * turn, (middle - scale * turn @ centre)[:, None]])
    head = cv2.warpAffine(source, matrix, (span, span), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    head = head.astype(np.float32)
    # Across and down the upright face, from its middle, in sides of the face.
    x, y = np.meshgrid(*(np.arange(span, dtype=np.float32) - middle[:, None].astype(np.float32)) / (finer * size))
    across, down = (x * turn[0, column] + y * turn[1, column] for column in (0, 1))
    if colour is not None:
        head[(down > 1 / 6) & (down < 0.62) & (np.abs(across) < 0.55)] = colour
    distance = np.hypot(across / 0.72, (down + 0.12) / 0.9)
    opaque = np.clip((1 - distance) / 0.12, 0, 1).astype(np.float32)
    small = (2 * reach, 2 * reach)
    return (
        cv2.resize(head, small, interpolation=cv2.INTER_AREA),
        cv2.resize(opaque, small, interpolation=cv2.INTER_AREA)[..., None],
    )


def _lit(canvas: Floats, light: str, rng: np.random.Generator) -> Image:
    """The picture in a light: a quarter as bright with some noise when dim, much noise when noisy."""
    if light == "dim":
        canvas = 0.25 * canvas + rng.normal(0, 3, canvas.shape)
    elif light == "noisy":
        canvas = 0.8 * canvas + rng.normal(0, 18, canvas.shape)
    return np.clip(np.round(canvas), 0, 255).astype(np.uint8)


def _limited(picture: Image, longest: int) -> Image:
    factor = longest / max(picture.shape[:2])
    if factor >= 1:
        return picture
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def _filling(picture: Image) -> Image:
    """The middle of a picture, resized to fill a frame."""
    factor = max(WIDTH / picture.shape[1], HEIGHT / picture.shape[0])
    size = (max(round(picture.shape[1] * factor), WIDTH), max(round(picture.shape[0] * factor), HEIGHT))
    large = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    left, top = (size[0] - WIDTH) // 2, (size[1] - HEIGHT) // 2
    return np.asarray(large[top : top + HEIGHT, left : left + WIDTH], np.uint8)

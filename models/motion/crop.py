"""Where motion networks look: the square around a face, and the pictures cut out of it, as LivePortrait does it.

A square is fitted to landmarks along the line from the eyes to the mouth, enlarged and shifted up. Landmarks come in
sets known by their number: 5 (a detector's), 68, 101, 106, 203 (LivePortrait's own), or 478, the face mesh, which is
what this project tracks. All coordinates are pixels, x to the right and y down, the origin at the centre of the top
left pixel; matrices are 3x3 for column vectors (x, y, 1). Pictures keep their channel order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from models.landmarks import topology

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

NETWORK_SIDE = 256
"""Pixels along a side of the networks' input."""
_BROWS_DOWN = topology.OVAL[6:31]
"""Outline from the right brow over the chin to the left brow; the forehead is left out."""
_NOSE = (168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 129, 358)
"""Ridge, tip, base and wings."""
_FACE = (
    *_BROWS_DOWN,
    *topology.LEFT_BROW,
    *topology.RIGHT_BROW,
    *topology.LEFT_EYE,
    *topology.RIGHT_EYE,
    *_NOSE,
    *topology.OUTER_LIPS,
    *topology.INNER_LIPS,
)
"""Mesh points that cover what landmark sets cover. With the forehead the face would be drawn smaller than the networks
have learnt, and lower."""


def _rim(ring: tuple[int, ...]) -> tuple[int, ...]:
    """Corners and middles of a lid rim, as the 203 points choose them."""
    return ring[:: len(ring) // 4]


_ANCHORS: dict[int, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = {
    5: ((0,), (1,), (3, 4)),
    68: ((36, 39), (42, 45), (48, 54)),
    101: ((39, 42, 45, 48), (51, 54, 57, 60), (75, 81)),
    106: ((33, 35, 40, 39), (87, 89, 94, 93), (52, 61)),
    203: ((0, 6, 12, 18), (24, 30, 36, 42), (48, 66)),
    topology.POINTS: (_rim(topology.LEFT_EYE), _rim(topology.RIGHT_EYE), (61, 291)),
}
"""Left eye, right eye and mouth corners of each set."""


@dataclass(frozen=True)
class Framing:
    """How a crop is chosen.

    side: its pixels. scale: enlargement of the face's longer side. down: shift along the line from eyes to mouth, as a
    share of the enlarged side. turned: whether the crop turns with the face.
    """

    side: int
    scale: float
    down: float
    turned: bool = True


SOURCE = Framing(512, 2.3, -0.125)
"""A source picture or each frame of a source video."""
LANDMARKS = Framing(224, 1.5, -0.1)
"""Input of the network that places the 203 points."""
_MARGIN = 16
"""Pixels within which a source's crop fades out."""


@dataclass(frozen=True)
class Square:
    """A square on an image.

    centre: (2,) float64 pixels. size: length of a side, pixels. angle: radians from the image's x axis to the face's,
    towards the y axis.
    """

    centre: Doubles
    size: float
    angle: float


def anchors(points: Floats, mouth: bool = True) -> Doubles:
    """Return the middle between the eyes, and that of the mouth's corners.

    Args:
        points: (k, 2 or 3) landmarks.
        mouth: False puts the second point below the first at a right angle to the line of the eyes, for a mouth that is
            not to be trusted.

    Returns:
        (2, 2) float64.
    """
    left, right, corners = (points[list(index), :2].mean(axis=0, dtype=np.float64) for index in _known(points))
    middle = (left + right) / 2
    across = right - left
    return np.stack([middle, corners if mouth else middle + across[::-1] * (-1, 1)])


def extent(points: Floats) -> Doubles:
    """Return the points that the square is to hold: all of a landmark set, of the mesh the face without the forehead.

    Args:
        points: (k, 2 or 3) landmarks.

    Returns:
        (m, 2) float64.
    """
    _known(points)
    chosen = points[list(_FACE)] if len(points) == topology.POINTS else points
    return chosen[:, :2].astype(np.float64)


def square(points: Floats, framing: Framing, mouth: bool = True) -> Square:
    """Return the square around one face's landmarks.

    Args:
        points: (k, 2 or 3) landmarks.
        framing: How the crop is chosen.
        mouth: As for `anchors`.

    Returns:
        The square; its angle is the face's, even where the crop ignores it.
    """
    eyes, lips = anchors(points, mouth)
    down = lips - eyes
    length = float(np.hypot(*down))
    down = down / length if length > 1e-3 else np.array([0.0, 1.0])
    axes = np.stack([np.array([down[1], -down[0]]), down])
    turned = extent(points) @ axes.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    size = float((high - low).max()) * framing.scale
    centre = (low + high) / 2 @ axes + down * framing.down * size
    return Square(centre, size, float(np.arctan2(axes[0, 1], axes[0, 0])))


def relative(found: Square, base: Square) -> Doubles:
    """Return how a square lies to another, without unit; the same wherever both are moved to (see `placed`).

    Args:
        found: The square.
        base: The other square.

    Returns:
        (4,) shift along the other's axes, logarithm of the sizes' ratio, angle in radians.
    """
    cos, sin = np.cos(base.angle), np.sin(base.angle)
    shift = np.array([[cos, sin], [-sin, cos]]) @ (found.centre - base.centre) / base.size
    return np.array([*shift, np.log(found.size / base.size), found.angle - base.angle])


def placed(lies: NDArray[np.floating], base: Square) -> Square:
    """Return the square that lies to another as `relative` says.

    Args:
        lies: (4,) numbers of `relative`.
        base: The other square.

    Returns:
        The square.
    """
    cos, sin = np.cos(base.angle), np.sin(base.angle)
    shift = np.array([[cos, -sin], [sin, cos]]) @ np.asarray(lies[:2], np.float64) * base.size
    return Square(base.centre + shift, base.size * float(np.exp(lies[2])), base.angle + float(lies[3]))


def matrices(found: Square, framing: Framing) -> tuple[Floats, Floats]:
    """Return the maps between an image and a crop of it.

    Args:
        found: The square on the image.
        framing: How the crop is chosen.

    Returns:
        (image to crop, crop to image), each (3, 3) float32.
    """
    angle = found.angle if framing.turned else 0.0
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = found.centre
    zoom, half = framing.side / found.size, framing.side / 2
    to_crop = np.array(
        [
            [zoom * cos, zoom * sin, half - zoom * (cos * x + sin * y)],
            [-zoom * sin, zoom * cos, half - zoom * (cos * y - sin * x)],
            [0.0, 0.0, 1.0],
        ]
    )
    return to_crop.astype(np.float32), np.linalg.inv(to_crop).astype(np.float32)


def map_points(matrix: Floats, points: Floats) -> Floats:
    """Map points through a matrix.

    Args:
        matrix: (3, 3).
        points: (k, 2).

    Returns:
        (k, 2) float32.
    """
    return (points @ matrix[:2, :2].T + matrix[:2, 2]).astype(np.float32)


def crop_image(image: Image, to_crop: Floats, side: int) -> Image:
    """Return a crop of an image, bilinear, black where the square leaves it.

    Args:
        image: (H, W, 3) uint8.
        to_crop: (3, 3) map from image to crop.
        side: Pixels of the crop.

    Returns:
        (side, side, 3) uint8.
    """
    cut = cv2.warpAffine(
        image, to_crop[:2], (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )
    return np.asarray(cut, dtype=np.uint8)


def shrink(crop: Image) -> Image:
    """Return a crop at the size of the networks, each pixel the mean of those it covers.

    Args:
        crop: A larger crop, uint8.

    Returns:
        (256, 256, 3) uint8.
    """
    small = cv2.resize(crop, (NETWORK_SIDE, NETWORK_SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


@lru_cache(maxsize=1)
def border_mask() -> Image:
    """(512, 512) uint8 mask of a crop: 255 inside, falling to 0 within 16 pixels of the inner square's border."""
    along = np.arange(SOURCE.side, dtype=np.float64)
    outside = np.maximum(np.maximum(_MARGIN - along, along - (SOURCE.side - _MARGIN)), 0.0)
    distance = np.hypot(outside[None, :], outside[:, None])
    mask = np.floor(255.0 * np.clip(1.0 - distance / _MARGIN, 0.0, 1.0)).astype(np.uint8)
    mask.setflags(write=False)
    return mask


def _known(points: Floats) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    if len(points) not in _ANCHORS:
        raise ValueError(f"no landmark set has {len(points)} points, only {sorted(_ANCHORS)}")
    return _ANCHORS[len(points)]

"""Index sets and triangles of the 478-point face mesh.

The numbering and the tesselation are those of MediaPipe's canonical face model (Google, Apache-2.0). The tesselation
leaves the eyes and the mouth open; `eyes` and `mouth` close them so that the whole face can be rendered.
"Left" and "right" mean the image's left and right on an upright, unmirrored face.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

POINTS = 478
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Outline of the face, clockwise in the image from the middle of the forehead."""
LEFT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
RIGHT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
"""Eyelid rims, from the outer corner over the lower lid to the inner corner and back over the upper lid."""
LEFT_IRIS = (468, 469, 470, 471, 472)
RIGHT_IRIS = (473, 474, 475, 476, 477)
"""Centre first, then four points of the rim."""
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
LEFT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
RIGHT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
STABLE = (10, 109, 338, 67, 297, 151, 9, 8, 168, 6, 197, 195, 5, 33, 133, 263, 362, 127, 356, 234, 454, 93, 323)
"""Points that expression hardly moves: forehead, nose bridge, eye corners, temples."""
PNP = (4, 152, 33, 263, 61, 291)
"""Nose tip, chin, outer eye corners, mouth corners: the six points of the paper's head pose (section 3.2), each the
vertex that lies nearest to the point of the 68-point scheme it names (there the nose's tip is above vertex 1, which is
the mesh's)."""


@lru_cache(maxsize=1)
def surface() -> NDArray[np.int32]:
    """(852, 3) int32 triangles of the open tesselation."""
    rows = json.loads(files("models.landmarks").joinpath("tesselation.json").read_text(encoding="utf-8"))
    return np.asarray(rows["triangles"], dtype=np.int32)


def _strip(ring: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Close a rim of 2k points, listed corner, lower side, corner, upper side, by a strip between the two sides."""
    half = len(ring) // 2
    lower = ring[: half + 1]
    upper = (ring[0], *reversed(ring[half:]))
    result: list[tuple[int, int, int]] = []
    for i in range(half):
        for triangle in ((lower[i], lower[i + 1], upper[i + 1]), (lower[i], upper[i + 1], upper[i])):
            if len(set(triangle)) == 3:
                result.append(triangle)
    return result


@lru_cache(maxsize=1)
def mouth() -> NDArray[np.int32]:
    """(n, 3) int32 triangles that close the mouth opening."""
    return np.asarray(_strip(INNER_LIPS), dtype=np.int32)


@lru_cache(maxsize=1)
def eyes() -> NDArray[np.int32]:
    """(n, 3) int32 triangles that close both eye openings."""
    return np.asarray(_strip(LEFT_EYE) + _strip(RIGHT_EYE), dtype=np.int32)


def five_points(mesh: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the eyes, nose tip and mouth corners of a mesh, in a detector's order.

    Args:
        mesh: (478, 3).

    Returns:
        (5, 2) float32.
    """
    left = mesh[[33, 133], :2].mean(axis=0)
    right = mesh[[362, 263], :2].mean(axis=0)
    return np.stack([left, right, mesh[1, :2], mesh[61, :2], mesh[291, :2]]).astype(np.float32)

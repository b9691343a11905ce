"""The dense warp field of a face: the place in the source frame and in the twin's picture for every pixel of a region.

The target mesh is rasterised at reduced resolution, far triangles first, and each pixel takes the affine map of its
triangle. Around the face a ring of triangles fades the deformation out, so that jaw, ears and hair follow the new shape
and nothing beyond the ring moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from models.landmarks import topology

Floats = NDArray[np.float32]

_OVAL = np.array(topology.OVAL)
RING = 1.55
"""The ring's outer rim lies this many times as far from the face's centre as the oval."""


CELLS = (168, 256)
"""Grid cells along a region's longer side: the least, and the most that a large face gets (closed lids tear along cell
edges, and steps of more than three pixels would show)."""


@dataclass(frozen=True)
class Region:
    """A rectangle of a frame, in whole pixels: columns x .. x + width - 1, rows y .. y + height - 1."""

    x: int
    y: int
    width: int
    height: int

    def cut(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a view of this region.

        Args:
            frame: (H, W, ...).

        Returns:
            (height, width, ...) view into the frame.
        """
        return frame[self.y : self.y + self.height, self.x : self.x + self.width]


@dataclass(frozen=True)
class WarpField:
    """Where the pixels of a region come from, at grid resolution.

    Attributes:
        region: The region of the frame.
        source: (h, w, 2) float32 map to pixels of the frame.
        twin: (h, w, 2) float32 map to pixels of the twin's picture.
        face: (h, w) bool, cells that show the face.
        mouth: (h, w) bool, cells that show the inside of the mouth.
        eyes: (h, w) bool, cells that show the inside of the eyes.
        step: Pixels of the region per grid cell, (x, y).
    """

    region: Region
    source: Floats
    twin: Floats
    face: NDArray[np.bool_]
    mouth: NDArray[np.bool_]
    eyes: NDArray[np.bool_]
    step: tuple[float, float]


def rim(points: Floats) -> Floats:
    """Return the outer rim of the ring around a mesh.

    Args:
        points: (478, 2+).

    Returns:
        (36, 2) float32.
    """
    oval = points[_OVAL, :2]
    centre = oval.mean(axis=0)
    return (centre + RING * (oval - centre)).astype(np.float32)


@lru_cache(maxsize=1)
def _triangles() -> tuple[NDArray[np.int32], int, int, int]:
    """All triangles over 478 points and 36 rim points, and where surface, eyes and mouth end in the list."""
    count = len(_OVAL)
    ring = []
    for i in range(count):
        j = (i + 1) % count
        a, b = int(_OVAL[i]), int(_OVAL[j])
        ring += [(a, b, topology.POINTS + j), (a, topology.POINTS + j, topology.POINTS + i)]
    surface, eyes, mouth = topology.surface(), topology.eyes(), topology.mouth()
    everything = np.concatenate([surface, eyes, mouth, np.asarray(ring, dtype=np.int32)])
    return everything, len(surface), len(surface) + len(eyes), len(surface) + len(eyes) + len(mouth)


def region_of(target: Floats, source: Floats, width: int, height: int) -> Region | None:
    """Return the even-aligned rectangle of a frame that the warp may change.

    Args:
        target: (478, 3) pixels of the frame: the mesh to be drawn.
        source: (478, 3) pixels of the frame: the source's mesh.
        width: Pixels of the frame.
        height: Pixels of the frame.

    Returns:
        The region, or None when it is outside.
    """
    both = np.concatenate([rim(source), rim(target), target[:, :2], source[:, :2]])
    low = np.maximum(np.floor(both.min(axis=0)).astype(int) - 2, 0)
    high = np.minimum(np.ceil(both.max(axis=0)).astype(int) + 3, [width, height])
    x, y = int(low[0]) // 2 * 2, int(low[1]) // 2 * 2
    w, h = int(high[0]) - x, int(high[1]) - y
    return Region(x, y, w, h) if w >= 8 and h >= 8 else None


def warp_field(target: Floats, source: Floats, twin: Floats, region: Region, cells: int | None = None) -> WarpField:
    """Rasterise the target mesh over the region.

    Args:
        target: (478, 3) pixels of the frame: the mesh to be drawn.
        source: (478, 3) pixels of the frame: the source's mesh.
        twin: (478, 3) pixels of the twin's picture.
        region: The region of the frame.
        cells: Grid cells along the region's longer side, None for one per three pixels within CELLS; finer than a pixel
            is never used.

    Returns:
        The warp field.
    """
    triangles, surface_end, eyes_end, mouth_end = _triangles()
    longer = max(region.width, region.height)
    scale = min(1.0, (cells or int(np.clip(longer / 3, *CELLS))) / longer)
    cols, rows = max(8, round(region.width * scale)), max(8, round(region.height * scale))
    step = (region.width / cols, region.height / rows)
    outer = rim(source)
    goal = np.concatenate([target[:, :2], outer]).astype(np.float64)
    goal = (goal - (region.x, region.y) + 0.5) / step - 0.5
    from_source = np.concatenate([source[:, :2], outer]).astype(np.float64)
    from_twin = np.concatenate([twin[:, :2], rim(twin)]).astype(np.float64)
    depth = np.concatenate([target[:, 2], np.full(len(outer), target[:, 2].max() + 1.0)])

    corner = goal[triangles]
    e1, e2 = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    area = e1[:, 0] * e2[:, 1] - e1[:, 1] * e2[:, 0]
    # Triangles that face away are drawn too: nearer ones cover them, and where the mesh folds no hole is left. The
    # ring lies behind everything, and the lids and lips over the openings they close.
    layer = np.full(len(triangles), 2)
    layer[surface_end:mouth_end] = 1
    layer[mouth_end:] = 0
    order = np.lexsort((-depth[triangles].mean(axis=1), layer))
    owner = np.full((rows, cols), -1, dtype=np.int32)
    fixed = np.round(corner * 16).astype(np.int32)
    for index in order.tolist():
        cv2.fillConvexPoly(owner, fixed[index], index, lineType=cv2.LINE_8, shift=4)

    safe = np.where(np.abs(area) < 1e-6, 1e-6, area)
    # Per triangle: first corner, and the two barycentric weights as affine functions of the grid position.
    weights = np.stack([e2[:, 1], -e2[:, 0], -e1[:, 1], e1[:, 0]], axis=1) / safe[:, None]
    sides = []
    for values in (from_source, from_twin):
        v = values[triangles]
        sides.append(np.concatenate([v[:, 0], v[:, 1] - v[:, 0], v[:, 2] - v[:, 0]], axis=1))
    table = np.concatenate([corner[:, 0], weights, *sides], axis=1).astype(np.float32)
    ys, xs = np.mgrid[0:rows, 0:cols].astype(np.float32)
    chosen = table[np.maximum(owner, 0)]
    dx, dy = xs - chosen[..., 0], ys - chosen[..., 1]
    # Slivers (a closed eye, the far side of the nose) would extrapolate wildly; inside a triangle weights are 0 to 1.
    w1 = np.clip(chosen[..., 2] * dx + chosen[..., 3] * dy, 0.0, 1.0)[..., None]
    w2 = np.clip(chosen[..., 4] * dx + chosen[..., 5] * dy, 0.0, 1.0)[..., None]
    field = [
        chosen[..., k : k + 2] + w1 * chosen[..., k + 2 : k + 4] + w2 * chosen[..., k + 4 : k + 6] for k in (6, 12)
    ]
    still = np.stack([(xs + 0.5) * step[0] - 0.5 + region.x, (ys + 0.5) * step[1] - 0.5 + region.y], axis=-1)
    outside = owner < 0
    from_frame = np.where(outside[..., None], still, field[0])
    return WarpField(
        region,
        np.ascontiguousarray(from_frame, dtype=np.float32),
        np.ascontiguousarray(field[1], dtype=np.float32),
        (owner >= 0) & (owner < mouth_end),
        (owner >= eyes_end) & (owner < mouth_end),
        (owner >= surface_end) & (owner < eyes_end),
        step,
    )


def enlarge(grid: Floats, region: Region) -> Floats:
    """Bring a grid map to the region's resolution.

    Args:
        grid: (h, w) or (h, w, k), any channel count.
        region: The region.

    Returns:
        (height, width) or (height, width, k).
    """
    return cv2.resize(grid, (region.width, region.height), interpolation=cv2.INTER_LINEAR)


def frame_places(field: WarpField) -> Floats:
    """Return the places in the frame for every pixel of the region.

    Displacements are enlarged, not places: a place would be clamped at the region's border, where nothing moves.

    Args:
        field: The warp field.

    Returns:
        (height, width, 2) float32.
    """
    region = field.region
    rows, cols = field.face.shape
    ys, xs = np.mgrid[0:rows, 0:cols].astype(np.float32)
    still = np.stack([(xs + 0.5) * field.step[0] - 0.5 + region.x, (ys + 0.5) * field.step[1] - 0.5 + region.y], -1)
    moved = enlarge(np.asarray(field.source - still, np.float32), region)
    moved[..., 0] += np.arange(region.x, region.x + region.width, dtype=np.float32)
    moved[..., 1] += np.arange(region.y, region.y + region.height, dtype=np.float32)[:, None]
    return moved


def enlarge_places(grid: Floats, region: Region, tear: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Bring a map of places to the region's resolution without inventing places across a tear.

    Where neighbouring cells point far apart (closed lids, the nose's silhouette) their mean points at something that
    neither shows, an eyeball between two lids. There the nearer cell is taken.

    Args:
        grid: (h, w, 2) places.
        region: The region.
        tear: Distance between a pixel and its cell that counts as far; between cells, twice as much.

    Returns:
        The (height, width, 2) map, and (height, width) bool, where it is torn.
    """
    smooth = enlarge(grid, region)
    near = cv2.resize(grid, (region.width, region.height), interpolation=cv2.INTER_NEAREST_EXACT)
    apart = cv2.absdiff(smooth, near)
    # Where the grid is as fine as the pixels both agree, and only its own steps tell.
    jump = np.zeros(grid.shape[:2], np.uint8)
    for axis in (0, 1):
        steps = np.abs(np.diff(grid, axis=axis)) > 2 * tear
        steps = steps[..., 0] | steps[..., 1]
        before, after = (slice(None, -1), slice(1, None))
        jump[before if axis == 0 else slice(None), before if axis == 1 else slice(None)] |= steps
        jump[after if axis == 0 else slice(None), after if axis == 1 else slice(None)] |= steps
    far = cv2.resize(jump, (region.width, region.height), interpolation=cv2.INTER_NEAREST_EXACT)
    torn = (cv2.max(*cv2.split(apart)) > tear) | (far > 0)
    smooth[torn] = near[torn]
    return smooth, torn

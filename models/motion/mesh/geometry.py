"""Face shape algebra on the 478-point mesh: pose, neutral shape, and the shape of the twin on every frame.

A mesh is split into a pose (a similarity transform in three dimensions) and a canonical shape; the twin's canonical
shape replaces the source's, the source's motion (its canonical shape minus its neutral shape) is added, and the
source's pose is applied again. Units: pixels of the frame for meshes, those of the template (the mean face, outer eye
corners 1 apart) for canonical shapes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from models.landmarks import topology

Floats = NDArray[np.float32]

_STABLE = np.array(topology.STABLE)
_LIDS = (topology.LEFT_EYE, topology.RIGHT_EYE)
_PARTED = 0.88
"""Share of the mouth's opening in the mesh that is open: its inner rims run on the lips, the more so the softer the
picture."""
_SHUT = 0.24
"""Share of the resting lid distance that the mesh still shows on a closed eye: it never closes its lids fully."""


LIP_COLUMNS = np.array(
    (
        ((191, 183, 184, 185), (95, 96, 77, 146)),
        ((80, 42, 74, 40), (88, 89, 90, 91)),
        ((81, 41, 73, 39), (178, 179, 180, 181)),
        ((82, 38, 72, 37), (87, 86, 85, 84)),
        ((13, 12, 11, 0), (14, 15, 16, 17)),
        ((312, 268, 302, 267), (317, 316, 315, 314)),
        ((311, 271, 303, 269), (402, 403, 404, 405)),
        ((310, 272, 304, 270), (318, 319, 320, 321)),
        ((415, 407, 408, 409), (324, 325, 307, 375)),
    )
)
"""(9, 2, 4) points in columns over the mouth, left to right: upper and lower lip, each from the inner rim outwards."""


@dataclass(frozen=True)
class Similarity:
    """x -> scale * rotation @ x + shift. rotation: (3, 3); shift: (3,)."""

    scale: float
    rotation: Floats
    shift: Floats

    def apply(self, points: Floats) -> Floats:
        """Map points.

        Args:
            points: (n, 3).

        Returns:
            (n, 3) float32.
        """
        return (self.scale * points @ self.rotation.T + self.shift).astype(np.float32)

    def invert(self, points: Floats) -> Floats:
        """Map points back.

        Args:
            points: (n, 3).

        Returns:
            (n, 3) float32.
        """
        return ((points - self.shift) @ self.rotation / self.scale).astype(np.float32)


def align(source: Floats, target: Floats) -> Similarity:
    """Return the least-squares similarity that maps points onto others (Umeyama 1991).

    Args:
        source: (n, 3).
        target: (n, 3).

    Returns:
        Map from source to target.
    """
    a, b = source.astype(np.float64), target.astype(np.float64)
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    a, b = a - mean_a, b - mean_b
    u, d, vt = np.linalg.svd(b.T @ a / len(a))
    sign = np.ones(3)
    if np.linalg.det(u @ vt) < 0:
        sign[2] = -1
    rotation = (u * sign) @ vt
    scale = float((d * sign).sum() / max(float((a**2).sum() / len(a)), 1e-12))
    shift = mean_b - scale * rotation @ mean_a
    return Similarity(scale, rotation.astype(np.float32), shift.astype(np.float32))


def align_stable(mesh: Floats, template: Floats) -> Similarity:
    """Return the similarity that maps a template onto a mesh, from the points that expression hardly moves.

    Args:
        mesh: (478, 3).
        template: (478, 3).

    Returns:
        Map from template to mesh.
    """
    return align(template[_STABLE], mesh[_STABLE])


def steady(meshes: Floats, noise: float, reach: int = 2) -> Floats:
    """Remove jitter from meshes without lag.

    A symmetric bilateral filter over time: neighbours within `noise` pixels of a point's position are averaged with it,
    larger differences are motion and left alone. Symmetric, so it delays nothing, the lips included.

    Args:
        meshes: (n, k, 3) pixels, one per frame.
        noise: Pixels.
        reach: Frames to each side.

    Returns:
        (n, k, 3) float32.
    """
    count = len(meshes)
    total = meshes.astype(np.float32).copy()
    weight = np.ones((count, meshes.shape[1], 1), dtype=np.float32)
    for step in range(1, min(reach, count - 1) + 1):
        near = float(np.exp(-(step**2) / (2 * 1.2**2)))
        difference = meshes[step:] - meshes[:-step]
        agree = near * np.exp(-(difference[..., :2] ** 2).sum(axis=-1, keepdims=True) / (2 * noise**2))
        total[:-step] += agree * meshes[step:]
        total[step:] += agree * meshes[:-step]
        weight[:-step] += agree
        weight[step:] += agree
    return (total / weight).astype(np.float32)


def canonical(meshes: Floats, template: Floats) -> tuple[Floats, list[Similarity]]:
    """Split meshes into canonical shapes and the poses that place them.

    Args:
        meshes: (n, 478, 3).
        template: (478, 3) canonical template.

    Returns:
        (n, 478, 3) shapes, and n poses.
    """
    poses = [align_stable(mesh, template) for mesh in meshes]
    shapes = np.stack([pose.invert(mesh) for pose, mesh in zip(poses, meshes, strict=True)])
    return shapes, poses


def lid_gaps(shape: Floats) -> Floats:
    """Return the opening of both eyes: mean distance between the lids over eye width.

    Args:
        shape: (478, 3).

    Returns:
        (2,) float32, no unit; about 0.3 when open.
    """
    gaps = []
    for ring in _LIDS:
        lower, upper = _sides(ring)
        width = float(np.linalg.norm(shape[ring[0], :2] - shape[ring[8], :2]))
        gaps.append(float(np.linalg.norm(shape[upper, :2] - shape[lower, :2], axis=1).mean()) / max(width, 1e-6))
    return np.array(gaps, dtype=np.float32)


def mouth_gap(shape: Floats) -> float:
    """Return the mouth opening: distance of the inner lips over the distance of the eye corners.

    Args:
        shape: (478, 3).

    Returns:
        The opening, no unit.
    """
    span = float(np.linalg.norm(shape[33, :2] - shape[263, :2]))
    return float(np.linalg.norm(shape[13, :2] - shape[14, :2])) / max(span, 1e-6)


@lru_cache(maxsize=1)
def _expression() -> tuple[Floats, Floats]:
    """(moves (52, 478, 3), calm (52,)): how the mean canonical shape follows each blendshape, and a face at rest.

    Fitted by ridge regression on some thousand synthetic faces.
    """
    with files("models.motion").joinpath("expression.npz").open("rb") as stream:
        stored = np.load(stream, allow_pickle=False)
        return stored["moves"].astype(np.float32), stored["calm"].astype(np.float32)


def relaxed(shape: Floats, blendshapes: Floats) -> Floats:
    """Return a canonical shape without the expression that its blendshapes tell of.

    A linear estimate: about right for smiles and open mouths, blind to what blendshapes do not see.

    Args:
        shape: (478, 3).
        blendshapes: (52,).

    Returns:
        (478, 3) float32.
    """
    moves, calm = _expression()
    return np.asarray(shape - np.tensordot(blendshapes - calm, moves, axes=1), dtype=np.float32)


def neutral(shapes: Floats, blendshapes: Floats) -> Floats:
    """Return the source's shape at rest: the mean of the calmest frames, without the expression left in them.

    Calm means mouth closed, eyes open, little expression. A mean over all frames would carry half-open lips into every
    frame of the twin. The expression that the calmest frames still have (all of it, in a picture) is taken out by a
    linear model.

    Args:
        shapes: (n, 478, 3) canonical shapes.
        blendshapes: (n, 52).

    Returns:
        (478, 3) canonical shape.
    """
    openings = np.array([mouth_gap(shape) for shape in shapes])
    eyes = np.array([float(lid_gaps(shape).mean()) for shape in shapes])
    activity = blendshapes[:, 1:9].sum(axis=1) + blendshapes[:, 23:].sum(axis=1)
    cost = _rank(openings) * 2.0 + _rank(-np.minimum(eyes, np.quantile(eyes, 0.6))) + _rank(activity)
    chosen = np.argsort(cost)[: max(1, min(12, len(cost) // 5))]
    return relaxed(shapes[chosen].mean(axis=0), blendshapes[chosen].mean(axis=0))


def twin_shapes(shapes: Floats, rest: Floats, twin: Floats, change: float) -> Floats:
    """Return canonical shapes of the twin, performing the source's motion.

    The lips are as far apart as the source's: they close when its lips close. The eyelids move in proportion to their
    own opening, so that a closed eye of the source is a closed eye of the twin however wide each opens at rest.

    Args:
        shapes: (n, 478, 3) canonical shapes of the source.
        rest: (478, 3) neutral shape of the source.
        twin: (478, 3) neutral shape of the twin in the same canonical space.
        change: 0 keeps the source's shape, 1 takes the twin's, more exaggerates the difference.

    Returns:
        (n, 478, 3) float32.
    """
    base = part_lips(rest + change * (twin - rest), rest)
    result = (base[None] + (shapes - rest[None])).astype(np.float32)
    for ring in _LIDS:
        lower, upper = _sides(ring)
        rest_gap = rest[upper] - rest[lower]
        base_gap = base[upper] - base[lower]
        rest_size = np.maximum(np.linalg.norm(rest_gap[:, :2], axis=1), 1e-3)
        gap = shapes[:, upper] - shapes[:, lower]
        sign = np.sign((gap[..., :2] * rest_gap[None, :, :2]).sum(axis=-1))
        ratio = sign * np.linalg.norm(gap[..., :2], axis=-1) / rest_size
        ratio = np.clip((ratio - _SHUT) / (1.0 - _SHUT), 0.0, 1.6)
        middle = (result[:, upper] + result[:, lower]) / 2
        half = ratio[..., None] * base_gap[None] / 2
        result[:, upper] = middle + half
        result[:, lower] = middle - half
    return result


def part_lips(base: Floats, rest: Floats) -> Floats:
    """Return a neutral shape with its lips as far apart as those of another, each as thick as it was.

    Added to a shape whose lips are closer, the source's motion would press them through each other where the source's
    close, and crossed lips open late and too little.

    Args:
        base: (478, 3) neutral shape.
        rest: (478, 3) the other neutral shape.

    Returns:
        (478, 3).
    """
    result = base.copy()
    upper, lower = LIP_COLUMNS[:, 0, 0], LIP_COLUMNS[:, 1, 0]
    apart = ((rest[lower] - rest[upper]) - (base[lower] - base[upper])) / 2
    # Along the lips nothing is to be changed: that is the mouth's width.
    apart[:, 0] = 0
    result[LIP_COLUMNS[:, 0]] -= apart[:, None]
    result[LIP_COLUMNS[:, 1]] += apart[:, None]
    return result


def real_opening(mesh: Floats) -> Floats:
    """Return a mesh with the inner lip rims where the lips end, about.

    Measurements of the mouth compare meshes as they are given; this is for drawing.

    Args:
        mesh: (478, 3) as the network gives it.

    Returns:
        (478, 3).
    """
    result = mesh.copy()
    upper, lower = LIP_COLUMNS[:, 0, 0], LIP_COLUMNS[:, 1, 0]
    inwards = (1.0 - _PARTED) / 2 * (mesh[lower] - mesh[upper])
    result[upper] += inwards
    result[lower] -= inwards
    return result


def _sides(ring: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """Lower and upper lid points that face each other, corners left out."""
    return list(ring[1:8]), list(reversed(ring[9:16]))


def _rank(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n,) ranks from 0 for the smallest to at most 1; equal values share the lowest of their ranks."""
    return np.searchsorted(np.sort(values), values).astype(np.float64) / max(len(values) - 1, 1)

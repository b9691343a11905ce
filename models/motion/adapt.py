"""Fitting a twin's picture to the footage: as much fine detail as the camera shows, no more.

A generated face is sharper and cleaner than most video; beside soft surroundings it looks pasted. Band by band, the
contrast of the twin's skin is brought to that of the source's skin. Only contrasts are compared, no picture content
of the source enters the twin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats, Image
from models.interfaces.twins import Twin
from models.motion.mesh import raster, render, sampling

_SIGMAS = (0.0, 0.8, 1.6, 3.2, 6.4)
"""Edges of the bands in pixels of the frame; the last one bounds what is adapted."""
_LEAST, _MOST = 0.3, 1.15


def bands(picture: Image, sigmas: Sequence[float]) -> list[Floats]:
    """Return the differences of Gaussians of a picture between successive sigmas, and the rest.

    Args:
        picture: (h, w, 3).
        sigmas: Edges of the bands in pixels; the first stands for no blur.

    Returns:
        (h, w, 3) float32, one per band, then the rest.
    """
    blurred = [picture.astype(np.float32)]
    blurred += [cv2.GaussianBlur(blurred[0], (0, 0), max(sigma, 0.3)) for sigma in sigmas[1:]]
    return [blurred[i] - blurred[i + 1] for i in range(len(sigmas) - 1)] + [blurred[-1]]


def contrasts(picture: Image, skin: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the robust contrast of each band over the skin, relative to its brightness.

    Args:
        picture: (h, w, 3) uint8.
        skin: (h, w), True on skin.

    Returns:
        (bands,) float64.
    """
    layers = bands(picture, _SIGMAS)
    level = max(float(layers[-1][skin].mean()), 8.0)
    return np.array([float(np.abs(layer[skin]).mean()) / level for layer in layers[:-1]])


def match_detail(twin: Twin, crops: Sequence[Image], meshes: Sequence[Floats]) -> Twin:
    """Return the twin with the fine contrast of the crops' faces.

    Args:
        twin: The twin.
        crops: (h, w, 3) uint8 BGR pictures of the source.
        meshes: (478, 3) pixels, one per crop.

    Returns:
        The twin with another picture; unchanged when no crop shows enough skin.
    """
    ratios, shrinks = [], []
    for crop, mesh in zip(crops, meshes, strict=True):
        region = raster.region_of(mesh, mesh, crop.shape[1], crop.shape[0])
        if region is None:
            continue
        field = raster.warp_field(mesh, mesh, twin.mesh, region, cells=max(region.width, region.height))
        columns = np.flatnonzero(field.face.any(axis=0))
        if len(columns) < 12:
            continue
        _, skin = render.masks(field, 1.0, np.zeros(field.face.shape, np.float32))
        inner = cv2.erode(skin, np.ones((5, 5), np.uint8)) > 0
        if inner.sum() < 100:
            continue
        shrink = render.picture_pixels(field.twin, field.face)
        painted = sampling.sample(sampling.pyramid(twin.picture), field.twin, shrink)
        ratios.append(contrasts(region.cut(crop), inner) / np.maximum(contrasts(painted, inner), 1e-6))
        shrinks.append(shrink)
    if not ratios:
        return twin
    gains = np.clip(np.median(np.stack(ratios), axis=0), _LEAST, _MOST)
    scale = float(np.median(shrinks))
    layers = bands(twin.picture, [sigma * scale for sigma in _SIGMAS])
    total = layers[-1].copy()
    for gain, layer in zip(gains, layers[:-1], strict=True):
        total += np.float32(gain) * layer
    return replace(twin, picture=np.clip(total + 0.5, 0, 255).astype(np.uint8))

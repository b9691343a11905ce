"""Skin tone and facial hair, measured from the pixels of a face whose mesh is known.

No trustworthy ethnicity weights exist for the embedded profile, so a twin is matched by what can be measured: the
individual typology angle (ITA; Chardon et al. 1991) of the skin and how dark the beard zones are beside the cheeks.
Not guaranteed: independence of the light; a coloured or strongly one-sided light shifts both.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.interfaces.capabilities import Floats, Image

CHEEKS = ((50, 101, 118, 117, 123, 147, 187, 205), (280, 330, 347, 346, 352, 376, 411, 425))
_FOREHEAD = ((69, 108, 151, 337, 299, 336, 9, 107),)
_CHIN = ((18, 83, 201, 208, 199, 428, 421, 313),)
_JAW = ((172, 136, 150, 149, 170, 211, 212, 214, 192), (397, 365, 379, 378, 395, 431, 432, 434, 416))
_MOUSTACHE = ((97, 2, 326, 393, 267, 0, 37, 167),)


def _zone(lab: Floats, points: Floats, polygons: tuple[tuple[int, ...], ...]) -> Floats:
    """(n, 3) LAB values inside polygons of mesh points."""
    mask = np.zeros(lab.shape[:2], dtype=np.uint8)
    for polygon in polygons:
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(points[list(polygon), :2]).astype(np.int32)), 1)
    return lab[mask > 0]


def one_sidedness(frame: Image, points: Floats) -> float:
    """Return how much brighter the cheek on the image's right is than the one on the left, relative to both.

    Args:
        frame: (H, W, 3) uint8 BGR.
        points: (478, 3) pixels.

    Returns:
        About 0 under even light; NaN when a cheek lies outside the frame.
    """
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)[..., None].astype(np.float32)
    left, right = (_zone(grey, points, (polygon,)) for polygon in CHEEKS)
    if not len(left) or not len(right):
        return float("nan")
    a, b = float(np.median(left)), float(np.median(right))
    return (b - a) / max((a + b) / 2, 1.0)


def measure(frame: Image, points: Floats) -> tuple[float, float]:
    """Return the skin tone and the beard score of one face.

    Args:
        frame: (H, W, 3) uint8 BGR.
        points: (478, 3) float32 pixels.

    Returns:
        (skin ITA in degrees, beard score in [0, 1]); (nan, nan) when the face lies outside the frame. Larger ITA is
        lighter skin: over 55 very light, under -30 dark. The beard score is the share by which chin, jaw and moustache
        are darker than the cheeks, beyond the usual shading.
    """
    low = np.maximum(np.floor(points[:, :2].min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(points[:, :2].max(axis=0)).astype(int) + 1, [frame.shape[1], frame.shape[0]])
    if (high - low).min() < 8:
        return float("nan"), float("nan")
    crop = frame[low[1] : high[1], low[0] : high[0]]
    scale = min(1.0, 192 / max(crop.shape[:2]))
    small = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else crop
    local = (points[:, :2] - low) * scale
    lab = cv2.cvtColor(small.astype(np.float32) / 255.0, cv2.COLOR_BGR2LAB)
    cheeks, forehead = _zone(lab, local, CHEEKS), _zone(lab, local, _FOREHEAD)
    skin = np.concatenate([cheeks, forehead])
    if len(skin) < 8:
        return float("nan"), float("nan")
    # The brighter half is skin without shadow, hair or frames of glasses.
    bright = skin[skin[:, 0] >= np.median(skin[:, 0])]
    lightness, yellow = float(bright[:, 0].mean()), float(bright[:, 2].mean())
    ita = float(np.degrees(np.arctan2(lightness - 50.0, max(yellow, 1e-3))))
    reference = max(float(np.median(cheeks[:, 0])) if len(cheeks) else lightness, 1.0)
    shares = []
    for polygons in (_CHIN, _JAW, _MOUSTACHE):
        zone = _zone(lab, local, polygons)
        if len(zone):
            shares.append(1.0 - float(np.median(zone[:, 0])) / reference)
    return ita, float(np.clip(np.mean(shares) * 2.0, 0.0, 1.0)) if shares else 0.0

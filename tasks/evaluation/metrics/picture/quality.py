"""How good the faces look, without a reference."""

from __future__ import annotations

import numpy as np

from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.definition import Better, Definition, Figure
from tasks.evaluation.metrics.series import both_known

# The number depends on camera, light and compression as much as on the face: only the same video's own tells what is
# right. A face far sharper than its video is as wrong as one that is blurred.
QUALITY = Definition(
    "face_quality",
    "Image quality of the face (NIQE)",
    "NIQE",
    Better.LIKE_ORIGINAL,
    "Distance of the picture of the face and its surroundings from sharp, undamaged photographs, by the statistics of "
    "its pixels: blur, noise and blocks from compression raise it. Mean over some frames of each person, the same "
    "squares before and after. Compares with the original only, not with other datasets.",
    "Mittal, Soundararajan, Bovik 2013",
)


def of(measured: Measured) -> dict[tuple[Definition, str], Figure]:
    """Work out the mean quality over the faces that are rated on both sides.

    Args:
        measured: what was measured of the file.

    Returns:
        The number by definition and variant, which is empty; `original` is that of the same faces before.
    """
    return {(QUALITY, ""): _mean(measured)}


def _mean(measured: Measured) -> Figure:
    known = both_known(measured.quality)
    if known.any():
        before, after = measured.quality[:, known].astype(np.float64).mean(axis=1)
        return Figure(float(after), samples=int(known.sum()), original=float(before))
    if measured.shared and not measured.same_size:
        return Figure.unknown("The two files differ in size.")
    return Figure.unknown("No face is large enough, or none is seen in its place.")

"""The picture outside the face, and its unrest within."""

from __future__ import annotations

import numpy as np

from models.interfaces.capabilities import Floats
from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.definition import Better, Definition, Figure
from tasks.evaluation.metrics.series import both_known

PSNR = Definition(
    "psnr_outside",
    "Picture outside the head (PSNR)",
    "decibels",
    Better.HIGHER,
    "Peak signal to noise ratio of brightness outside all heads, mean over frames; 100 where nothing changed.",
)
SSIM = Definition(
    "ssim_outside",
    "Picture outside the head (SSIM)",
    "0 to 1",
    Better.HIGHER,
    "Structural similarity of brightness outside all heads (Wang et al. 2004), mean over frames.",
)
FLICKER = Definition(
    "flicker",
    "Unrest of the face",
    "ratio",
    Better.LIKE_ORIGINAL,
    "Temporal total variation of the aligned face, after over before: how much its picture changes from frame to "
    "frame, both aligned by the original's mesh. 1 is as lively as the original, more flickers, less is frozen.",
)


def of(measured: Measured) -> dict[tuple[Definition, str], Figure]:
    """Work out the three numbers of one file.

    Args:
        measured: what was measured of it.

    Returns:
        The numbers by definition and variant, which is empty.
    """
    return {(PSNR, ""): _mean(measured, measured.psnr), (SSIM, ""): _mean(measured, measured.ssim)} | {
        (FLICKER, ""): _flicker(measured)
    }


def _mean(measured: Measured, values: Floats) -> Figure:
    known = values[np.isfinite(values)]
    if len(known):
        return Figure(float(known.mean()), samples=len(known))
    why = "The two files differ in size." if measured.shared and not measured.same_size else "Heads fill the picture."
    return Figure.unknown(why if measured.shared else "There is no anonymized file.")


def _flicker(measured: Measured) -> Figure:
    known = both_known(measured.unrest)
    before, after = measured.unrest[:, known].astype(np.float64).sum(axis=1) if known.any() else (0.0, 0.0)
    if not before > 0:
        return Figure.unknown("No two frames after one another show the face, or the files differ in size.")
    return Figure(float(after / before), samples=int(known.sum()))

"""From rows to columns: everything measured of one file as arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from tasks.evaluation.measure.look import LOOKS, Instruments, Row, Side
from tasks.evaluation.measure.records import Measured


def table(
    rows: list[Row],
    ratios: list[tuple[float, float]],
    times: NDArray[np.float64],
    same_size: bool,
    tools: Instruments,
    mapping: NDArray[np.int64],
    extra: int,
    unpaired: int,
) -> Measured:
    """Put the rows of all frames together.

    Args:
        rows: rows of all frames, in order.
        ratios: (PSNR, SSIM) of each frame looked at.
        times: (n,) seconds of the original's frames.
        same_size: see `Measured`.
        tools: the networks that looked.
        mapping: see `pairing.same_time`.
        extra: see `Measured`.
        unpaired: see `Measured`.

    Returns:
        Everything measured; its loudness is empty.
    """
    frame = np.array([row.frame for row in rows], np.int64)
    shapes = _stack(rows, lambda side: side.shapes, 52)
    numbers = _stack(rows, lambda side: side.figures, 11)
    looks = _stack(rows, lambda side: side.looks, LOOKS + len(tools.emotion.labels))
    vectors = {
        attacker.name: _stack(rows, lambda side, k=k: side.vectors[k], attacker.dimension)  # type: ignore[misc]
        for k, attacker in enumerate(tools.attackers)
    }
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return Measured(
        frames=len(times),
        shared=int((mapping >= 0).sum()),
        unpaired=unpaired,
        duration=float(times[-1] - times[0]) + step if len(times) else 0.0,
        same_size=same_size,
        frame=frame,
        time=(times[frame] - (times[0] if len(times) else 0.0)).astype(np.float32),
        person=np.array([row.person for row in rows], np.int64),
        shown=np.array([row.sides[1] is not None for row in rows], np.bool_),
        found=np.array([row.found for row in rows], np.bool_),
        side=np.array([row.side for row in rows], np.float32),
        vectors=vectors,
        angles=numbers[:, :, 8:11],
        openings=numbers[:, :, :5],
        shapes=shapes,
        unrest=_single(rows, lambda side: side.unrest),
        age=looks[:, :, 0],
        female=looks[:, :, 1],
        skin=looks[:, :, 2],
        age_second=looks[:, :, 3],
        female_second=looks[:, :, 4],
        emotion=looks[:, :, LOOKS:],
        psnr=np.array([ratio[0] for ratio in ratios], np.float32),
        ssim=np.array([ratio[1] for ratio in ratios], np.float32),
        quality=_single(rows, lambda side: side.quality),
        loudness=np.zeros(0, np.float32),
        extra=extra,
        textures=_textures(rows, tools.features.dimension if tools.features else 0),
    )


def _stack(rows: list[Row], column: Callable[[Side], Floats], width: int) -> Floats:
    """(2, n, width); NaN where there is no other side."""
    empty = np.full(width, np.nan, np.float32)
    sides = [[empty if row.sides[k] is None else column(row.sides[k]) for row in rows] for k in (0, 1)]  # type: ignore[arg-type]
    return np.asarray(sides, np.float32).reshape(2, len(rows), width)


def _single(rows: list[Row], column: Callable[[Side], float]) -> Floats:
    """(2, n); NaN where there is no other side."""
    return _stack(rows, lambda side: np.array([column(side)], np.float32), 1)[:, :, 0]


def _textures(rows: list[Row], width: int) -> Floats:
    """(2, k, width) of the rows that have one on both sides."""
    both = [[side.texture for side in row.sides if side is not None and side.texture is not None] for row in rows]
    known = [pair for pair in both if len(pair) == 2]
    return np.asarray(known, np.float32).reshape(len(known), 2, width).swapaxes(0, 1)

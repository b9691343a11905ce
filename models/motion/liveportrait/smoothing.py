"""Kalman smoothing of a sequence: each number follows a random walk and is seen with noise.

The forward filter and the backward (Rauch-Tung-Striebel) pass of the textbooks, for identity transition and
observation; the variances are those LivePortrait uses for motion.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PROCESS_VARIANCE = 1e-5
"""Variance of one step of the walk, in the square of the sequence's unit."""
OBSERVATION_VARIANCE = 3e-7
"""Variance of the noise; larger smooths more."""


def smooth(sequence: NDArray[Any], observation_variance: float = OBSERVATION_VARIANCE) -> NDArray[np.float32]:
    """Smooth a sequence, every scalar on its own.

    The start is the first observation, with variance 1. Computed in float64.

    Args:
        sequence: (n, ...) numbers in order of time.
        observation_variance: Variance of the noise; larger smooths more.

    Returns:
        float32 of the same shape.
    """
    seen = np.asarray(sequence, dtype=np.float64)
    count = len(seen)
    if not count:
        return seen.astype(np.float32)
    mean = np.empty_like(seen)
    # Variances depend on the time alone, not on what was seen, so all scalars share them.
    variance, predicted = np.empty(count), np.empty(count)
    before, predicted[0] = seen[0], 1.0
    for i in range(count):
        if i:
            before, predicted[i] = mean[i - 1], variance[i - 1] + PROCESS_VARIANCE
        gain = predicted[i] / (predicted[i] + observation_variance)
        mean[i] = before + gain * (seen[i] - before)
        variance[i] = predicted[i] - gain * predicted[i]
    for i in range(count - 2, -1, -1):
        # The random walk predicts for the next moment what it holds now.
        mean[i] += variance[i] / predicted[i + 1] * (mean[i + 1] - mean[i])
    return mean.astype(np.float32)

"""Measured files and attacks as the tests of a report's words need them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tasks.evaluation.metrics import detection
from tasks.evaluation.metrics.clip import Clip, reduce
from tasks.evaluation.metrics.definition import Figure
from tasks.evaluation.metrics.identity import identification
from tasks.evaluation.metrics.identity.verification import Roc
from tasks.evaluation.metrics.privacy import Attack
from tasks.evaluation.report.verdict import Limits
from tests.tasks.evaluation.metrics.support import measured

LIMITS = {"a": Limits(far_1=0.8, far_01=0.4), "b": Limits(far_1=0.5, far_01=0.3)}
FAR = (1.2, 1.2, 1.2, 1.2)


def clip(a: Sequence[float] = FAR, b: Sequence[float] | None = None, extra: float = 0.0, **columns: Any) -> Clip:
    """A file of a face on each frame, of one frame without when a is empty. a, b: distances to the source by two
    embedders."""
    n = len(a)
    base = reduce(measured(n, frames=max(n, 1), shared=max(n, 1)), 1, {0: 0})
    numbers = base.usefulness | {(detection.EXTRA, ""): Figure(extra)}
    both = {"a": np.array(a, np.float32), "b": np.array(FAR[:1] * n if b is None else b, np.float32)}
    known: dict[str, Any] = {"nearest": both, "missed": np.zeros(n, bool), "hidden": np.zeros(n, bool)}
    return replace(base, **(known | {"usefulness": numbers} | columns))


def rate(value: float, low: float, chance: float = 0.02, people: int = 50) -> Figure:
    return Figure(value, low, value + 0.1, 1000, people, 0.9, chance)


def attack(
    embedder: str = "a",
    found: Figure | None = None,
    people: int = 50,
    cmc: Sequence[float] = (),
    roc: Roc | None = None,
) -> Attack:
    """Finds nobody more often than guessing, if nothing else is said."""
    figure = rate(0.02, 0.0) if found is None else found
    curve = np.linspace(1 / max(people, 1), 1, people) if not cmc else np.array(cmc)
    numbers = {(identification.RATES[1], embedder): figure}
    return Attack(embedder, numbers, people, curve, curve, roc or Roc(np.empty(0), np.empty(0), np.empty(0)), ())

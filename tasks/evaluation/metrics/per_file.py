"""Every number that tells what a converted file is still good for, and its mean over a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics import bootstrap, detection
from tasks.evaluation.metrics.definition import Figure, Numbers
from tasks.evaluation.metrics.identity import consistency
from tasks.evaluation.metrics.picture import picture, quality
from tasks.evaluation.metrics.usefulness import expression, gaze, lips, looks, mouth_eye_aperture, pose

_MODULES = (expression, pose, gaze, mouth_eye_aperture, lips, looks, consistency, detection, picture, quality)


def of(measured: Measured) -> Numbers:
    """Work out all numbers of one file.

    Args:
        measured: what was measured of it.

    Returns:
        The numbers by definition and variant.
    """
    found: Numbers = {}
    for module in _MODULES:
        found |= module.of(measured)
    return found


def over(files: Sequence[Numbers], people: Sequence[int]) -> Numbers:
    """Work out means over files, with intervals over people.

    Args:
        files: numbers of each file.
        people: the (main) person of each file.

    Returns:
        The means by definition and variant.
    """
    result: Numbers = {}
    for key in dict.fromkeys(key for file in files for key in file):
        own = [(file[key], person) for file, person in zip(files, people, strict=True) if key in file]
        known = [(figure, person) for figure, person in own if figure.known]
        if not known:
            notes = sorted({figure.note for figure, _ in own if figure.note})
            result[key] = Figure.unknown(" ".join(notes[:2]) or "Nothing to measure.")
            continue
        values = np.array([figure.value for figure, _ in known])
        mean = bootstrap.mean(values, np.array([person for _, person in known], np.int64))
        originals = np.array([figure.original for figure, _ in known])
        before = float(np.nanmean(originals)) if np.isfinite(originals).any() else float("nan")
        without = len(files) - len(known)
        what = f"{without} file{'s' if without > 1 else ''} without this number."
        note = " ".join(filter(None, [mean.note, what if without else ""]))
        result[key] = replace(mean, original=before, note=note)
    return result

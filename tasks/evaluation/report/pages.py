"""The page of one file: its outcome, its distances over time, its numbers, its worst frames."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tasks.evaluation.metrics.clip import Clip
from tasks.evaluation.metrics.definition import Numbers
from tasks.evaluation.report import verdict
from tasks.evaluation.report.content import Chart, Frame, Line, Page, Series
from tasks.evaluation.report.verdict import Limits

WORST = 5
_APART_S = 0.5
SHOWN = 12
"""Frames of a contact sheet."""


def page(
    clip: Clip, name: str, limits: Mapping[str, Limits], sheet: Path | None, source_sheet: Path | None = None
) -> Page:
    """Make the page of an anonymized file.

    Args:
        clip: what is kept of the file.
        name: its path in the anonymized dataset.
        limits: embedder -> distances of strangers.
        sheet: JPEG file of the anonymized side.
        source_sheet: JPEG file of the source.

    Returns:
        The page.
    """
    outcome, said = verdict.of_file(clip, limits)
    return Page(
        key=key_of(name),
        name=name,
        outcome=outcome,
        said=said,
        seconds=clip.duration,
        frames=clip.frames,
        faces=clip.faces,
        nearest=verdict.nearest(clip, limits),
        charts=(_timeline(clip, limits),) if clip.frames > 1 and clip.faces else (),
        lines=(*lines(clip.privacy), *lines(clip.usefulness)),
        worst=worst(clip, limits),
        sheet=sheet,
        source_sheet=source_sheet,
    )


def key_of(name: str) -> str:
    """Make a safe file name for the page of a file.

    Args:
        name: path of the file in the anonymized dataset.

    Returns:
        The name without a suffix.
    """
    return "file-" + hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:20]


def lines(numbers: Numbers) -> list[Line]:
    """Turn numbers into lines of a table, those of one metric together.

    Args:
        numbers: the numbers.

    Returns:
        The lines.
    """
    place = {name: n for n, name in enumerate(dict.fromkeys(definition.name for definition, _ in numbers))}
    ordered = sorted(numbers.items(), key=lambda item: place[item[0][0].name])
    return [Line(definition, figure, variant) for (definition, variant), figure in ordered]


def worst(clip: Clip, limits: Mapping[str, Limits], most: int = WORST) -> tuple[Frame, ...]:
    """Find the frames nearest to the source by any embedder, none within half a second of another.

    Args:
        clip: what is kept of the file.
        limits: embedder -> distances of strangers.
        most: number of frames at most.

    Returns:
        The frames, nearest first.
    """
    found = []
    for name, distances in clip.nearest.items():
        for row in np.flatnonzero(np.isfinite(distances)).tolist():
            found.append((float(distances[row]) / limits[name].far_1, row, name))
    chosen: list[Frame] = []
    for share, row, name in sorted(found):
        seconds = float(clip.time[row])
        if all(abs(seconds - frame.seconds) >= _APART_S for frame in chosen):
            chosen.append(Frame(int(clip.frame[row]), seconds, share * limits[name].far_1, name))
        if len(chosen) == most:
            break
    return tuple(chosen)


def shown(clip: Clip, limits: Mapping[str, Limits], most: int = SHOWN) -> list[tuple[int, str]]:
    """Choose the frames of a contact sheet: the worst ones first, then evenly spread ones.

    Args:
        clip: what is kept of the file.
        limits: embedder -> distances of strangers.
        most: number of frames.

    Returns:
        (frame, caption) each.
    """
    first = worst(clip, limits)
    result = [(frame.number, f"{frame.seconds:.2f} s  {frame.distance:.2f} {frame.embedder}") for frame in first]
    taken = {number for number, _ in result}
    for number in np.linspace(0, clip.frames - 1, most if clip.frames else 0).round().astype(int).tolist():
        if number not in taken and len(result) < most:
            taken.add(number)
            result.append((number, f"{number / max(clip.frames, 1) * clip.duration:.2f} s"))
    return result


def _timeline(clip: Clip, limits: Mapping[str, Limits]) -> Chart:
    series = []
    frames, first, which = np.unique(clip.frame, return_index=True, return_inverse=True)
    times = clip.time[first].tolist()
    for name, distances in clip.nearest.items():
        share = np.full(len(frames), np.inf)
        # Several faces on a frame: the nearest to its source counts.
        np.minimum.at(share, which, np.nan_to_num(distances / limits[name].far_1, nan=np.inf))
        points = [(t, float(v) if np.isfinite(v) else float("nan")) for t, v in zip(times, share, strict=True)]
        series.append(Series(name, tuple(points)))
    return Chart(
        "Distance to the source, frame by frame",
        "Each face against all faces of the original of this file, as a share of the distance at which one stranger in "
        "a hundred is as near. Below 1, a stranger would be rare: the person may be recognised.",
        "seconds",
        "share of the threshold",
        tuple(series),
        marks=(("1 stranger in 100", 1.0),),
        y_from=0.0,
    )

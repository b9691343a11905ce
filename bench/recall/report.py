"""The two tables as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from bench.recall.scenes import COVERS, LIGHTS

CLASSES = {
    "0°": (0,),
    "30°": (30, 330),
    "45°": (45,),
    "60°": (60, 300),
    "90°": (90, 270),
    "120° to 150°": (120, 150, 210, 240),
    "180°": (180,),
}
"""Columns: angles that are the same but for the side to which a face is turned."""
Row = dict[str, Any]


def markdown(figures: dict[str, Any]) -> str:
    """Both tables, whichever were measured."""
    parts = []
    if "recall" in figures:
        rows = figures["recall"]["rows"]
        for name in dict.fromkeys(row["finder"] for row in rows):
            own = [row for row in rows if row["finder"] == name]
            parts += [f"### {name}: bright, nothing covered", by_angle(own)]
            parts += [f"### {name}: other light and covers, upright / turned by 45, 90 or 180 degrees", by_light(own)]
    if "false" in figures:
        parts += ["### False detections", false_detections(figures["false"])]
    return "\n\n".join(parts)


def by_angle(rows: Sequence[Row]) -> str:
    """Recall of one finder in bright light with nothing covered: a line for each size, a column for each class."""
    plain = [row for row in rows if (row["light"], row["cover"]) == ("bright", "none")]
    cells: dict[str, Callable[[Row], bool]] = {
        name: lambda row, angles=angles: row["angle"] in angles for name, angles in CLASSES.items()
    }
    lines = [_line("pixels", cells), _rule(cells)]
    for size in _sizes(plain):
        own = [row for row in plain if row["size"] == size]
        lines.append(_line(str(size), [_share(filter(inside, own)) for inside in cells.values()]))
    return "\n".join(lines)


def by_light(rows: Sequence[Row]) -> str:
    """Recall of one finder in every light, with and without cover: upright, and turned."""
    columns = [(light, cover) for light in LIGHTS for cover in COVERS]
    names = [light + ("" if cover == "none" else ", covered") for light, cover in columns]
    lines = [_line("pixels", names), _rule(names)]
    for size in _sizes(rows):
        own = [row for row in rows if row["size"] == size]
        groups = [[row for row in own if (row["light"], row["cover"]) == column] for column in columns]
        upright = [_share(row for row in group if row["angle"] == 0) for group in groups]
        turned = [_share(row for row in group if row["angle"] in (45, 90, 180)) for group in groups]
        lines.append(_line(str(size), [" / ".join(pair) for pair in zip(upright, turned, strict=True)]))
    return "\n".join(lines)


def false_detections(figures: dict[str, Any]) -> str:
    """Detections of no face for each source, and per frame."""
    counts = Counter(row["source"] for row in figures["rows"])
    lines = [_line("source", ("frames", "false", "per frame")), _rule(range(3))]
    for source, frames in figures["looked"].items():
        lines.append(_line(source, (str(frames), str(counts[source]), f"{counts[source] / frames:.3f}")))
    return "\n".join(lines)


def _share(rows: Any) -> str:
    """Found of all faces, percent."""
    some = list(rows)
    faces = sum(row["faces"] for row in some)
    return f"{100 * sum(row['found'] for row in some) / faces:.0f}" if faces else "–"


def _sizes(rows: Sequence[Row]) -> list[int]:
    return sorted({row["size"] for row in rows})


def _line(first: str, rest: Any) -> str:
    return "| " + " | ".join((first, *rest)) + " |"


def _rule(columns: Any) -> str:
    return "|---" * (len(list(columns)) + 1) + "|"

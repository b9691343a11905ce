"""What a report says, for programs: a summary and a table of all numbers. The summary's SHA-256 names the report."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.storage.disk import Disk
from tasks.evaluation.report.content import Content, KindRow, Line
from tasks.evaluation.report.verdict import FEW

SCHEMA = 1
SUMMARY, TABLE = "summary.json", "metrics.parquet"
DATASET = "dataset"
"""The scope of a number about all files; a number about one has the file's name."""

_TEXTS = ("scope", "name", "title", "variant", "unit", "better", "note")
_FLOATS = ("value", "low", "high", "original", "chance")
_COUNTS = ("samples", "people")


def write_tables(content: Content, folder: Path) -> None:
    """Write `summary.json` and `metrics.parquet`, readable by this user only; each appears whole.

    Args:
        content: the report.
        folder: where they go.

    Raises:
        StoreUnavailable: the folder cannot be written.
    """
    disk = Disk(folder, private=True)
    disk.write(SUMMARY, summary(content))
    disk.write(TABLE, table(content))


def summary(content: Content) -> bytes:
    """Write the summary as JSON; what is no number is null.

    Args:
        content: the report.

    Returns:
        The bytes, always the same for the same content.
    """
    said = {
        "schema": SCHEMA,
        "title": content.title,
        "made_at": content.made_at,
        "software": content.software,
        "reviewer": content.reviewer,
        "outcome": content.outcome.value,
        "verdict": content.verdict,
        "headlines": [{"title": h.title, "number": h.number, "words": h.words} for h in content.headlines],
        "reidentified_beyond_kind": None if content.excess is None else _excess(content.excess),
        "counts": [{"what": what, "number": number} for what, number in content.counts],
        "settings": [{"what": what, "value": value} for what, value in content.settings],
        "privacy": [_row(line) for line in content.privacy],
        "usefulness": [_row(line) for line in content.usefulness],
        "adversaries": [_row(line) for line in content.adversaries],
        "kinds": [_kind(row) for row in content.kinds],
        "files": [
            {
                "key": page.key,
                "name": page.name,
                "outcome": page.outcome.value,
                "said": page.said,
                "seconds": _number(page.seconds),
                "frames": page.frames,
                "faces": page.faces,
                "nearest": _number(page.nearest),
            }
            for page in content.pages
        ],
    }
    return json.dumps(said, sort_keys=True, indent=1, allow_nan=False).encode()


def report_id(summary: bytes) -> str:
    """Work out by what a report is known, for instance where decisions about its files are kept.

    Args:
        summary: bytes of the summary.

    Returns:
        64 hexadecimal digits.
    """
    return hashlib.sha256(summary).hexdigest()


def table(content: Content) -> bytes:
    """Write all numbers as a Parquet file: a row per line of the report and of its files' pages.

    What is no number is null, so that a mean over a column leaves it out.

    Args:
        content: the report.

    Returns:
        The file's bytes.
    """
    import pyarrow
    import pyarrow.parquet

    kinds = dict.fromkeys(_TEXTS, pyarrow.string())
    kinds |= dict.fromkeys(_FLOATS, pyarrow.float64()) | dict.fromkeys(_COUNTS, pyarrow.int64())
    rows = [{"scope": scope, **_row(line)} for scope, line in _lines(content)]
    order = ("scope", "name", "title", "variant", "unit", "better", "value", "low", "high", "samples", "people")
    schema = pyarrow.schema([(name, kinds[name]) for name in (*order, "original", "chance", "note")])
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), buffer)
    return buffer.getvalue()


def _lines(content: Content) -> Iterator[tuple[str, Line]]:
    for line in (*content.privacy, *content.usefulness, *content.adversaries):
        yield DATASET, line
    for page in content.pages:
        for line in page.lines:
            yield page.name, line


def _excess(line: Line) -> dict[str, Any]:
    return _row(line) | {"people_needed": FEW, "enough_people": line.figure.people >= FEW}


def _kind(row: KindRow) -> dict[str, Any]:
    return {
        "by": row.by,
        "kind": row.kind,
        "originals": row.originals,
        "published": row.published,
        "failed": row.failed,
        "people": row.people,
        "named": row.named,
        "kept": [_row(line) for line in row.kept],
    }


def _row(line: Line) -> dict[str, Any]:
    definition, figure = line.definition, line.figure
    return {
        "name": definition.name,
        "title": definition.title,
        "variant": line.variant,
        "unit": definition.unit,
        "better": definition.better.value,
        "value": _number(figure.value),
        "low": _number(figure.low),
        "high": _number(figure.high),
        "samples": figure.samples,
        "people": figure.people,
        "original": _number(figure.original),
        "chance": _number(figure.chance),
        "note": figure.note,
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None

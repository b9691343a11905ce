"""The manifest of a destination: one row per input, the system of record of what became of it."""

from __future__ import annotations

import io
import json
import threading
import time
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from infra.errors import StoreError
from infra.store import Store
from tasks.records import Verdict

JSONL = "manifest.jsonl"
PARQUET = "manifest.parquet"
FINAL = frozenset({Verdict.PUBLISHED, Verdict.REDACTED, Verdict.WITHHELD})
_OUT = frozenset({Verdict.PUBLISHED, Verdict.REDACTED})


@dataclass(frozen=True)
class VideoRow:
    """One input and its verdict. Holds neither names nor predicted attributes.

    public_id: keyed id of the content; copy counts inputs of equal content from 0. ordinal: place in the input list
    of the last run. reason: stable short code, empty for published. attempts: tries at twins. audit: per embedder
    its threshold, smallest and mean distance, worst frame and number of recognised frames. worst_frame,
    worst_distance: the frame nearest to the source in the audit; -1 and None when nothing was compared.
    fingerprint: digest over everything that can change the result. Distances are cosine distances; durations and
    stage times are seconds.
    """

    public_id: str
    copy: int
    ordinal: int
    verdict: Verdict
    reason: str = ""
    message: str = ""
    width: int = 0
    height: int = 0
    frames: int = 0
    fps: str = ""
    duration_s: float = 0.0
    scenes: int = 0
    tracks: int = 0
    identities: int = 0
    redacted_tracks: int = 0
    attempts: list[dict[str, Any]] = field(default_factory=list)
    audit: list[dict[str, Any]] = field(default_factory=list)
    worst_frame: int = -1
    worst_distance: float | None = None
    faces_replaced: int = 0
    faces_redacted: int = 0
    faces_lost: int = 0
    audio_streams: int = 0
    audio_copied: bool = False
    output: str = ""
    output_sha256: str = ""
    output_bytes: int = 0
    stage_seconds: dict[str, float] = field(default_factory=dict)
    peak_memory_bytes: int = 0
    backends: dict[str, str] = field(default_factory=dict)
    profile: str = ""
    seed: int = 0
    fingerprint: str = ""
    software: str = ""
    finished_at: str = ""

    def as_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return asdict(self) | {"verdict": self.verdict.value}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> VideoRow:
        """The row back from JSON values; unknown fields are dropped. Raises StoreError when it is no row."""
        known = {f.name for f in fields(cls)}
        try:
            return cls(**{k: v for k, v in value.items() if k in known} | {"verdict": Verdict(value["verdict"])})
        except (KeyError, TypeError, ValueError):
            raise StoreError("A row of the manifest is damaged.") from None


class Ledger:
    """The rows of a destination, kept in memory and rewritten as a whole. Safe among threads."""

    def __init__(self, destination: Store) -> None:
        """Read the rows that are there; a damaged row or file counts as absent."""
        self._destination = destination
        self._lock = threading.Lock()
        self._rows: dict[tuple[str, int], VideoRow] = {}
        self._seen: dict[str, int] = {}
        self._pause_until = 0.0
        for line in (destination.read_named(JSONL) or b"").splitlines():
            try:
                row = VideoRow.from_json(json.loads(line))
            except (ValueError, StoreError):
                continue
            self._rows[row.public_id, row.copy] = row

    def finished(self, public_id: str, fingerprint: str) -> VideoRow | None:
        """An earlier row that still holds: final verdict, same settings and code, and its output intact."""
        with self._lock:
            rows = [row for (owner, _), row in self._rows.items() if owner == public_id]
        for row in rows:
            if row.verdict not in FINAL or row.fingerprint != fingerprint:
                continue
            if row.verdict not in _OUT or self._destination.digest(row.output) == row.output_sha256:
                return row
        return None

    def record(self, row: VideoRow) -> VideoRow:
        """Add or replace a row and write the manifest; returns the row with its copy number."""
        with self._lock:
            copy = self._seen.get(row.public_id, 0)
            self._seen[row.public_id] = copy + 1
            row = replace(row, copy=copy)
            self._rows[row.public_id, copy] = row
            # Rewriting everything after each of many thousand videos would take longer than the videos.
            if time.monotonic() >= self._pause_until:
                begun = time.monotonic()
                self._write()
                self._pause_until = time.monotonic() + 20 * (time.monotonic() - begun)
            return row

    def flush(self) -> None:
        """Write the manifest."""
        with self._lock:
            self._write()

    def rows(self) -> list[VideoRow]:
        """All rows, by ordinal."""
        with self._lock:
            return sorted(self._rows.values(), key=lambda row: (row.ordinal, row.public_id, row.copy))

    def _write(self) -> None:
        rows = sorted(self._rows.values(), key=lambda row: (row.ordinal, row.public_id, row.copy))
        lines = "".join(json.dumps(row.as_json(), sort_keys=True) + "\n" for row in rows)
        self._destination.write_named(PARQUET, parquet(rows))
        self._destination.write_named(JSONL, lines.encode())


def parquet(rows: list[VideoRow]) -> bytes:
    """The rows as a Parquet file; nested fields become JSON text."""
    import pyarrow
    import pyarrow.parquet

    kinds = {
        "int": pyarrow.int64(),
        "float": pyarrow.float64(),
        "float | None": pyarrow.float64(),
        "bool": pyarrow.bool_(),
    }
    schema = pyarrow.schema([(f.name, kinds.get(str(f.type), pyarrow.string())) for f in fields(VideoRow)])
    flat = [
        {k: json.dumps(v, sort_keys=True) if isinstance(v, list | dict) else v for k, v in row.as_json().items()}
        for row in rows
    ]
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(flat, schema=schema), buffer)
    return buffer.getvalue()

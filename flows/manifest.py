"""The manifest of a destination: one row per input, the system of record of what became of it.

Every row is a small file of its own, written atomically when its input has its verdict. The tables are assembled from
all row files, so runs that share a destination, one after the other or at the same time, never write over each other's
rows.
"""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from flows.rows import VideoRow, lines, parquet
from infra.errors import StoreError
from infra.store import Store
from tasks.records import Verdict

JSONL = "manifest.jsonl"
PARQUET = "manifest.parquet"
FOLDER = "manifest"
FINAL = frozenset({Verdict.PUBLISHED, Verdict.REDACTED, Verdict.WITHHELD})
_OUT = frozenset({Verdict.PUBLISHED, Verdict.REDACTED})
_READERS = 16


class Ledger:
    """The rows of a destination. Safe among threads and among processes.

    When two runs convert the same input, the row of the one that ended last stays.
    """

    def __init__(self, destination: Store) -> None:
        self._destination = destination
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}
        self._pause_until = 0.0

    def finished(self, public_id: str, fingerprint: str) -> VideoRow | None:
        """An earlier row that still holds: final verdict, same settings and code, and its output intact."""
        copy = 0
        while (row := self._read(path_of(public_id, copy))) is not None:
            copy += 1
            if row.verdict not in FINAL or row.fingerprint != fingerprint:
                continue
            if row.verdict not in _OUT or self._destination.digest(row.output) == row.output_sha256:
                return row
        return None

    def record(self, row: VideoRow) -> VideoRow:
        """Add or replace a row; returns it with its copy number. The tables follow, at the latest with `flush`."""
        with self._lock:
            copy = self._seen.get(row.public_id, 0)
            self._seen[row.public_id] = copy + 1
            row = replace(row, copy=copy)
            self._destination.write_named(
                path_of(row.public_id, copy), json.dumps(row.as_json(), sort_keys=True).encode()
            )
            # Rewriting the tables after each of many thousand videos would take longer than the videos.
            if time.monotonic() >= self._pause_until:
                begun = time.monotonic()
                self._assemble(self.rows())
                self._pause_until = time.monotonic() + 20 * (time.monotonic() - begun)
            return row

    def flush(self) -> None:
        """Bring the tables up to date with the rows of all runs.

        Reads the rows again after writing: whoever writes the tables last has seen every row that was there then, so
        two runs that end at the same time leave complete tables.
        """
        with self._lock:
            rows = self.rows()
            while True:
                self._assemble(rows)
                again = self.rows()
                if lines(again) == lines(rows):
                    return
                rows = again

    def rows(self) -> list[VideoRow]:
        """The rows of all runs, by ordinal; a damaged row counts as absent."""
        names = [name for name in self._destination.list_tree(FOLDER) if name.endswith(".json")]
        # A remote store answers slowly, but many at a time.
        with ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="manifest") as pool:
            found = [row for row in pool.map(self._read, names) if row is not None]
        return sorted(found, key=lambda row: row.place)

    def _read(self, name: str) -> VideoRow | None:
        value = self._destination.read_json(name)
        try:
            return VideoRow.from_json(value) if value is not None else None
        except StoreError:
            return None

    def _assemble(self, rows: list[VideoRow]) -> None:
        self._destination.write_named(PARQUET, parquet(rows))
        self._destination.write_named(JSONL, lines(rows))


def path_of(public_id: str, copy: int) -> str:
    """Place of a row relative to the destination."""
    return f"{FOLDER}/{public_id}.{copy}.json"

"""The manifest of a destination: one row per input, the system of record of what became of it.

Every row is a small file of its own, written atomically when its input has its verdict. The tables are assembled from
all row files, so runs that share a destination, one after the other or at the same time, never write over each other's
rows. What the tables were assembled from is noted beside them, so that the next run reads only rows that have changed.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from flows.manifest.rows import HELD, VideoRow, lines, parquet
from infra.errors import StoreError, StoreUnavailable
from infra.reasons import PERMANENT
from infra.storage.store import Store
from tasks.records import Verdict

JSONL = "manifest.jsonl"
PARQUET = "manifest.parquet"
FOLDER = "manifest"
SOURCES = f"{FOLDER}/tables.json"
FINAL = frozenset({Verdict.PUBLISHED, Verdict.REDACTED, Verdict.WITHHELD})
_OUT = frozenset({Verdict.PUBLISHED, Verdict.REDACTED})
_READERS = 16
RESULTS = frozenset({"videos", "images"})
"""Folders of a destination that results lie in, each called by its public id."""


class Manifest:
    """The rows of a destination. Safe among threads and among processes.

    When two runs convert the same input, the row of the one that ended last stays.
    """

    def __init__(self, destination: Store, tables: bool = True) -> None:
        """Args:
        destination: Where results go.
        tables: Keep the tables up to date with what is recorded; False where another process will, at the end.
        """
        self._destination = destination
        self._tables = tables
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, VideoRow]] | None = None
        self._written: tuple[dict[str, str], str | None] | None = None
        self._pause_until = 0.0

    def finished(self, public_id: str, fingerprint: str, output: str) -> VideoRow | None:
        """Return an earlier row of a content that still holds: final verdict, same settings and code, output intact.

        Args:
            public_id: Of the content.
            fingerprint: Digest over everything that can change the result.
            output: Where a result of it lies; where one does that is held back, removing it was interrupted.

        Returns:
            The row, None when there is none.
        """
        for row in _newest(self._of(public_id)):
            if row.verdict not in FINAL or row.fingerprint != fingerprint:
                continue
            if row.review in HELD and self._destination.stamp(output) is not None:
                continue
            if row.verdict not in _OUT or self._destination.digest(row.output) == row.output_sha256:
                return row
        return None

    def decided(self, public_id: str) -> tuple[VideoRow | None, int]:
        """Return what was decided about earlier tries at a content.

        Args:
            public_id: Of the content.

        Returns:
            (a row that says that the last try is held back, or None; how many tries followed the first).
        """
        rows = _newest(self._of(public_id))
        held = next((row for row in rows if row.review in HELD), None)
        return held, max((row.redone for row in rows), default=0)

    def current_results(self, fingerprint: str) -> dict[tuple[str, str], VideoRow]:
        """Return the rows of all inputs that need no work as far as listings tell.

        That is quick, since neither sources nor results are read. The row is final, or its failure is
        permanent (`infra.reasons.PERMANENT`); it was made by the same settings and code, and the result lies there as
        it was written (size and version). Rows without a stamp are left out.

        Args:
            fingerprint: Digest over everything that can change the result.

        Returns:
            (input id, stamp of the source) -> row.
        """
        found = {}
        rows = [row for row in _newest(self.rows()) if _holds(row) and row.fingerprint == fingerprint]
        folders = {row.output.partition("/")[0] for row in rows if row.output}
        if any(row.review in HELD for row in rows):
            folders |= RESULTS
        there = {path: entry.stamp for folder in folders for path, entry in self._destination.entries(folder).items()}
        owners = {posixpath.splitext(posixpath.basename(path))[0] for path in there}
        for row in rows:
            if row.review in HELD and row.public_id in owners:
                # Removing what was held back was interrupted.
                continue
            intact = row.verdict not in _OUT or (row.output_stamp and there.get(row.output) == row.output_stamp)
            if intact and row.source_stamp:
                found[row.input_id, row.source_stamp] = row
        return found

    def record(self, row: VideoRow) -> VideoRow:
        """Add or replace a row. The tables follow, at the latest with `flush`.

        Args:
            row: The row.

        Returns:
            The row.
        """
        data = json.dumps(row.as_json(), sort_keys=True).encode()
        self._destination.write_named(path_of(row.public_id, row.input_id), data)
        with self._lock:
            # Rewriting the tables after each of many thousand videos would take longer than the videos.
            if self._tables and time.monotonic() >= self._pause_until:
                begun = time.monotonic()
                self._assemble(self._refreshed())
                self._pause_until = time.monotonic() + 20 * (time.monotonic() - begun)
        return row

    def flush(self) -> None:
        """Bring the tables up to date with the rows of all runs.

        Looks at the rows again after writing: the process that writes the tables last has seen every row that was there
        then, so two runs that end at the same time leave complete tables.
        """
        with self._lock:
            while self._assemble(self._refreshed()):
                continue

    def rows(self) -> list[VideoRow]:
        """The rows of all runs, by ordinal; a damaged row counts as absent."""
        with self._lock:
            return _sorted(self._refreshed())

    def _refreshed(self) -> dict[str, tuple[str, VideoRow]]:
        """Path -> (stamp, row), reading only what has changed since the last time, or since the tables were written."""
        known = self._known if self._known is not None else self._from_tables()
        listed = {path: entry.stamp for path, entry in self._destination.entries(FOLDER).items() if _is_row(path)}
        changed = [path for path, stamp in listed.items() if path not in known or known[path][0] != stamp]
        # A remote store answers slowly, but many at a time.
        with ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="manifest") as pool:
            read = dict(zip(changed, pool.map(self._read, changed), strict=True))
        fresh = {path: known[path] for path in listed if path not in read}
        fresh |= {path: (listed[path], row) for path, row in read.items() if row is not None}
        self._known = fresh
        return fresh

    def _from_tables(self) -> dict[str, tuple[str, VideoRow]]:
        sources, table = self._destination.read_json(SOURCES), self._destination.read_named(JSONL)
        if sources is None or table is None or sources.get("sha256") != hashlib.sha256(table).hexdigest():
            return {}
        try:
            rows = [VideoRow.from_json(json.loads(line)) for line in table.splitlines()]
            stamps = dict(sources["stamps"])
        except (StoreError, KeyError, TypeError, ValueError):
            return {}
        self._written = stamps, self._destination.stamp(JSONL)
        paths = {path_of(row.public_id, row.input_id): row for row in rows}
        return {path: (stamps[path], row) for path, row in paths.items() if path in stamps}

    def _of(self, public_id: str) -> list[VideoRow]:
        """The rows of all inputs of one content."""
        rows = [self._read(path) for path in self._destination.list_tree(f"{FOLDER}/{public_id}")]
        return [row for row in rows if row is not None]

    def _read(self, name: str) -> VideoRow | None:
        value = self._destination.read_json(name)
        try:
            return VideoRow.from_json(value) if value is not None else None
        except StoreUnavailable:
            raise
        except StoreError:
            return None

    def _assemble(self, rows: dict[str, tuple[str, VideoRow]]) -> bool:
        """Write the tables unless they were written from just these rows; whether anything was written."""
        stamps = {path: stamp for path, (stamp, _) in rows.items()}
        if self._destination.stamp(PARQUET) and self._written == (stamps, self._destination.stamp(JSONL)):
            return False
        ordered = _sorted(rows)
        table = lines(ordered)
        self._destination.write_named(PARQUET, parquet(ordered))
        self._destination.write_named(JSONL, table)
        sources = {"sha256": hashlib.sha256(table).hexdigest(), "stamps": stamps}
        self._destination.write_named(SOURCES, json.dumps(sources, sort_keys=True).encode())
        self._written = stamps, self._destination.stamp(JSONL)
        return True


def path_of(public_id: str, input_id: str) -> str:
    """Return the place of a row relative to the destination. Inputs of equal content share the folder.

    Args:
        public_id: Of the content.
        input_id: Keyed id of the input.

    Returns:
        The path.
    """
    return f"{FOLDER}/{public_id}/{input_id}.json"


def _holds(row: VideoRow) -> bool:
    return row.verdict in FINAL or (row.verdict is Verdict.FAILED and row.reason in PERMANENT)


def _newest(rows: list[VideoRow]) -> list[VideoRow]:
    """Of the rows of each content those of its last try: what a person decided about an earlier one is over."""
    last: dict[str, int] = {}
    for row in rows:
        last[row.public_id] = max(row.redone, last.get(row.public_id, 0))
    return [row for row in rows if row.redone == last[row.public_id]]


def _is_row(path: str) -> bool:
    return path.count("/") == 2 and path.endswith(".json")


def _sorted(rows: dict[str, tuple[str, VideoRow]]) -> list[VideoRow]:
    values: Iterable[VideoRow] = (row for _, row in rows.values())
    return sorted(values, key=lambda row: row.place)

"""Taking a result out of a destination: it is not served any more, and it is not lost."""

from __future__ import annotations

import logging
import posixpath
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from flows.dataset.store_layout import pulled_folder
from flows.manifest import face_records
from flows.manifest.manifest import RESULTS, Manifest
from flows.manifest.rows import PULLED, VideoRow
from infra.errors import StoreError
from infra.storage.lease import Leases
from infra.storage.object_backend import chunks
from infra.storage.store import Store
from infra.storage.upkeep import remove_for_good

log = logging.getLogger("anonflow")


class Puller:
    """Pulls results. Use it as a context; at its end the tables of the manifest follow."""

    def __init__(self, destination: Store, manifest: Manifest, store: Store, scratch: Path) -> None:
        self._destination, self._manifest, self._store, self._scratch = destination, manifest, store, scratch
        self._leases = Leases(store)

    def __enter__(self) -> Puller:
        self._leases.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leases.__exit__(kind, error, trace)
        self._manifest.flush()

    def pull(self, rows: Sequence[VideoRow], reason: str) -> bool:
        """Move a result into the store and set its rows to withheld.

        First the copy, then the rows, then the file goes: when it is interrupted, the result is somewhere, and no row
        calls published what was taken out.

        Args:
            rows: All rows that name the result, as they were when it was looked at.
            reason: Why it is pulled.

        Returns:
            False when another process converts the same content, or has done so since.

        Raises:
            StoreError: When the store or the destination fails.
            StoreUnavailable: When one of them does not answer.
        """
        row = rows[0]
        with self._leases.holding(row.public_id) as claim:
            present = [other for other in self._manifest.rows() if other.output == row.output]
            if claim is None or not {other.output_sha256 for other in present} <= {one.output_sha256 for one in rows}:
                log.warning("%s is being converted, so it was not pulled; run the recheck again.", row.public_id)
                return False
            self._keep(row.public_id, row.output)
            for other in present:
                self._manifest.record(other.pulled(reason))
            self._remove(row.public_id, row.output)
            return True

    def complete(self) -> None:
        """Remove the files of rows that say pulled: pulling them was interrupted."""
        there = {path for folder in RESULTS for path in self._destination.list_tree(folder)}
        for output in sorted(there):
            owner = posixpath.splitext(posixpath.basename(output))[0]
            if self._pulled(owner, output):
                with self._leases.holding(owner) as claim:
                    # A process that converts it at this moment may have written the file and not yet the row.
                    if claim is not None and self._pulled(owner, output):
                        self._keep(owner, output)
                        self._remove(owner, output)

    def _pulled(self, public_id: str, output: str) -> bool:
        """Whether the rows of a content say that it was pulled, and none that this file is its result."""
        rows = [row for row in self._manifest.rows() if row.public_id == public_id]
        return any(row.review == PULLED for row in rows) and not any(row.output == output for row in rows)

    def _keep(self, public_id: str, output: str) -> None:
        """Copy the file into the store, unless it is not there any more."""
        digest = self._destination.digest(output)
        if digest is None:
            return
        place = f"{pulled_folder(public_id)}/{digest}{posixpath.splitext(output)[1]}"
        with tempfile.NamedTemporaryFile(prefix="pulled-", dir=self._scratch) as copy:
            with Path(copy.name).open("wb") as file:
                file.writelines(chunks(self._destination.place, output))
            self._store.put_named(place, Path(copy.name))
        if self._store.digest(place) != digest:
            raise StoreError("A result that is to be pulled could not be copied into the store; it was left.")

    def _remove(self, public_id: str, output: str) -> None:
        for path in (output, face_records.path_of(public_id)):
            self._destination.remove(path)
            # In a bucket that keeps versions, what was removed is still there.
            remove_for_good(self._destination, path)

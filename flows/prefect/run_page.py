"""The page of a dataset run while it runs: its log, how far it is, and a table of verdicts that grows.

All of it is made of public ids, verdicts, reasons, counts and seconds.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate

from flows.dataset.run_progress import RunProgress
from flows.manifest.explanation import in_a_line
from flows.manifest.rows import VideoRow
from flows.prefect.artifacts import PROGRESS, VERDICTS, attempt, verdict_table
from tasks.records import Verdict

Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]

EVERY_S = 15.0
"""Seconds between two writes of the table, which a server keeps whole."""
MOST_LINES = 500
"""Withheld and failed videos that the log names; the table and the manifest name more."""
_LOOKED_AT = (Verdict.FAILED, Verdict.WITHHELD)


class RunPage:
    """Shows how far a run of a dataset is; see `flows.dataset.run_progress.Board`."""

    def __init__(self, dataset: str, logger: Logger, every_s: float = EVERY_S) -> None:
        """Args:
        dataset: Its name.
        logger: Of the flow run.
        every_s: Seconds between two writes of the table.
        """
        self._suffix, self._logger, self._every_s = f"-{dataset}", logger, every_s
        self._progress_id: UUID | None = None
        self._table_id: UUID | None = None
        self._said, self._named, self._tabled, self._next = "", set[str](), -1, 0.0

    def show(self, progress: RunProgress) -> None:
        """Show how far the run is, if the server listens.

        Args:
            progress: Of the run.
        """
        if progress.said != self._said:
            self._said = progress.said
            self._logger.info("%s", progress.said)
            attempt(lambda: self._write_progress(progress))
        self._name(progress)
        ended = progress.over == progress.shards and progress.done + progress.lost >= progress.todo
        if progress.done != self._tabled and (ended or time.monotonic() >= self._next):
            attempt(lambda: self._write_table(progress.rows))
            self._tabled, self._next = progress.done, time.monotonic() + self._every_s

    def conclude(self, rows: Sequence[VideoRow]) -> None:
        """Show the table of all inputs of the dataset, instead of those of this run, if the server listens.

        Args:
            rows: Of the inputs.
        """
        attempt(lambda: self._write_table(rows))

    def _name(self, progress: RunProgress) -> None:
        """Name what needs a look, with its reason and what to do."""
        for row in progress.rows:
            if row.verdict not in _LOOKED_AT or row.input_id in self._named:
                continue
            self._named.add(row.input_id)
            if len(self._named) <= MOST_LINES:
                self._logger.log(
                    logging.ERROR if row.verdict is Verdict.FAILED else logging.WARNING, "%s", in_a_line(row)
                )
            elif len(self._named) == MOST_LINES + 1:
                self._logger.warning("More are withheld or failed; the manifest names all.")

    def _write_progress(self, progress: RunProgress) -> None:
        percent = 100.0 * progress.done / progress.todo if progress.todo else 100.0
        if self._progress_id is None:
            made: Any = create_progress_artifact(percent, key=PROGRESS + self._suffix, description=progress.said)
            self._progress_id = made
        else:
            update_progress_artifact(self._progress_id, percent, description=progress.said)

    def _write_table(self, rows: Sequence[VideoRow]) -> None:
        table, said = verdict_table(rows)
        if self._table_id is None:
            made: Any = create_table_artifact(table=table, key=VERDICTS + self._suffix, description=said)
            self._table_id = made
            return
        with get_client(sync_client=True) as client:
            client.update_artifact(self._table_id, ArtifactUpdate(data=json.dumps(table), description=said))

"""How far a run of a dataset is, as the run's page, the terminal and `anonflow status` say it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from flows.manifest.rows import VideoRow
from tasks.records import Verdict


@dataclass(frozen=True)
class RunProgress:
    """How far a run is.

    Attributes:
        total: Inputs of the dataset.
        unchanged: Inputs that need no work.
        rows: Of the inputs that this run has brought to their verdict.
        shards: Into how many portions the others are cut.
        over: Portions that have ended.
        lost: Inputs that were given up without a verdict.
    """

    total: int
    unchanged: int
    rows: Sequence[VideoRow] = field(default=(), repr=False)
    shards: int = 0
    over: int = 0
    lost: int = 0

    @property
    def todo(self) -> int:
        """Inputs that this run has to bring to their verdict."""
        return self.total - self.unchanged

    @property
    def done(self) -> int:
        """Inputs that this run has brought to their verdict."""
        return len(self.rows)

    @property
    def verdicts(self) -> dict[str, int]:
        """How many inputs have each verdict, of those that this run has brought to one."""
        count = Counter(row.verdict for row in self.rows)
        return {verdict.value: count[verdict] for verdict in Verdict if count[verdict]}

    @property
    def said(self) -> str:
        """The whole in one line."""
        counted = ", ".join(f"{number} {verdict}" for verdict, number in self.verdicts.items())
        line = f"{self.done} of {self.todo} videos" + (f": {counted}" if counted else "")
        line += f"; {self.over} of {self.shards} shards ended" if self.shards else ""
        line += f"; {self.unchanged} unchanged since an earlier run" if self.unchanged else ""
        return line + (f"; {self.lost} without a verdict" if self.lost else "")


class Board(Protocol):
    """Where a person sees how far a run is."""

    def show(self, progress: RunProgress) -> None:
        """Show how far the run is; called at its start, again and again, and at its end.

        Args:
            progress: Of the run.
        """

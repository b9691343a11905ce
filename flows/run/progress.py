"""What the person at the console sees: a bar for each running video on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
from collections import Counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from flows.manifest.rows import VideoRow
from tasks.records import Verdict

MOST_LINES = 100
_COLOURS = {Verdict.PUBLISHED: "green", Verdict.REDACTED: "cyan", Verdict.WITHHELD: "yellow", Verdict.FAILED: "red"}


class PlainReporter:
    """One line per stage and per verdict."""

    def __init__(self, console: Console, count: int) -> None:
        self._console, self._count = console, count

    def stage(self, ordinal: int, public_id: str, name: str, done: int, total: int) -> None:
        """Print a line when the stage begins.

        Args:
            ordinal: Of the video.
            public_id: Of the video.
            name: Of the stage.
            done: Units that are done.
            total: Not used.
        """
        if done == 0:
            self._console.print(f"[{ordinal}/{self._count}] {public_id} {name}", markup=False, highlight=False)

    def finished(self, row: VideoRow, reused: bool) -> None:
        """Print the verdict.

        Args:
            row: Of the video.
            reused: Nothing had to be done.
        """
        self._console.print(verdict_line(row, self._count, reused), markup=False, highlight=False)

    def unchanged(self, count: int) -> None:
        """Print how many videos are unchanged, if any.

        Args:
            count: How many.
        """
        if count:
            self._console.print(f"{count} unchanged since an earlier run", highlight=False)


class RichReporter:
    """A live display; use as a context manager."""

    def __init__(self, console: Console, count: int) -> None:
        self._count = count
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._all = self._progress.add_task("all videos", total=count)
        self._bars: dict[int, TaskID] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> RichReporter:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def stage(self, ordinal: int, public_id: str, name: str, done: int, total: int) -> None:
        """Move the video's bar.

        Args:
            ordinal: Of the video.
            public_id: Of the video.
            name: Of the stage.
            done: Units that are done.
            total: Units of the stage, 0 when unknown.
        """
        with self._lock:
            if ordinal not in self._bars:
                self._bars[ordinal] = self._progress.add_task("", total=None)
            bar = self._bars[ordinal]
        label = f"[{ordinal}/{self._count}] {public_id} {name}".replace("[", r"\[")
        self._progress.update(bar, description=label, completed=done, total=total or None)

    def finished(self, row: VideoRow, reused: bool) -> None:
        """Remove the video's bar and print its verdict above the display.

        Args:
            row: Of the video.
            reused: Nothing had to be done.
        """
        with self._lock:
            bar = self._bars.pop(row.ordinal, None)
        if bar is not None:
            self._progress.remove_task(bar)
        self._progress.advance(self._all)
        self._progress.console.print(verdict_line(row, self._count, reused), markup=False, highlight=False)

    def unchanged(self, count: int) -> None:
        """Advance the whole, and print above the display how many videos are unchanged.

        Args:
            count: How many.
        """
        self._progress.advance(self._all, count)
        if count:
            self._progress.console.print(f"{count} unchanged since an earlier run", highlight=False)


def verdict_line(row: VideoRow, count: int, reused: bool) -> str:
    """Write one line about one input.

    Args:
        row: Of the input.
        count: All inputs.
        reused: Nothing had to be done.

    Returns:
        The line.
    """
    why = f" ({row.reason})" if row.reason else ""
    note = " unchanged since an earlier run" if reused else ""
    text = f" {row.message}" if row.message and not reused else ""
    return f"[{row.ordinal}/{count}] {row.public_id} {row.verdict.value}{why}{note}{text}"


def summary(rows: list[VideoRow]) -> Table:
    """Make the table at the end of a run: of many rows those that need a look, and how many of each verdict there are.

    Its column `worst` is the smallest audited distance to the source, `time` is seconds.

    Args:
        rows: All rows of the run.

    Returns:
        The table.
    """
    count = Counter(row.verdict.value for row in rows)
    table = Table(title="verdicts", caption=", ".join(f"{count[verdict]} {verdict}" for verdict in Verdict))
    if len(rows) > MOST_LINES:
        rows = [row for row in rows if row.verdict is not Verdict.PUBLISHED][:MOST_LINES]
    for name in ("#", "public id", "verdict", "reason", "frames", "people", "worst", "time"):
        table.add_column(name, no_wrap=name != "reason", overflow="fold")
    for row in sorted(rows, key=lambda r: r.place):
        table.add_row(
            str(row.ordinal),
            row.public_id,
            f"[{_COLOURS[row.verdict]}]{row.verdict.value}[/]",
            row.reason,
            str(row.frames),
            str(row.identities),
            "" if row.worst_distance is None else f"{row.worst_distance:.3f}",
            f"{sum(row.stage_seconds.values()):.1f}",
        )
    return table

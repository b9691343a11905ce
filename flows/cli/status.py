"""The state of every dataset: what runs, waits and is planned, and the counts of its last run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.errors import ServerUnavailable
from infra.settings import Settings

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

    from infra.storage.store import Store

_VERDICTS = ("published", "redacted", "withheld", "failed")


def status(name: Annotated[str, typer.Argument(metavar="[DATASET]", help="Only this one.")] = "") -> None:
    """Show every dataset: what runs, waits or is planned, and the inputs and verdicts of its last run."""
    from flows.dataset import definition
    from infra.storage.store import Store

    store: Store = Store(Settings().cache_url)
    console, table = Console(highlight=False), Table(title="datasets")
    for column in ("dataset", "now", "next run", "last run", "inputs", "verdicts"):
        table.add_column(column, overflow="fold")
    trouble = ""
    for known in [name] if name else definition.names(store):
        definition.load(store, known)
        try:
            runs = _runs(known)
        except ServerUnavailable as error:
            runs, trouble = [], str(error)
        table.add_row(known, *_row(store, known, runs))
    console.print(table)
    if trouble:
        console.print(f"What waits or is planned is not known. {trouble}", soft_wrap=True)


def _row(store: Store, name: str, runs: list[FlowRun]) -> list[str]:
    from flows.dataset.store_layout import last_run
    from flows.dataset.under_way import alive_lately, progress_of

    record = last_run(store, name)
    inputs, verdicts = (str(record.inputs), record.verdicts) if record else ("", {})
    now = []
    if alive_lately(store, name, "convert"):
        total, todo, done, of_run = progress_of(store, name)
        now.append(f"running, {done} of {todo} videos so far" if total else "running")
        inputs, verdicts = (str(total), of_run) if total else (inputs, verdicts)
    if alive_lately(store, name, "evaluate"):
        now.append("being evaluated")
    if alive_lately(store, name, "recheck"):
        now.append("being rechecked")
    waiting = [run for run in runs if run.state_type and run.state_type.value in ("SCHEDULED", "PENDING")]
    planned = [run for run in waiting if run.auto_scheduled and run.state_name == "Scheduled"]
    queued = {run.name.partition(" · ")[0] for run in waiting if run not in planned}
    now += [f"{verb} queued" for verb in sorted(queued)]
    paused = {run.name.partition(" · ")[0] for run in runs if run.state_type and run.state_type.value == "PAUSED"}
    now += [f"{verb} paused" for verb in sorted(paused)]
    times = sorted(run.expected_start_time for run in planned if run.expected_start_time)
    last = ""
    if record:
        last = record.finished_at[:16].replace("T", " ") + ", cancelled" * record.cancelled
        last += f", {record.lost} without a verdict" if record.lost else ""
    counts = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in _VERDICTS if verdicts.get(verdict))
    return [", ".join(now), f"{times[0]:%Y-%m-%d %H:%M}" if times else "", last or "never", inputs, counts]


def _runs(name: str) -> list[FlowRun]:
    if not os.environ.get("PREFECT_API_URL"):
        return []
    from flows.prefect.server import runs

    return runs.known(name)

"""The command `recheck`. Importing this loads no runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from flows.cli.options import CacheUrl, Destination
from infra.settings import Settings

if TYPE_CHECKING:
    from flows.recheck.recheck import Outcome


def recheck(
    destination: Destination,
    source: Annotated[
        str, typer.Option(metavar="SOURCE", help="Also hold each result against its source: a folder, file or table.")
    ] = "",
    pull: Annotated[bool, typer.Option("--pull", help="Move what fails into the store, withheld.")] = False,
    threads: Annotated[int, typer.Option(help="Threads for one file.")] = 2,
    cache: CacheUrl = "",
) -> None:
    """Audit what is published again, with the audit of this version; exit code 1 when something fails."""
    from flows.recheck.recheck import Request
    from flows.recheck.recheck import recheck as run
    from flows.run import sources

    sources.check(destination, "DESTINATION")
    if source:
        sources.check(source, "--source")
    console = Console(soft_wrap=True, highlight=False)

    def told(outcome: Outcome, fresh: bool) -> None:
        said = ", ".join(outcome.reasons) or ("passed" if fresh else "passed before")
        console.print(f"{outcome.public_id} {said}{' (pulled)' if outcome.pulled else ''}", markup=False)

    done = run(Request(destination, source, pull), Settings(threads=threads, cache_url=cache), told)
    console.print(done.said)
    if done.failing:
        raise typer.Exit(1)

"""The command `explain`. Importing this loads no runtime."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from flows.cli.options import Destination


def explain(
    public_id: Annotated[str, typer.Argument(metavar="PUBLIC_ID", help="Of the video, as the manifest names it.")],
    destination: Destination,
) -> None:
    """Say in words what became of a video: why, what was tried, and what to do."""
    from flows.manifest.explanation import explain as told
    from flows.manifest.manifest import Manifest
    from flows.run import sources
    from infra.storage.store import Store

    sources.check(destination, "DESTINATION")
    console = Console(soft_wrap=True, highlight=False)
    for line in told(public_id, Manifest(Store(destination, private=False), tables=False).rows()):
        console.print(line, markup=False)

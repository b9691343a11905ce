"""Commands about the networks' weight files. Importing this loads no runtime."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from flows.cli.options import Profile

models_app = typer.Typer(no_args_is_help=True, help="The networks' weight files.")


@models_app.command("list")
def models_list(
    where: Annotated[bool, typer.Option("--where", help="Also where each file comes from, and its hash.")] = False,
) -> None:
    """Show every weight file: what for, licence, present or not."""
    from models.weights import weight_files

    table = Table(title="weights")
    for name in ("name", "capability", *(("from", "sha256") if where else ()), "MB", "licence", "commercial", "state"):
        table.add_column(name, overflow="fold")
    for row in weight_files.status():
        weight = row.weight
        origin = (weight.source, row.sha256[:12] or "recorded at first pull") if where else ()
        size = f"{row.size / 1e6:.1f}" if row.size else "?"
        table.add_row(weight.name, weight.capability, *origin, size, weight.licence, weight.commercial, row.state)
    Console().print(table)


@models_app.command("pull")
def models_pull(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these files.")] = None,
    profile: Profile = "embedded",
    mirror: Annotated[
        str,
        typer.Option(metavar="URL", help="A mirror of the hub (gets HF_TOKEN); other files at URL/<host>/<path>."),
    ] = "",
    offline: Annotated[bool, typer.Option("--offline", help="Fetch nothing; say what is missing.")] = False,
) -> None:
    """Fetch the weight files of a profile, or the named ones, that are missing or damaged."""
    from models.selection import profiles
    from models.weights import weight_files

    console = Console()
    wanted = weight_files.with_needs(names or profiles.weights_of(profile))

    def report(what: str, done: int, total: int) -> None:
        share = f" ({done / 1e6:.0f} of {total / 1e6:.0f} MB)" if total else ""
        console.print(f"{what}{share}", markup=False, highlight=False)

    written = weight_files.pull(wanted, progress=report, mirror=mirror, offline=offline)
    place = weight_files.folder()
    console.print(f"{len(written)} files written, {len(wanted) - len(written)} were in place in {place}.")


@models_app.command("verify")
def models_verify(
    profile: Annotated[str, typer.Option(help="Only this profile's files, all of which must be there.")] = "",
) -> None:
    """Hash every weight file again; exit code 1 when one is not what it must be, or missing.

    Without --profile only those files must be there that the embedded profile needs.
    """
    from models.selection import profiles
    from models.weights import weight_files

    if profile:
        states = weight_files.verify(weight_files.with_needs(profiles.weights_of(profile)))
    else:
        needed = weight_files.with_needs(profiles.weights_of("embedded"))
        states = weight_files.verify(optional={row.weight.name for row in weight_files.status()}.difference(needed))
    for name, state in states.items():
        typer.echo(f"{name}: {state}")
    if any(state not in ("ok", "not installed") for state in states.values()):
        raise typer.Exit(1)

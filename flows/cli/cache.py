"""`anonflow cache`: what lies in the intermediate store, and making room in it."""

from __future__ import annotations

import datetime
import re
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from flows.cli.options import CacheUrl
from infra.errors import UsageError

cache_app = typer.Typer(no_args_is_help=True, help="The store of intermediate objects.")

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}

DryRun = Annotated[bool, typer.Option("--dry-run", help="Remove nothing; say what would be removed.")]


@cache_app.command("ls")
def cache_ls(
    prefix: Annotated[str, typer.Option(metavar="identifying|safe", help="Only this half.")] = "",
    cache: CacheUrl = "",
) -> None:
    """List the owners of objects: videos and galleries by their keyed ids."""
    from infra.storage.inventory import groups, store_time
    from infra.storage.store import Prefix, Store

    if prefix and prefix not in tuple(Prefix):
        raise UsageError("The prefix must be identifying or safe.")
    store = Store(_address(cache))
    found = groups(store, Prefix(prefix) if prefix else None)
    now = store_time(store)
    table = _table("prefix", "owner", "objects", "MB", "last change")
    for group in found:
        age = _age(now - group.changed)
        table.add_row(group.prefix, group.owner, str(group.amount.count), _mb(group.amount.size), age)
    console = _console()
    console.print(table)
    console.print(f"{len(found)} owners, {_mb(sum(group.amount.size for group in found))} MB")


@cache_app.command("stats")
def cache_stats(cache: CacheUrl = "") -> None:
    """Count objects by prefix and entries by stage, and what is damaged or was never finished."""
    from infra.storage.inventory import stats
    from infra.storage.store import Store

    found = stats(Store(_address(cache)))
    table = _table("prefix", "stage", "count", "MB")
    for prefix, amount in found.prefixes.items():
        table.add_row(prefix, "all objects", str(amount.count), _mb(amount.size))
        for (half, stage), entries in sorted(found.stages.items()):
            if half == prefix:
                table.add_row("", stage, str(entries.count), _mb(entries.size))
    console = _console()
    console.print(table)
    console.print(f"damaged entries: {found.damaged} (made again when they are needed)")
    console.print(f"objects of no entry: {found.orphans.count}, {_mb(found.orphans.size)} MB")
    console.print(f"unfinished writes: {found.unfinished}")


@cache_app.command("prune")
def cache_prune(
    older_than: Annotated[
        str, typer.Option(metavar="AGE", help="Owners of which nothing was written for so long, as in 12h, 7d, 2w.")
    ] = "",
    max_size: Annotated[
        str, typer.Option(metavar="SIZE", help="More, the oldest first, until so much is left, as in 50GB.")
    ] = "",
    identifying_only: Annotated[
        bool, typer.Option("--identifying-only", help="Neither touch nor count what is safe to keep.")
    ] = False,
    dry_run: DryRun = False,
    cache: CacheUrl = "",
) -> None:
    """Remove results that can be made again; what a running video uses is left alone."""
    age = duration(older_than) if older_than else None
    size = byte_count(max_size) if max_size else None
    if age is None and size is None:
        raise UsageError("Say what to prune: --older-than, --max-size, or both.")
    from infra.storage.store import Store
    from infra.storage.upkeep import prune

    done = prune(Store(_address(cache)), age, identifying_only, size, dry_run)
    console = _console()
    for group in done.groups:
        console.print(f"{group.path}: {group.amount.count} objects, {_mb(group.amount.size)} MB")
    said = "would be removed" if dry_run else "removed"
    console.print(f"{len(done.groups)} owners, {_mb(done.size)} MB {said}; unfinished writes {said}: {done.unfinished}")
    if done.in_use:
        console.print(f"{done.in_use} owners are in use and were left alone.")


def duration(text: str) -> datetime.timedelta:
    """Read a time span such as 90s, 30m, 12h, 7d or 2w.

    Args:
        text: As it was typed.

    Returns:
        The time span.

    Raises:
        UsageError: For anything else.
    """
    match = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([smhdw])", text.strip().lower())
    if not match:
        raise UsageError("An age is a number and a unit: s, m, h, d or w, as in 7d.")
    return datetime.timedelta(seconds=float(match[1]) * _SECONDS[match[2]])


def byte_count(text: str) -> int:
    """Read a number of bytes such as 500MB, 50GB or 2TiB; units are powers of 1000, with an i of 1024.

    Args:
        text: As it was typed.

    Returns:
        The number of bytes.

    Raises:
        UsageError: For anything else.
    """
    match = re.fullmatch(r"(\d{1,15}(?:\.\d+)?)\s*([KMGT]I?)?B?", text.strip().upper())
    if not match:
        raise UsageError("A size is a number and a unit, as in 500MB, 50GB or 2TiB.")
    return int(float(match[1]) * _BYTES[match[2] or ""])


def _address(cache: str) -> str:
    from infra.settings import default_cache_url

    return cache or default_cache_url()


def _console() -> Console:
    # Ids must neither be wrapped nor cut, nor coloured as if they meant something.
    return Console(soft_wrap=True, highlight=False, markup=False)


def _table(*columns: str) -> Table:
    table = Table(box=None)
    for name in columns:
        table.add_column(name, overflow="fold", justify="right" if name in ("objects", "count", "MB") else "left")
    return table


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f}"


def _age(age: datetime.timedelta) -> str:
    seconds = max(0.0, age.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds >= _SECONDS[unit]:
            return f"{seconds / _SECONDS[unit]:.0f}{unit} ago"
    return f"{seconds:.0f}s ago"

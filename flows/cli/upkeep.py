"""Commands before and after runs: what a dataset will take, and removing what is known about it."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from flows.cli.datasets import Name
from flows.cli.options import Profile, Source
from infra.settings import Settings


def plan(
    source: Source,
    destination: Annotated[str, typer.Argument(metavar="[DESTINATION]", help="Count what is done there.")] = "",
    profile: Profile = "embedded",
    workers: Annotated[int, typer.Option(min=1, help="Workers that would share the work.")] = 1,
    price: Annotated[float | None, typer.Option(help="Price of an hour of one worker.")] = None,
) -> None:
    """Say what a conversion would take, without converting anything: videos, time, storage, cost."""
    from collections import Counter

    from flows.dataset.durations import lengths
    from flows.dataset.estimate import duration_text, estimate
    from flows.manifest.manifest import Manifest
    from flows.run import sources
    from flows.run.fingerprint import fingerprint
    from infra.privacy import key_path, load_key
    from infra.storage.store import Store

    settings = Settings(profile=profile)
    sources.check(source, "SOURCE")
    jobs = sources.find(source, sources.VIDEO_SUFFIXES, destination or None)
    rows, left = [], jobs
    if destination:
        manifest, key = (
            Manifest(Store(destination, private=False), tables=False),
            load_key(key_path(settings.cache_url)),
        )
        rows, done = manifest.rows(), manifest.current_results(fingerprint(settings))
        left = [job for job in jobs if (job.input_id(key), job.stamp_id(key)) not in done]
    others = Counter(sources.unsupported(source, sources.VIDEO_SUFFIXES, destination or None))
    with Console().status("reading headers"):
        found = lengths(left)
    made = estimate(left, found, len(jobs) - len(left), others, rows, profile, workers, price)
    shards = f"{made.shards} shard{'s' * (made.shards != 1)}"
    if 0 < made.useful < workers:
        enough = "1 worker does" if made.useful == 1 else f"{made.useful} workers do"
        shards += f": more than {enough} not help"
    table = Table(title="plan", show_header=False)
    lines = {
        "videos to convert": str(made.clips),
        "unchanged": str(made.unchanged),
        "length of the videos": duration_text(made.video_s),
        "people": "not known yet" if made.identities is None else f"{made.identities} in what is done",
        "work of one worker": f"{duration_text(made.work_s)} (by {made.basis})",
        "time until done": f"{duration_text(made.wall_s)} with {workers} worker{'s' * (workers > 1)}",
        "shards": shards,
        "source": f"{made.source_bytes / 1e9:.2f} GB",
        "results": f"about {made.result_bytes / 1e9:.2f} GB",
        "without readable headers": str(made.unreadable),
        "other files": ", ".join(f"{n} {suffix}" for suffix, n in sorted(made.unsupported.items())) or "none",
    }
    if made.cost is not None:
        lines["cost"] = f"{made.cost:.2f}"
    for label, value in lines.items():
        table.add_row(label, value)
    Console().print(table)


def purge(
    name: Name,
    prove: Annotated[bool, typer.Option("--prove", help="List what is left; exit code 1 when there is any.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
) -> None:
    """Remove for good all that the store and Prefect know about a dataset. What was published stays.

    On a terminal it asks first. With --prove it also looks for what is left of a dataset that was purged before.
    """
    from flows.dataset import definition, purge
    from infra.privacy import key_path, load_key
    from infra.storage.store import Store
    from infra.storage.upkeep import leftovers
    from infra.storage.upkeep import purge as erase

    console, url = Console(soft_wrap=True, highlight=False), Settings().cache_url
    store: Store = Store(url)
    there = name in definition.names(store)
    if not there and not prove:
        definition.load(store, name)
    purge.refuse_while_running(store, name)
    if there and not yes and sys.stdin.isatty():
        typer.confirm(
            f"All that is known about the people of {name} goes: who has which twin, what networks saw, the report, "
            "the definition, its runs and schedules in Prefect. Results stay. Go on?",
            abort=True,
        )
        # A schedule may have begun a run meanwhile.
        purge.refuse_while_running(store, name)
    server = bool(os.environ.get("PREFECT_API_URL"))
    if not server:
        console.print("PREFECT_API_URL is not set: nothing was looked for at a Prefect server")
    if there:
        erase(store, purge.followed_up(name))
        if server:
            from flows.prefect.server import purge as server_purge

            console.print(f"{server_purge.forget(name)} flow runs deleted, with the deployment and its schedules")
            purge.refuse_while_running(store, name)
        doomed = purge.prefixes_of(store, name, load_key(key_path(url)))
        before = len(leftovers(store, doomed).objects)
        left = erase(store, doomed)
        console.print(f"{before - len(left.objects)} objects removed from the store")
    else:
        console.print(f"There is no dataset {name} in the store.")
        doomed = purge.known_by_name(name)
        left = leftovers(store, doomed)
    known = _left_at_server(name) if server else []
    for what in known:
        console.print(f"left at the Prefect server: {what}", markup=False)
    if prove:
        left = leftovers(store, doomed)
        for path in left.objects:
            console.print(f"left: {path}", markup=False)
        for path, number in (*left.versions, *left.uploads):
            console.print(f"left: {path} {number}", markup=False)
        console.print("nothing is left" if left.none and not known else "something is left, see above")
    if not left.none or known:
        raise typer.Exit(1)


def _left_at_server(name: str) -> list[str]:
    from flows.prefect.server import purge

    return purge.left(name)

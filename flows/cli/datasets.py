"""Commands for runs of a whole dataset with workers; importing this loads neither Prefect nor a network runtime."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from flows.cli.options import Fid, People, Person, TimeLimit, recipe_options
from infra.errors import UsageError
from infra.settings import Settings

if TYPE_CHECKING:
    from flows.dataset.definition import Dataset

Name = Annotated[str, typer.Argument(metavar="DATASET", help="Name of a dataset; it is shown in Prefect.")]


@recipe_options()
def deploy(
    name: Annotated[str, typer.Argument(metavar="[DATASET]", help="Also define a dataset of this name.")] = "",
    source: Annotated[str, typer.Argument(metavar="[SOURCE]", help="Its videos: a folder or a table.")] = "",
    destination: Annotated[str, typer.Argument(metavar="[DESTINATION]", help="Where its results go.")] = "",
    time_limit: TimeLimit = 300.0,
    schedule: Annotated[
        str | None, typer.Option(help="Cron expression in UTC; an empty one ends it. See also `anonflow schedule`.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Give a name that is known another SOURCE or DESTINATION.")
    ] = False,
    person: Person = "",
    people: People = "",
    pool: Annotated[str, typer.Option(help="Work pool whose workers convert shards.")] = "anonflow",
    shards_at_a_time: Annotated[int | None, typer.Option(help="Over all workers of the pool anonflow.")] = None,
    *,
    chosen: dict[str, Any],
) -> None:
    """Register work pool and deployments at the Prefect server; define a dataset, and when it runs by itself.

    Who is who (--person or --people) is for evaluations only; what is said last holds.
    """
    _need_server()
    from flows.dataset import definition
    from flows.prefect.server import registration, schedules
    from infra.storage.store import Store

    console = Console(highlight=False)
    if schedule is not None and not name:
        raise UsageError("A schedule belongs to a dataset; name one.")
    # All that can be wrong is found out before anything is stored or registered.
    if schedule:
        schedules.cron_schedule(schedule)
    if name:
        defined = _defined(name, source, destination, Settings(**chosen, time_limit=time_limit), person, people)
        store: Store = Store(Settings().cache_url)
        if not replace:
            definition.refuse_another(store, defined)
    registration.check(pool, name)
    if name:
        definition.save(store, defined)
        console.print(f"dataset {name} is defined")
    for full_name in registration.register(pool, shards_at_a_time):
        console.print(f"registered {full_name}")
    schedules.move_all_shared()
    if name:
        registration.register_dataset(name, definition.described(defined))
        console.print(f"registered convert-dataset/{name}")
        if schedule is not None:
            schedules.schedule(name, schedule)
        times = ", ".join(schedules.schedules_of(name).schedules)
        console.print(f"{name}: {f'runs at {times}' if times else 'runs when triggered'}", markup=False)


def _defined(name: str, source: str, destination: str, settings: Settings, person: str, people: str) -> Dataset:
    """A definition that a run can work with."""
    from flows.dataset import definition
    from flows.evaluation import who
    from flows.recipes.catalogue import named
    from flows.run import sources
    from models.selection import profiles

    if not source or not destination:
        raise UsageError("A dataset needs a name, a SOURCE and a DESTINATION.")
    profiles.roles(settings)
    named(settings.recipe, "video")
    who.who_is_who(person, people)
    who.groups((), people)
    here, there, table = (
        value if not value or "://" in value else str(Path(value).absolute()) for value in (source, destination, people)
    )
    sources.check(here, "SOURCE")
    return definition.define(name, here, there, settings, person, table)


@recipe_options(only_given=True)
def trigger(
    name: Name,
    watch: Annotated[bool, typer.Option("--watch", help="Wait for the end; exit code 1 when it fails.")] = False,
    shard_seconds: Annotated[float | None, typer.Option(help="Seconds of video that a worker takes at a time.")] = None,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Convert nothing: attack what is converted, and make a report.")
    ] = False,
    fid: Fid = False,
    recheck: Annotated[
        bool, typer.Option("--recheck", help="Convert nothing: audit again what is published, against its source too.")
    ] = False,
    pull: Annotated[bool, typer.Option("--pull", help="With --recheck: move what fails into the store.")] = False,
    *,
    chosen: dict[str, Any],
) -> None:
    """Convert what is new or unfinished in a dataset, by whatever workers there are.

    What is said here about the conversion holds for this run, instead of what the definition says.
    """
    if evaluate and recheck:
        raise UsageError("Choose one of --evaluate and --recheck.")
    if fid and not evaluate:
        raise UsageError("--fid belongs to --evaluate.")
    if pull and not recheck:
        raise UsageError("--pull belongs to --recheck.")
    if chosen and (evaluate or recheck):
        raise UsageError("Options of the recipe belong to a conversion, not to --evaluate or --recheck.")
    if evaluate:
        _start(name, watch, "evaluate", fid=fid or None)
        return
    if recheck:
        _start(name, watch, "recheck", pull=pull or None)
        return
    from flows.recipes.catalogue import named
    from models.selection import profiles

    settings = Settings(**chosen)
    named(settings.recipe, "video")
    profiles.roles(settings)
    profile, policy = chosen.pop("profile", None), chosen.pop("on_failure", None)
    changes = json.loads(json.dumps(settings.parameters(*chosen)))
    _start(
        name,
        watch,
        profile=profile or None,
        policy=policy and policy.value,
        shard_seconds=shard_seconds,
        changes=changes or None,
    )


def retry_failed(
    name: Name,
    watch: Annotated[bool, typer.Option("--watch", help="Wait for the end; exit code 1 when it fails.")] = False,
) -> None:
    """Convert once more what failed, also what was given up after crashes or for taking too long."""
    _start(name, watch, only_failed=True)


def _start(name: str, watch: bool, verb: str = "convert", **parameters: Any) -> None:
    _need_server()
    from prefect.exceptions import ObjectNotFound

    from flows.cli.watch import watch_to_the_end
    from flows.dataset import definition
    from flows.prefect.server import connection, runs
    from infra.storage.store import Store

    console = Console(highlight=False)
    definition.load(Store(Settings().cache_url), name)
    given = {key: value for key, value in parameters.items() if value is not None}
    try:
        flow_run = runs.trigger(name, verb, **given)
    except ObjectNotFound:
        raise UsageError("The deployments are not registered; run `anonflow deploy`.") from None
    console.print(f"queued as flow run {flow_run} {connection.page('flow-run', flow_run)}".rstrip(), soft_wrap=True)
    if watch and not watch_to_the_end(console, name, flow_run):
        raise typer.Exit(1)


def schedule(
    name: Name,
    cron: Annotated[str, typer.Option(metavar="CRON", help="Run at these times: '0 22 * * *' is daily at ten.")] = "",
    timezone: Annotated[str, typer.Option(help="Of the times of --cron.")] = "UTC",
    pause: Annotated[bool, typer.Option("--pause", help="Make no runs until --resume.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Make runs again.")] = False,
    none: Annotated[bool, typer.Option("--none", help="Take all schedules of the dataset away.")] = False,
) -> None:
    """Say when a dataset is converted by itself; without options, show it. Other datasets keep their schedules."""
    if sum((bool(cron), pause, resume, none)) > 1:
        raise UsageError("Choose one of --cron, --pause, --resume and --none.")
    _need_server()
    from flows.dataset import definition
    from flows.prefect.server import schedules
    from infra.storage.store import Store

    definition.load(Store(Settings().cache_url), name)
    if cron or none:
        schedules.schedule(name, cron, timezone)
    if pause or resume:
        schedules.pause(name, pause)
    known, console = schedules.schedules_of(name), Console(highlight=False)
    said = f"runs at {', '.join(known.schedules)}" if known.schedules else "runs when triggered"
    console.print(f"{name}: {said}{', but is paused' * known.paused}", markup=False)
    for time in known.upcoming:
        console.print(f"next: {time:%Y-%m-%d %H:%M} UTC")


def stop(name: Name) -> None:
    """Cancel what runs or waits of a dataset; what is done stays, and the next run goes on from there.

    Runs end after the step that they are at. What a schedule has planned for later stays; see `anonflow schedule`.
    """
    _need_server()
    from flows.cli.watch import wait_for_the_end
    from flows.dataset import definition
    from infra.storage.store import Store

    store: Store = Store(Settings().cache_url)
    definition.load(store, name)
    wait_for_the_end(Console(highlight=False), store, name)


def worker(
    shards: Annotated[bool, typer.Option(help="Convert shards.")] = True,
    datasets: Annotated[bool, typer.Option(help="Coordinate runs of datasets.")] = True,
    videos: Annotated[int, typer.Option(help="Videos at a time.")] = 1,
    threads: Annotated[int, typer.Option(help="Threads for decoding and encoding one video.")] = 2,
    name: Annotated[str, typer.Option(help="Shown in Prefect; by default machine and process.")] = "",
    unsupervised: Annotated[
        bool, typer.Option("--unsupervised", help="Do not start the process anew when it ends.", hidden=True)
    ] = False,
) -> None:
    """Work for the Prefect server until told to stop: one shard at a time, with networks that stay loaded.

    Converting and coordinating are processes of their own, which are started anew when they end.
    """
    import contextlib
    import logging

    _need_server()
    os.environ["ANONFLOW_VIDEOS"], os.environ["ANONFLOW_THREADS"] = str(videos), str(threads)
    from flows.prefect import supervisor

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # Verdicts, by public id, belong in the log of a process that runs for weeks.
    logging.getLogger("anonflow").setLevel(logging.INFO)
    chosen = name or f"{os.uname().nodename.partition('.')[0]}-{os.getpid()}"
    if not unsupervised:
        # A video that kills the process that converts it must not take the coordinators along.
        rest = ["--videos", str(videos), "--threads", str(threads), "--name", chosen]
        kinds = [["--shards", "--no-datasets"]] * shards + [["--no-shards", "--datasets"]] * datasets
        raise typer.Exit(supervisor.supervise([supervisor.worker_command([*kind, *rest]) for kind in kinds]))
    from flows.prefect.preparation import prepare
    from infra.process.machine_lock import only_one
    from infra.storage.store import Store

    prepare()
    store: Store = Store(Settings().cache_url)
    store.check_exclusive()
    card = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    import anyio

    from flows.prefect.worker import serve

    with only_one(f"card {card}") if card and shards else contextlib.nullcontext():
        anyio.run(serve, chosen, shards, datasets, bool(os.environ.get(supervisor.SUPERVISED)))


def _need_server() -> None:
    if not os.environ.get("PREFECT_API_URL"):
        raise UsageError("Set PREFECT_API_URL to your Prefect server, for instance http://127.0.0.1:4200/api.")

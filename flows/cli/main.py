"""The command line. Importing it loads neither Prefect nor a network runtime nor OpenCV."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from flows.cli import datasets, evaluate, explain, recheck, recipes, status, upkeep
from flows.cli.cache import cache_app
from flows.cli.models import models_app
from flows.cli.options import (
    CacheUrl,
    Destination,
    Failure,
    Overwrite,
    Seed,
    Source,
    TimeLimit,
    networks,
    recipe_options,
)
from infra.errors import AnonflowError, UsageError
from infra.process.allocator import few_arenas
from infra.settings import OnFailure, Settings

if TYPE_CHECKING:
    from flows.evaluation.evaluate import Request
    from flows.recipes.clock import Reporter
    from flows.run.convert import Summary

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Turn talking-head videos into the same videos with nobody in them.",
)
app.add_typer(models_app, name="models")
app.add_typer(cache_app, name="cache")
app.add_typer(evaluate.review_app, name="review")
app.command(rich_help_panel="Proof")(evaluate.evaluate)
app.command(rich_help_panel="Proof")(evaluate.report)
app.command(rich_help_panel="Proof")(recheck.recheck)
app.command(rich_help_panel="Proof")(explain.explain)
app.command()(recipes.recipes)
_RUNS = (datasets.deploy, datasets.schedule, datasets.trigger, datasets.stop, status.status, datasets.retry_failed)
for _command in (*_RUNS, datasets.worker, upkeep.plan, upkeep.purge):
    app.command(rich_help_panel="Datasets, workers and stores")(_command)


Backends = tuple[tuple[str, str], ...]
Chosen = dict[str, Any]


@app.command()
@recipe_options()
def convert(
    source: Source,
    destination: Destination,
    workers: Annotated[int, typer.Option(help="Videos at a time.")] = 1,
    threads: Annotated[int, typer.Option(help="Threads for decoding and encoding one video.")] = 2,
    overwrite: Overwrite = False,
    no_orchestration: Annotated[bool, typer.Option("--no-orchestration", help="Run without Prefect.")] = False,
    keep_intermediates: Annotated[
        bool, typer.Option("--keep-intermediates", help="Keep identifying intermediate objects.")
    ] = False,
    cache: CacheUrl = "",
    time_limit: TimeLimit = 300.0,
    report: Annotated[
        Path | None, typer.Option(help="Folder: afterwards attack and measure the results, and write a report there.")
    ] = None,
    *,
    chosen: Chosen,
) -> None:
    """Convert videos: every face becomes a synthetic person."""
    settings = Settings(
        **chosen,
        workers=workers,
        threads=threads,
        keep_intermediates=keep_intermediates,
        overwrite=overwrite,
        time_limit=time_limit,
        cache_url=cache,
    )
    from flows.prefect.preparation import convert_in_flow
    from flows.run import sources
    from flows.run.convert import convert as convert_all

    sources.check(source, "SOURCE")
    jobs = sources.find(source, sources.VIDEO_SUFFIXES, destination)
    evaluation = _evaluation(source, destination, report, settings) if report is not None else None
    console = Console()
    with _reporter(console, len(jobs)) as reporter:
        through = None if no_orchestration else convert_in_flow
        summary = convert_all(jobs, destination, settings, reporter, through)
    if evaluation is not None and any(outcome.row.output for outcome in summary.outcomes):
        evaluate.conclude(*evaluation, no_orchestration)
    _conclude(console, summary)


@app.command()
@recipe_options()
def image(
    source: Source,
    destination: Destination,
    overwrite: Overwrite = False,
    cache: CacheUrl = "",
    time_limit: TimeLimit = 300.0,
    *,
    chosen: Chosen,
) -> None:
    """Convert pictures: every face becomes a synthetic person."""
    settings = Settings(**chosen, overwrite=overwrite, time_limit=time_limit, cache_url=cache)
    from flows.run import sources
    from flows.run.convert import convert_pictures
    from infra.media.pictures.still import PICTURE_SUFFIXES

    sources.check(source, "SOURCE")
    jobs = sources.find(source, PICTURE_SUFFIXES, destination)
    console = Console()
    with _reporter(console, len(jobs)) as reporter:
        summary = convert_pictures(jobs, destination, settings, reporter)
    _conclude(console, summary)


@app.command()
@networks("motion")
def demo(
    clip: Annotated[str, typer.Argument(metavar="[CLIP]", help="A video of your own; otherwise a demo clip.")] = "",
    destination: Annotated[str, typer.Option(help="Folder for the result and the comparison.")] = "out/demo",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    on_failure: Failure = OnFailure.WITHHOLD,
    *,
    backends: Backends,
) -> None:
    """Convert one clip and lay it beside its original."""

    from flows.cli.demo import demo_clip, lay_side_by_side
    from flows.run import sources
    from flows.run.convert import convert as convert_all
    from infra.process.scratch import scratch

    jobs = sources.find(clip or str(demo_clip()), sources.VIDEO_SUFFIXES, destination)[:1]
    settings = Settings(backends=backends, seed=seed, overwrite=overwrite, on_failure=on_failure, max_attempts=8)
    console = Console()
    with _reporter(console, len(jobs)) as reporter:
        summary = convert_all(jobs, destination, settings, reporter)
    row = summary.outcomes[0].row
    if row.output:
        with scratch() as folder:
            source = sources.fetch(jobs[0], folder)
            result = Path(destination) / row.output
            # Not below the destination, which only ever receives files that passed the audit.
            beside = Path(destination).with_name(Path(destination).name + "-compare")
            compare, contact = lay_side_by_side(source, result, beside, folder)
        for label, path in (("result", result), ("side by side", compare), ("contact sheet", contact)):
            console.print(f"{label}: {path}", markup=False, highlight=False, soft_wrap=True)
        console.print("The comparison shows the original face: do not pass it on.")
    _conclude(console, summary)


@contextlib.contextmanager
def _reporter(console: Console, count: int) -> Iterator[Reporter]:
    from flows.run.progress import PlainReporter, RichReporter

    if console.is_terminal:
        with RichReporter(console, count) as live:
            yield live
    else:
        yield PlainReporter(console, count)


def _evaluation(source: str, destination: str, report: Path, settings: Settings) -> tuple[Request, Settings]:
    """The evaluation of what is about to be converted, at every few frames; what it lacks is said before that."""
    from flows.evaluation.evaluate import EVERY, PROFILE, Request, check

    looking = Settings(
        profile=PROFILE,
        workers=settings.workers,
        threads=settings.threads,
        seed=settings.seed,
        cache_url=settings.cache_url,
    )
    request = Request(source, destination, report, every=EVERY)
    check(request, looking)
    return request, looking


def _conclude(console: Console, summary: Summary) -> None:
    from flows.run.progress import summary as table

    console.print(table([outcome.row for outcome in summary.outcomes]))
    if summary.untouched:
        console.print("Nothing to do: an earlier run with these settings has finished all inputs.")
    if summary.failed:
        raise typer.Exit(1)


def main() -> None:
    """Entry point. Exit codes: 0 all inputs have a deliberate verdict, 1 an input failed, 2 wrong use, 130 stopped."""
    from flows.run.cancelled import Cancelled

    few_arenas()
    try:
        app(standalone_mode=True)
    except UsageError as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    except AnonflowError as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except Cancelled:
        Console(stderr=True).print("stopped; the same command continues where it was.", highlight=False)
        sys.exit(130)


if __name__ == "__main__":
    main()

"""Commands that prove and decide: `evaluate`, `review apply`. Importing this loads no runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from flows.cli.datasets import Name
from flows.cli.options import CacheUrl, Fid, Others, People, Person, Seed
from infra.settings import Settings

if TYPE_CHECKING:
    from flows.evaluation.evaluate import Request
    from flows.evaluation.pairs import Pair

review_app = typer.Typer(no_args_is_help=True, help="Decisions that a person made in a report.")


def evaluate(
    originals: Annotated[str, typer.Argument(metavar="ORIGINALS", help="Videos or stills: a folder, file or table.")],
    anonymized: Annotated[str, typer.Argument(metavar="ANONYMIZED", help="What became of them, by us or by others.")],
    out: Annotated[Path, typer.Option(help="Folder of the report.")],
    person: Person = "",
    people: People = "",
    others: Others = "",
    every: Annotated[int, typer.Option(help="Look at every so many frames only.")] = 1,
    reviewer: Annotated[
        bool, typer.Option("--reviewer", help="Show the source's faces beside the result: for your eyes only.")
    ] = False,
    fid: Fid = False,
    title: Annotated[str, typer.Option(help="Of the report.")] = "Anonymity of a dataset",
    workers: Annotated[int, typer.Option(help="Files at a time.")] = 1,
    threads: Annotated[int, typer.Option(help="Threads for one file.")] = 2,
    seed: Seed = 0,
    no_orchestration: Annotated[bool, typer.Option("--no-orchestration", help="Run without Prefect.")] = False,
    cache: CacheUrl = "",
) -> None:
    """Attack anonymized files, measure what they are still good for, and write a report."""
    from flows.evaluation.evaluate import PROFILE, WITH_FID, Request
    from flows.run import sources

    for argument, address in (("ORIGINALS", originals), ("ANONYMIZED", anonymized), ("--others", others)):
        if address:
            sources.check(address, argument)
    settings = Settings(
        profile=WITH_FID if fid else PROFILE, workers=workers, threads=threads, seed=seed, cache_url=cache
    )
    request = Request(originals, anonymized, out, person, people, every, reviewer, title, others=others)
    conclude(request, settings, no_orchestration)


def conclude(request: Request, settings: Settings, no_orchestration: bool) -> None:
    """Evaluate, telling the person at the console how far it is and what came out.

    Args:
        request: What to evaluate.
        settings: Of the evaluation.
        no_orchestration: Run without Prefect.
    """
    from flows.evaluation.evaluate import evaluate as run
    from flows.prefect.preparation import prepare

    console = Console()

    def told(pair: Pair, trouble: str) -> None:
        console.print(f"{pair.name} {trouble or 'measured'}", markup=False, highlight=False)

    if no_orchestration:
        content = run(request, settings, told)
    else:
        prepare()
        from flows.prefect.evaluation import evaluate_in_flow

        content = evaluate_in_flow(request, settings, told)
    console.print(f"{content.outcome.value}: {content.verdict}", markup=False, highlight=False, soft_wrap=True)
    for line in content.headlines:
        console.print(f"  {line.title}: {line.number} {line.words}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"report: {request.out / 'index.html'}", markup=False, highlight=False, soft_wrap=True)


def report(
    name: Name,
    out: Annotated[Path, typer.Option(help="Folder of the report.")],
) -> None:
    """Fetch the report that `anonflow trigger DATASET --evaluate` left in the store."""
    from flows.evaluation import reports
    from infra.storage.store import Store

    reports.fetch(Store(Settings().cache_url), name, out)
    Console().print(f"report: {out / 'index.html'}", markup=False, highlight=False, soft_wrap=True)


@review_app.command("apply")
def apply(
    decisions: Annotated[Path, typer.Argument(metavar="REVIEW", help="The file that the report exported.")],
    report: Annotated[Path, typer.Argument(metavar="REPORT", help="Folder of the report that it is about.")],
    destination: Annotated[str, typer.Argument(metavar="DESTINATION", help="Where the anonymized files lie.")],
) -> None:
    """Remove rejected files, note accepted ones, and have the next run convert anew what is to be redone."""
    from flows.manifest.review import apply as carry_out
    from infra.storage.store import Store
    from tasks.evaluation.report.review import load

    review = load(decisions, report)
    done = carry_out(review, Store(destination, private=False))
    console = Console()
    for choice, count in done.counts.items():
        console.print(f"{choice.value}: {count}", highlight=False)
    for count, what in ((len(review.undecided), "files are undecided and stay as they are"),
                        (done.unknown, "files are not in the manifest and stay as they are")):  # fmt: skip
        if count:
            console.print(f"{count} {what}", highlight=False)

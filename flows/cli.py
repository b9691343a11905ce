"""The command line. Importing it loads neither Prefect nor a network runtime nor OpenCV."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.errors import AnonflowError, UsageError
from infra.settings import HardFrames, IdentityScope, MotionCrop, OnFailure, SceneBackend, Settings

if TYPE_CHECKING:
    from flows.convert import Summary
    from flows.progress import Reporter

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Turn talking-head videos into the same videos with nobody in them.",
)
models_app = typer.Typer(no_args_is_help=True, help="The networks' weight files.")
app.add_typer(models_app, name="models")

Source = Annotated[
    str, typer.Argument(metavar="SOURCE", help="A file, a folder, or a CSV/Parquet table with a uri column.")
]
Destination = Annotated[str, typer.Argument(metavar="DESTINATION", help="A folder or fsspec address for the results.")]
Profile = Annotated[str, typer.Option(help="Table of networks to use.")]
Seed = Annotated[int, typer.Option(help="Seed of every random choice.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Convert again what the manifest already lists.")]
Failure = Annotated[OnFailure, typer.Option(help="What to do with a face that cannot be replaced safely.")]
Scope = Annotated[IdentityScope, typer.Option(help="How far one person keeps one twin.")]
Motion = Annotated[
    str, typer.Option(metavar="mesh|liveportrait|lia", help="What moves the twin, instead of what the profile says.")
]
Crop = Annotated[MotionCrop, typer.Option(help="What LivePortrait's crops are fitted to.")]
Hard = Annotated[HardFrames, typer.Option(help="What to do where a motion network does not bear a frame.")]
CacheUrl = Annotated[str, typer.Option("--cache", help="Where intermediate objects live (fsspec address).")]


@app.command()
def convert(
    source: Source,
    destination: Destination,
    profile: Profile = "embedded",
    workers: Annotated[int, typer.Option(help="Videos at a time.")] = 1,
    threads: Annotated[int, typer.Option(help="Threads for decoding and encoding one video.")] = 2,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    identity_scope: Annotated[
        IdentityScope, typer.Option(help="How far one person keeps one twin.")
    ] = IdentityScope.VIDEO,
    on_failure: Failure = OnFailure.WITHHOLD,
    max_attempts: Annotated[int, typer.Option(help="Tries at a twin per person.")] = 5,
    scenes: Annotated[SceneBackend, typer.Option(help="What finds shot boundaries.")] = SceneBackend.PYSCENEDETECT,
    motion: Motion = "",
    motion_crop: Crop = MotionCrop.MESH,
    hard_frames: Hard = HardFrames.MESH,
    crf: Annotated[int, typer.Option(help="Quality of the result; smaller is better and larger.")] = 16,
    no_orchestration: Annotated[bool, typer.Option("--no-orchestration", help="Run without Prefect.")] = False,
    keep_intermediates: Annotated[
        bool, typer.Option("--keep-intermediates", help="Keep identifying intermediate objects.")
    ] = False,
    cache: CacheUrl = "",
) -> None:
    """Convert videos: every face becomes a synthetic person."""
    settings = Settings(
        profile=profile,
        motion=motion,
        motion_crop=motion_crop,
        hard_frames=hard_frames,
        seed=seed,
        identity_scope=identity_scope,
        on_failure=on_failure,
        max_attempts=max_attempts,
        workers=workers,
        threads=threads,
        crf=crf,
        scene_backend=scenes,
        keep_intermediates=keep_intermediates,
        overwrite=overwrite,
        cache_url=cache,
    )
    from flows import sources
    from flows.convert import convert as convert_all

    jobs = sources.find(source, sources.VIDEO_SUFFIXES, destination)
    console = Console()
    with _reporter(console, len(jobs)) as reporter:
        summary = convert_all(jobs, destination, settings, reporter, orchestrate=not no_orchestration)
    _conclude(console, summary)


@app.command()
def image(
    source: Source,
    destination: Destination,
    profile: Profile = "embedded",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    on_failure: Failure = OnFailure.WITHHOLD,
    motion: Motion = "",
    motion_crop: Crop = MotionCrop.MESH,
    hard_frames: Hard = HardFrames.MESH,
    cache: CacheUrl = "",
) -> None:
    """Convert pictures: every face becomes a synthetic person."""
    settings = Settings(
        profile=profile,
        seed=seed,
        on_failure=on_failure,
        motion=motion,
        motion_crop=motion_crop,
        hard_frames=hard_frames,
        overwrite=overwrite,
        cache_url=cache,
    )
    from flows import sources
    from flows.convert import convert_pictures
    from infra.media.still import PICTURE_SUFFIXES

    jobs = sources.find(source, PICTURE_SUFFIXES, destination)
    console = Console()
    with _reporter(console, len(jobs)) as reporter:
        summary = convert_pictures(jobs, destination, settings, reporter)
    _conclude(console, summary)


@app.command()
def demo(
    clip: Annotated[str, typer.Argument(metavar="[CLIP]", help="A video of your own; otherwise a demo clip.")] = "",
    destination: Annotated[str, typer.Option(help="Folder for the result and the comparison.")] = "out/demo",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    on_failure: Failure = OnFailure.WITHHOLD,
    motion: Motion = "",
) -> None:
    """Convert one clip and lay it beside its original."""
    from pathlib import Path

    from flows import sources
    from flows.convert import convert as convert_all
    from flows.demo import demo_clip, lay_side_by_side
    from infra.scratch import scratch

    jobs = sources.find(clip or str(demo_clip()), sources.VIDEO_SUFFIXES, destination)[:1]
    settings = Settings(seed=seed, overwrite=overwrite, on_failure=on_failure, motion=motion, max_attempts=8)
    console = Console()
    with _reporter(console, len(jobs)) as reporter:
        summary = convert_all(jobs, destination, settings, reporter, orchestrate=False)
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


@models_app.command("list")
def models_list() -> None:
    """Show every weight file: what for, where from, licence, present or not."""
    from models import weights

    table = Table(title="weights")
    for name in ("name", "capability", "from", "sha256", "MB", "licence", "commercial use", "state"):
        table.add_column(name, overflow="fold")
    for row in weights.status():
        weight = row.weight
        table.add_row(
            weight.name,
            weight.capability,
            weight.source,
            weight.sha256[:12],
            f"{weight.size / 1e6:.1f}",
            weight.licence,
            weight.commercial,
            row.state,
        )
    Console().print(table)


@models_app.command("pull")
def models_pull(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these files.")] = None,
    profile: Profile = "embedded",
) -> None:
    """Fetch the weight files of a profile, or the named ones, that are missing or damaged."""
    from models import profiles, weights

    console = Console()
    wanted = tuple(names or profiles.weights_of(profile))

    def report(what: str, done: int, total: int) -> None:
        share = f" ({done / 1e6:.0f} of {total / 1e6:.0f} MB)" if total else ""
        console.print(f"{what}{share}", markup=False, highlight=False)

    written = weights.pull(wanted, progress=report)
    kept = max(len(wanted) - len(written), 0)
    console.print(f"{len(written)} files written, {kept} were in place in {weights.folder()}.")


@models_app.command("verify")
def models_verify() -> None:
    """Hash every weight file again; exit code 1 when one is damaged, or missing where a pull fetches it."""
    from models import weights

    states = weights.verify()
    for name, state in states.items():
        typer.echo(f"{name}: {state}")
    if any(state not in ("ok", "not installed") for state in states.values()):
        raise typer.Exit(1)


@contextlib.contextmanager
def _reporter(console: Console, count: int) -> Iterator[Reporter]:
    from flows.progress import PlainReporter, RichReporter

    if console.is_terminal:
        with RichReporter(console, count) as live:
            yield live
    else:
        yield PlainReporter(console, count)


def _conclude(console: Console, summary: Summary) -> None:
    from flows.progress import summary as table

    console.print(table([outcome.row for outcome in summary.outcomes]))
    if summary.untouched:
        console.print("Nothing to do: an earlier run with these settings has finished all inputs.")
    if summary.failed:
        raise typer.Exit(1)


def main() -> None:
    """Entry point. Exit codes: 0 all inputs have a deliberate verdict, 1 an input failed, 2 wrong use, 130 stopped."""
    from flows.cancelled import Cancelled

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

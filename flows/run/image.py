"""Pictures: the same promise as for videos, for `anonflow image`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.recipes.context import Context
from flows.recipes.recipe import Recipe
from flows.recipes.run import RecipeRun
from flows.run.input_run import InputRun, convert_input
from flows.run.recording import Media
from flows.run.session import Outcome, Services
from flows.run.sources import Job
from infra.media.containers.hidden import check_picture
from infra.media.frame import YuvFrame
from infra.media.pictures.still import decode_picture, write_picture
from infra.media.pictures.transparency import over_white, with_transparency
from infra.privacy import digest_file
from infra.settings import Settings
from tasks.analysis import frame_source
from tasks.analysis.frame_source import LocalFile
from tasks.records import Verdict

Image = NDArray[np.uint8]
PictureChain = Callable[[Image, Context], tuple[Image, Verdict, str]]


def output_path(owner: str) -> str:
    """Return the place of a picture relative to the destination.

    Args:
        owner: Public id of the content.

    Returns:
        The path.
    """
    return f"images/{owner}.png"


def convert_picture(job: Job, settings: Settings, services: Services, chain: PictureChain) -> Outcome | None:
    """Bring one picture to its verdict and record it; the result is a PNG without metadata.

    The chain sees the picture over white. Plain transparency is put back into the result, see `with_transparency`.

    Args:
        job: The picture.
        settings: Of the run.
        services: Of the run.
        chain: Turns the upright BGR picture into one in which every face is replaced or redacted and which passed the
            audit, with its verdict and reason; raises Withheld in doubt.

    Returns:
        The outcome, None when another process is working on the picture.
    """

    def work(source: Path, case: InputRun) -> None:
        context = case.context
        colours, alpha = context.stage("read", lambda _: decode_picture(source))
        picture = over_white(colours, alpha)
        case.note(width=picture.shape[1], height=picture.shape[0], frames=1)
        result, verdict, reason = chain(picture, context)
        case.same(source)
        place, finished = output_path(context.public_id), context.folder / "result.png"

        def publish() -> None:
            # Through the frame's colours, as the chain went: what differs then was replaced.
            before = YuvFrame.from_bgr(picture).to_bgr()
            write_picture(finished, with_transparency(before, result, alpha))
            check_picture(finished, result)
            services.destination.put_named(place, finished)

        context.stage("publish", lambda _: publish())
        case.note(
            verdict=verdict,
            reason=reason,
            output=place,
            output_sha256=digest_file(finished),
            output_bytes=finished.stat().st_size,
        )

    return convert_input(job, settings, services, Media("picture", output_path), work)


def run_recipe(recipe: Recipe, picture: Image, context: Context) -> tuple[Image, Verdict, str]:
    """Turn a picture into one in which every face is replaced or redacted, and which passed the audit.

    Args:
        recipe: Does it.
        picture: (H, W, 3) uint8 BGR, upright.
        context: Of the input.

    Returns:
        The picture, its verdict and reason.

    Raises:
        Withheld: In any doubt.
    """
    source = frame_source.of_picture(LocalFile(Path(), context.digest), picture)
    with RecipeRun(context, 1, recipe.stages).working() as run:
        passed = recipe(run, source)
        result = run.require_audited(passed.result)[0].picture
    if result is None:
        raise ValueError(f"The recipe {recipe.name} made no picture.")
    context.painted = passed.result.painted
    return result, passed.verdict, passed.reason

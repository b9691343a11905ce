"""Options that several commands share. Importing this loads no network and no runtime."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Annotated, Any

import typer

from infra.settings import HardFrames, IdentityScope, MotionCrop, OnFailure, Surroundings
from models.selection.backends import BACKENDS, CHOOSABLE

Source = Annotated[
    str, typer.Argument(metavar="SOURCE", help="A file, a folder, or a CSV/Parquet table with a uri column.")
]
Destination = Annotated[str, typer.Argument(metavar="DESTINATION", help="A folder or fsspec address for the results.")]
Profile = Annotated[str, typer.Option(help="Table of networks to use.")]
Seed = Annotated[int, typer.Option(help="Seed of every random choice.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Convert again what the manifest already lists.")]
Failure = Annotated[OnFailure, typer.Option(help="What to do with a face that cannot be replaced safely.")]
Around = Annotated[
    Surroundings,
    typer.Option(help="Whether single frames may match the source for its hair, head and light."),
]
Scope = Annotated[IdentityScope, typer.Option(help="How far one person keeps one twin.")]
Crop = Annotated[MotionCrop, typer.Option(help="What LivePortrait's crops are fitted to.")]
Attempts = Annotated[int, typer.Option(help="Tries at a twin per person.")]
Hard = Annotated[HardFrames, typer.Option(help="What to do where a motion network does not bear a frame.")]
TimeLimit = Annotated[
    float, typer.Option(help="Seconds of work per second of a video (half an hour at least); 0 for any number.")
]
Person = Annotated[str, typer.Option(metavar="REGEX", help="On an original's path; its first group names the person.")]
People = Annotated[str, typer.Option(metavar="CSV", help="Table with columns file, person.")]
Others = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS", help="More pictures of the people, without a result: a folder, file or table, as ORIGINALS."
    ),
]
Fid = Annotated[bool, typer.Option("--fid", help="Also the Fréchet inception distance; needs torch and 2,048 faces.")]
CacheUrl = Annotated[str, typer.Option("--cache", help="Where intermediate objects live (fsspec address).")]

_ROLES = {
    "detector": "What finds faces.",
    "landmarker": "What places the face mesh.",
    "embedder": "What clusters identities and verifies twins.",
    "age_gender": "What estimates age and gender.",
    "emotion": "What estimates the emotion.",
    "ethnicity": "What estimates the ethnicity.",
    "parser": "What labels the pixels of a face.",
    "inpainter": "What makes the twin.",
    "motion": "What moves the twin.",
}
_PANEL = "Networks, instead of what the profile says"


def networks(*roles: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option per role (all that may be chosen when none is named), whose answers it gets together as
    its parameter `backends`: (role, backend) pairs of those that were given."""
    chosen = roles or tuple(CHOOSABLE)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**given: Any) -> None:
            named = tuple((role, given.pop(role)) for role in chosen)
            command(**given, backends=tuple(pair for pair in named if pair[1]))

        # The parser reads a command's options off its signature.
        signature = inspect.signature(command, eval_str=True)
        own = [parameter for parameter in signature.parameters.values() if parameter.name != "backends"]
        added = [Parameter(r, Parameter.KEYWORD_ONLY, default="", annotation=_option(r)) for r in chosen]
        vars(run)["__signature__"] = signature.replace(parameters=[*own, *added])
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *added)}
        return run

    return decorate


def _option(role: str) -> Any:
    names = "|".join(BACKENDS[CHOOSABLE[role]])
    return Annotated[str, typer.Option(metavar=names, help=_ROLES[role], rich_help_panel=_PANEL)]

"""Options that several commands share. Importing this loads no network and no runtime."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Annotated, Any

import typer

from infra.settings import OnFailure, RecipeSettings
from models.selection.backends import BACKENDS, CHOOSABLE

_FIELDS = {"scenes": "scene_backend"}
"""Options whose setting has another name."""
RECIPE = {
    "recipe": typer.Option(help="Order of the stages; see `anonflow recipes`."),
    "profile": typer.Option(help="Table of networks to use."),
    "seed": typer.Option(help="Seed of every random choice."),
    "identity_scope": typer.Option(help="How far one person keeps one twin."),
    "on_failure": typer.Option(help="What to do with a face that cannot be replaced safely."),
    "surroundings": typer.Option(help="Whether single frames may match the source for its hair, head and light."),
    "max_attempts": typer.Option(help="Tries at a twin per person."),
    "scenes": typer.Option(help="What finds shot boundaries."),
    "motion_crop": typer.Option(help="What LivePortrait's crops are fitted to."),
    "hard_frames": typer.Option(help="What to do with frames beyond the limits of a motion network."),
    "crf": typer.Option(help="Quality of the result; smaller is better and larger."),
}
"""Option -> description of everything that changes a result and that users may choose; types and defaults are those of
`infra.settings.RecipeSettings`."""

Source = Annotated[
    str, typer.Argument(metavar="SOURCE", help="A file, a folder, or a CSV/Parquet table with a uri column.")
]
Destination = Annotated[str, typer.Argument(metavar="DESTINATION", help="A folder or fsspec address for the results.")]
Profile = Annotated[str, RECIPE["profile"]]
Seed = Annotated[int, RECIPE["seed"]]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Convert again what the manifest already lists.")]
Failure = Annotated[OnFailure, RECIPE["on_failure"]]
TimeLimit = Annotated[
    float, typer.Option(help="Seconds of work per second of a video (half an hour at least); 0 for any number.")
]
Person = Annotated[str, typer.Option(metavar="REGEX", help="On an original's path; its first group names the person.")]
People = Annotated[
    str, typer.Option(metavar="CSV", help="Table with columns file, person; where labelled also group, result_group.")
]
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


_Wrapped = Callable[[Callable[..., None]], Callable[..., None]]


def recipe_options(only_given: bool = False) -> _Wrapped:
    """Give a command every option that changes a result, whose values it gets as its parameter `chosen`.

    Args:
        only_given: Leave out what the user did not say, for a command that changes what is already defined.

    Returns:
        The decorator; `chosen` is a mapping of settings (`infra.settings.RecipeSettings`) by name.
    """

    def gather(given: dict[str, Any]) -> dict[str, Any]:
        values = {_FIELDS.get(name, name): given.pop(name) for name in RECIPE}
        named = tuple((role, given.pop(role)) for role in CHOOSABLE)
        backends = tuple(pair for pair in named if pair[1])
        if only_given:
            values = {name: value for name, value in values.items() if value is not None}
            return {"chosen": values | ({"backends": backends} if backends else {})}
        return {"chosen": values | {"backends": backends}}

    added = [*(_setting(name, only_given) for name in RECIPE), *map(_network, CHOOSABLE)]
    return _with_options(added, "chosen", gather)


def networks(*roles: str) -> _Wrapped:
    """Give a command an option per role, whose answers it gets as its parameter `backends`.

    Args:
        *roles: Roles whose backend may be named.

    Returns:
        The decorator; `backends` are the (role, backend) pairs that were given.
    """

    def gather(given: dict[str, Any]) -> dict[str, Any]:
        named = tuple((role, given.pop(role)) for role in roles)
        return {"backends": tuple(pair for pair in named if pair[1])}

    return _with_options([_network(role) for role in roles], "backends", gather)


def _with_options(
    added: list[Parameter], replaced: str, gather: Callable[[dict[str, Any]], dict[str, Any]]
) -> _Wrapped:
    """Replace the parameter `replaced` of a command by options, out of whose values `gather` makes it."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**given: Any) -> None:
            made = gather(given)
            command(**given, **made)

        # The parser reads a command's options off its signature.
        signature = inspect.signature(command, eval_str=True)
        own = [parameter for parameter in signature.parameters.values() if parameter.name != replaced]
        vars(run)["__signature__"] = signature.replace(parameters=[*own, *added])
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *added)}
        return run

    return decorate


def _setting(name: str, only_given: bool) -> Parameter:
    default = getattr(RecipeSettings(), _FIELDS.get(name, name))
    kind: Any = type(default) | None if only_given else type(default)
    annotation = Annotated[kind, RECIPE[name]]
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None if only_given else default, annotation=annotation)


def _network(role: str) -> Parameter:
    names = "|".join(BACKENDS[CHOOSABLE[role]])
    option = typer.Option(metavar=names, help=_ROLES[role], rich_help_panel=_PANEL)
    return Parameter(role, Parameter.KEYWORD_ONLY, default="", annotation=Annotated[str, option])

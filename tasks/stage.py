"""The contract of a stage: what it is called, what it depends on, and which networks it uses, declared once.

A stage is a function with the decorator `stage`. Its first parameter is the `Work` that the runner hands to it, the
others are its inputs, and its return annotation is its output. From the declaration alone follow the cache key, the
part that it has in a run's fingerprint, the networks that are loaded ahead, the Prefect task, progress and timings
(see `flows.recipes.runner`). Adding a stage touches its own file and the recipes that call it.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from infra.errors import DeclarationError
from infra.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Advance = Callable[[int], None]
"""Called with the number of units of a stage that are done."""
Parameters = Callable[[Settings], Mapping[str, Any]]
"""Reads what a stage depends on besides its inputs: JSON values, by name."""


class Networks(Protocol):
    """Loads the networks of a run's profile."""

    def load(self, role: str, **options: Any) -> Any:
        """Return the one network that does a role which the stage declares.

        Args:
            role: The role.
            **options: Handed to the backend.

        Returns:
            The network.

        Raises:
            DeclarationError: For any other role.
        """

    def load_all(self, role: str, **options: Any) -> list[Any]:
        """Return all networks that do a role which the stage declares.

        Args:
            role: The role.
            **options: Handed to the backends.

        Returns:
            The networks.

        Raises:
            DeclarationError: For any other role.
        """

    def has(self, role: str) -> bool:
        """Return whether the run's profile has networks for a role.

        Args:
            role: The role.

        Returns:
            Whether it has.
        """


class Work(Networks, Protocol):
    """What a stage may use while it runs."""

    @property
    def settings(self) -> Settings:
        """Settings of the run."""

    @property
    def public_id(self) -> str:
        """Public id of the input."""

    @property
    def folder(self) -> Path:
        """Private scratch folder of the input, removed afterwards."""

    @property
    def advance(self) -> Advance:
        """Called with the number of frames, or other units, that are done."""


class Runner(Protocol):
    """Runs stages; see `flows.recipes.runner.StageRunner`."""

    def run(self, stage: Stage[Any, T_co], inputs: Mapping[str, Any]) -> T_co:
        """Return the output of a stage for its named inputs.

        Args:
            stage: The stage.
            inputs: Its inputs by name.

        Returns:
            Its output.
        """


def no_parameters(settings: Settings) -> Mapping[str, Any]:
    """Return no parameters: the stage depends on its inputs and networks alone.

    Args:
        settings: Of the run.

    Returns:
        An empty mapping.
    """
    return {}


@dataclass(frozen=True)
class Stage(Generic[P, T]):
    """A declared stage. Calling it with a runner and its inputs runs it.

    Attributes:
        name: What people read in Prefect and in progress, in the imperative.
        recorded: Identifier in cache keys, fingerprints and timings. It never changes.
        version: Raised when the same inputs give another output.
        section: Section of the paper, empty where the paper has none.
        roles: Roles of the profile whose networks it uses. Those that a profile lacks are left out.
        parameters: What it depends on besides its inputs.
        cached: Whether its output is kept in the store and found again.
        covers: (identifier, version) of further code whose versions a fingerprint counts with this stage.
        counted_as: Identifier of the stage whose version stands for this one too in a fingerprint, if not its own.
        timed_as: Key in `stage_seconds` of the manifest.
        function: The work itself.
    """

    name: str
    recorded: str
    version: int
    section: str
    roles: tuple[str, ...]
    parameters: Parameters
    cached: bool
    covers: tuple[tuple[str, int], ...]
    counted_as: str
    timed_as: str
    function: Callable[Concatenate[Work, P], T]

    def __call__(self, run: Runner, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the stage, or find its output.

        Args:
            run: Runs it.
            *args: Its inputs.
            **kwargs: Its inputs by name.

        Returns:
            Its output.
        """
        bound = inspect.signature(self.function).bind(None, *args, **kwargs)
        bound.apply_defaults()
        inputs = dict(list(bound.arguments.items())[1:])
        return run.run(self, inputs)


_DECLARED: dict[str, Stage[Any, Any]] = {}


def stage(
    name: str,
    recorded: str,
    version: int,
    section: str = "",
    roles: tuple[str, ...] = (),
    parameters: Parameters = no_parameters,
    cached: bool = True,
    covers: tuple[tuple[str, int], ...] = (),
    counted_as: str = "",
    timed_as: str = "",
) -> Callable[[Callable[Concatenate[Work, P], T]], Stage[P, T]]:
    """Declare a function as a stage; the arguments are the attributes of `Stage`.

    Args:
        name: What people read.
        recorded: Identifier in digests.
        version: Of its output.
        section: Of the paper.
        roles: Network roles.
        parameters: Further dependencies.
        cached: Whether the output is stored.
        covers: Further code that a fingerprint counts with it.
        counted_as: Stage that a fingerprint counts in its place, itself when empty.
        timed_as: Key of its timing, `recorded` when empty.

    Returns:
        The decorator.

    Raises:
        DeclarationError: When the function lacks annotations, or another stage has the identifier.
    """

    def declare(function: Callable[Concatenate[Work, P], T]) -> Stage[P, T]:
        where = f"{function.__module__}.{function.__qualname__}"
        first, *inputs = inspect.signature(function).parameters.values()
        if any(one.annotation is inspect.Parameter.empty for one in (first, *inputs)):
            raise DeclarationError(f"{where} declares a stage without types; annotate every parameter.")
        if "return" not in function.__annotations__:
            raise DeclarationError(f"{where} declares a stage without an output; annotate what it returns.")
        known = _DECLARED.get(recorded)
        if known is not None and known.function.__qualname__ != function.__qualname__:
            raise DeclarationError(f"{where} and another stage are both recorded as {recorded!r}; choose another name.")
        made = Stage(
            name, recorded, version, section, roles, parameters, cached, covers, counted_as or recorded,
            timed_as or recorded, function,
        )  # fmt: skip
        _DECLARED[recorded] = made
        return made

    return declare


def output_of(declared: Stage[Any, Any]) -> Any:
    """Return the type of a stage's output.

    Args:
        declared: The stage.

    Returns:
        Its return annotation, resolved.
    """
    return typing.get_type_hints(declared.function)["return"]

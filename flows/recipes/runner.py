"""Runs the stages of one input: under their names, timed, each once for the same inputs, seen by an orchestrator."""

from __future__ import annotations

import contextvars
import dataclasses
import enum
import hashlib
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from fractions import Fraction
from typing import Any, Self, TypeVar

import numpy as np

from flows.recipes.context import Context
from flows.recipes.networks import ProfileNetworks
from infra.errors import AnonflowError, DeclarationError
from infra.settings import Settings
from infra.storage.cache import Key
from models.selection import profiles
from tasks.stage import Advance, Stage, output_of

T = TypeVar("T")


class StageWork(ProfileNetworks):
    """What a stage may use, see `tasks.stage.Work`."""

    def __init__(self, stage: Stage[Any, Any], context: Context, advance: Advance) -> None:
        super().__init__(context.settings)
        self.public_id = context.public_id
        self.folder = context.folder
        self.advance = advance
        self._stage = stage

    def load_all(self, role: str, **options: Any) -> list[Any]:
        """Return the networks that do a role, in order.

        Args:
            role: One that the stage declares.
            **options: Of the backend's class.

        Returns:
            The networks.

        Raises:
            DeclarationError: For a role that the stage does not declare: its cache key would not know the network.
        """
        if role not in self._stage.roles:
            raise DeclarationError(f"Stage {self._stage.name!r} uses {role!r}; add it to the roles that it declares.")
        return super().load_all(role, **options)


class StageRunner:
    """Runs the stages of one input."""

    def __init__(self, context: Context, frames: int, ahead: tuple[Stage[Any, Any], ...] = ()) -> None:
        """Args:
        context: Of the input.
        frames: Of the input, by which progress is counted.
        ahead: Stages whose networks are loaded while the first stage runs.
        """
        self.context = context
        self.frames = frames
        self._ahead = ahead
        self._digests: dict[int, tuple[Callable[[], Any], str]] = {}
        self._beside: ThreadPoolExecutor | None = None

    @property
    def settings(self) -> Settings:
        """Settings of the run."""
        return self.context.settings

    @contextmanager
    def working(self) -> Iterator[Self]:
        """Keep a second thread for the length of the block, which loads networks and runs what `beside` gives it."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="beside") as pool:
            self._beside = pool
            pool.submit(self._load_ahead)
            try:
                yield self
            finally:
                self._beside = None

    def beside(self, stage: Callable[..., T], *inputs: Any) -> Future[T]:
        """Run a stage at the same time as those that follow.

        Args:
            stage: The stage.
            *inputs: Its inputs.

        Returns:
            Its output, once asked for.
        """
        if self._beside is None:
            raise DeclarationError("Stages run beside others only inside `working`.")
        return self._beside.submit(contextvars.copy_context().run, stage, self, *inputs)

    def run(self, stage: Stage[Any, T], inputs: Mapping[str, Any]) -> T:
        """Return the output of a stage, of an earlier call in this run or from the store where it is known there.

        Args:
            stage: The stage.
            inputs: By name. One with a `label` (a text that names no person) adds it to the stage's name.

        Returns:
            The output.

        Raises:
            DeclarationError: When an input cannot be part of a cache key.
            StoreUnavailable: When the store did not answer. Each of its requests was tried again for as long as
                ANONFLOW_STORE_PATIENCE says, so the stage, whose work is dear, is not.
        """
        given = tuple(self.digest(value) for value in inputs.values())
        roles = tuple(role for role in stage.roles if role in profiles.roles(self.settings))
        hashes = profiles.digests(self.settings, roles)
        parameters = dict(stage.parameters(self.settings))
        key = Key(stage.recorded, stage.version, self.context.public_id, given, parameters, hashes)
        # The last one says most: an attempt names its person, too.
        labels = [value.label for value in inputs.values() if getattr(value, "label", "")]
        label = " ".join([stage.name, *labels[-1:]])

        def make(advance: Advance) -> tuple[T, str]:
            work = StageWork(stage, self.context, advance)
            if not stage.cached:
                return stage.function(work, **inputs), key.digest
            found = self.context.cache.get_or_make(key, output_of(stage), lambda: stage.function(work, **inputs))
            return found.value, found.digest

        value, digest = self.context.stage(stage.timed_as, make, self.frames, label, stage)
        self._remember(value, digest)
        return value

    def digest(self, value: Any) -> str:
        """Return what stands for a value in cache keys.

        Args:
            value: An output of an earlier stage, something with a method `digest`, or plain data: numbers, texts,
                paths excepted, enumerations, arrays, and sequences, mappings and dataclasses of such.

        Returns:
            A text that is the same for equal values.

        Raises:
            DeclarationError: For anything else.
        """
        known = self._digests.get(id(value))
        if known is not None and known[0]() is value:
            return known[1]
        if callable(own := getattr(value, "digest", None)):
            return str(own())
        if value is None or isinstance(value, bool | int | float | str | enum.Enum | Fraction):
            return f"{type(value).__name__}:{value!r}"
        if isinstance(value, np.ndarray):
            hasher = hashlib.sha256(f"{value.dtype.str}{value.shape}".encode())
            hasher.update(np.ascontiguousarray(value).data)
            return hasher.hexdigest()
        if isinstance(value, Mapping):
            return _joined(f"{name!r}:{self.digest(one)}" for name, one in value.items())
        if isinstance(value, list | tuple):
            return _joined(self.digest(one) for one in value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return _joined(self.digest(getattr(value, field.name)) for field in dataclasses.fields(value))
        raise DeclarationError(f"A {type(value).__name__} cannot be part of a cache key; give it a method `digest`.")

    def _remember(self, value: Any, digest: str) -> None:
        """Know an output by its digest, and its parts: what is passed on need not be plain data, nor be read again."""
        # Small integers and the like are shared objects, which must stand for themselves.
        if isinstance(value, tuple):
            self._digests[id(value)] = (lambda: value), digest
            for number, one in enumerate(value):
                self._remember(one, f"{digest}[{number}]")
        elif dataclasses.is_dataclass(value):
            self._know(value, digest)
            for field in dataclasses.fields(value):
                if dataclasses.is_dataclass(part := getattr(value, field.name)):
                    self._know(part, f"{digest}.{field.name}")

    def _know(self, value: Any, digest: str) -> None:
        """Know an object for as long as it is used elsewhere: the twins of rejected attempts are large."""
        place = id(value)
        self._digests[place] = weakref.ref(value, lambda _: self._digests.pop(place, None)), digest

    def _load_ahead(self) -> None:
        """Load networks before they are used. What cannot be loaded raises where it is used, with the stage's name."""
        known = profiles.roles(self.settings)
        for role in dict.fromkeys(role for stage in self._ahead for role in stage.roles if role in known):
            # Detectors are made for the size of picture that a stage looks at, which it alone knows.
            if known[role].capability != "detector":
                with suppress(AnonflowError):
                    profiles.load_role(self.settings, role)


def _joined(parts: Iterator[str] | Any) -> str:
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()

"""How a stage is run: under its name, timed, and once for the same inputs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flows.recipes.context import Context
from flows.run.progress import Advance
from infra.errors import AnonflowError
from infra.storage.cache import Key
from models.selection import profiles

T = TypeVar("T")


class Steps:
    """Runs the stages of one input of `frames` frames."""

    def __init__(self, context: Context, frames: int) -> None:
        self.context = context
        self.frames = frames

    def cached(
        self,
        stage: str,
        version: int,
        kind: type[T],
        make: Callable[[Advance], T],
        inputs: tuple[str, ...],
        roles: tuple[str, ...] = (),
        parameters: dict[str, Any] | None = None,
        label: str = "",
    ) -> tuple[T, str]:
        """The stage's value and the digest of it, made or found in the cache.

        inputs: digests of what `make` uses. roles: of the profile, whose networks it uses. parameters: the settings
        that it reads. label: what an orchestrator shows instead of the stage's name.
        """
        context = self.context
        hashes = profiles.digests(context.settings, roles)
        key = Key(stage, version, context.public_id, inputs, parameters or {}, hashes)
        made = context.stage(
            stage,
            lambda advance: context.cache.get_or_make(key, kind, lambda: make(advance)),
            self.frames,
            label,
        )
        return made.value, made.digest

    def plain(self, stage: str, make: Callable[[Advance], T], label: str = "") -> T:
        """The value of a stage that is never cached."""
        return self.context.stage(stage, make, self.frames, label)

    def load(self, role: str, **options: Any) -> Any:
        """The one network that does a role in the run's profile."""
        return self.load_all(role, **options)[0]

    def load_all(self, role: str, **options: Any) -> list[Any]:
        """All networks that do a role in the run's profile, in order."""
        return profiles.load_role(self.context.settings, role, **options)

    def warm(self, roles: Sequence[str]) -> None:
        """Load networks ahead of their use. What cannot be loaded raises where it is used, with the stage's name."""
        for role in roles:
            with contextlib.suppress(AnonflowError):
                self.load_all(role)

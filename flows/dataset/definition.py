"""Datasets by name, so that a command, a schedule or a Prefect parameter can speak of one without saying where it lies.

A definition holds the addresses of the source and the destination and the settings of the conversion. It lies in the
store under the identifying prefix, because the address of a source may name a person.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from flows.recipes.catalogue import named
from infra.errors import UsageError
from infra.settings import (
    HardFrames,
    IdentityScope,
    MotionCrop,
    OnFailure,
    RecipeSettings,
    SceneBackend,
    Settings,
    Surroundings,
)
from infra.storage.store import Prefix, Store

FOLDER = f"{Prefix.IDENTIFYING.value}/definitions"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_ENUMS: dict[str, type[StrEnum]] = {
    "motion_crop": MotionCrop,
    "hard_frames": HardFrames,
    "identity_scope": IdentityScope,
    "on_failure": OnFailure,
    "surroundings": Surroundings,
    "scene_backend": SceneBackend,
}
_ALWAYS = frozenset({"name", "source", "destination", "settings"})
# These belong to the machine that works, not to the dataset.
_OF_WORKER = frozenset({"workers", "threads", "cache_url", "overwrite"})
_DONE = {OnFailure.WITHHOLD: "the video is withheld", OnFailure.REDACT: "it is covered"}


@dataclass(frozen=True)
class Dataset:
    """A named dataset.

    Attributes:
        name: Lower case letters, digits and hyphens; it is shown in Prefect, so it must not name a person.
        source: What `flows.run.sources.find` takes.
        destination: Where results go.
        settings: Of the conversion, as JSON values.
        person: Who is who, for evaluations; see `flows.evaluation.pairs.pair_up`.
        people: Who is who, for evaluations; see `flows.evaluation.pairs.pair_up`.
    """

    name: str
    source: str
    destination: str
    settings: dict[str, Any]
    person: str = ""
    people: str = ""

    def with_settings(self, **machine: Any) -> Settings:
        """Return the settings of a run.

        Args:
            **machine: Settings that belong to the machine that works.

        Returns:
            The settings.
        """
        return settings_from(self.settings | machine)


def define(name: str, source: str, destination: str, settings: Settings, person: str = "", people: str = "") -> Dataset:
    """Define a dataset.

    Args:
        name: Of the dataset.
        source: Where its videos are.
        destination: Where results go.
        settings: Of the conversion; those of the worker are left out.
        person: Who is who, as a regular expression.
        people: Who is who, as a table.

    Returns:
        The dataset.

    Raises:
        UsageError: For a name that is not allowed.
    """
    if not _NAME.fullmatch(name):
        raise UsageError("A dataset's name consists of up to 40 lower case letters, digits and hyphens.")
    values = {key: value for key, value in asdict(settings).items() if key not in _OF_WORKER}
    # Workers that are still of a version without recipes can read definitions that name none.
    if not values["recipe"]:
        del values["recipe"]
    return Dataset(name, source, destination, json.loads(json.dumps(values)), person, people)


def save(store: Store, dataset: Dataset) -> None:
    """Store a definition, replacing an earlier one of this name.

    Args:
        store: Private store.
        dataset: The definition.
    """
    store.write_named(path_of(dataset.name), _json(dataset))


def refuse_another(store: Store, dataset: Dataset) -> None:
    """Refuse to give a name that is known another source or destination, which may be another person's dataset.

    Args:
        store: Private store.
        dataset: The definition that would replace the known one.

    Raises:
        UsageError: When it does.
    """
    if dataset.name not in names(store):
        return
    before = load(store, dataset.name)
    changed = [
        what
        for what, old, new in (
            ("SOURCE", before.source, dataset.source),
            ("DESTINATION", before.destination, dataset.destination),
        )
        if old != new
    ]
    if changed:
        raise UsageError(
            f"There is a dataset {dataset.name} with another {' and another '.join(changed)}. Choose another name, or "
            "change that one with --replace."
        )


def described(dataset: Dataset) -> str:
    """Say what a dataset's deployment does, without where anything lies.

    Args:
        dataset: The dataset.

    Returns:
        Some sentences for the server's pages.
    """
    settings = dataset.with_settings()
    return (
        f"Converts every video of the dataset {dataset.name} that has no verdict yet. Recipe "
        f"{named(settings.recipe, 'video').name}, profile {settings.profile}, seed {settings.seed}, twins per "
        f"{settings.identity_scope.value}; where a face cannot be replaced safely, {_DONE[settings.on_failure]}."
    )


def load(store: Store, name: str) -> Dataset:
    """Return the definition of a name.

    Args:
        store: Private store.
        name: Of the dataset.

    Returns:
        The definition.

    Raises:
        UsageError: When there is none, or it is damaged.
    """
    path = path_of(name) if _NAME.fullmatch(name) else ""
    return _read(store, path, "There is no dataset of this name in the store; define it with `anonflow deploy`.")


def save_snapshot(store: Store, folder: str, dataset: Dataset) -> None:
    """Store the definition as a run uses it, so that a change of it does not reach a run that is under way.

    Args:
        store: Private store.
        folder: Of the run.
        dataset: The definition.
    """
    store.write_named(f"{folder}/definition.json", _json(dataset))


def load_snapshot(store: Store, folder: str) -> Dataset:
    """Return the definition that a run uses.

    Args:
        store: Private store.
        folder: Of the run.

    Returns:
        The definition.

    Raises:
        UsageError: When the run has ended.
    """
    return _read(store, f"{folder}/definition.json", "The run has ended, or the store was purged.")


def names(store: Store) -> list[str]:
    """Return the names of all datasets in the store.

    Args:
        store: Private store.

    Returns:
        The names.
    """
    return [path.rpartition("/")[2].removesuffix(".json") for path in store.list_tree(FOLDER)]


def changed(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a dataset with some of the recipe's changed for one run; backends role by role.

    Args:
        settings: Of the definition, as JSON values.
        changes: Others for some of them.

    Returns:
        The settings, as JSON values.

    Raises:
        UsageError: For a name that is none of the recipe's settings (where anything lies is for the definition to say),
            and for values out of range.
    """
    unknown = sorted(set(changes) - {field.name for field in fields(RecipeSettings)})
    if unknown:
        raise UsageError(f"A run may change settings of the recipe only, not {', '.join(unknown)}.")
    backends = dict(settings.get("backends", ())) | dict(changes.get("backends", ()))
    merged = settings | changes | {"backends": [list(pair) for pair in backends.items()]}
    settings_from(merged)
    return merged


def settings_from(values: dict[str, Any]) -> Settings:
    """Make settings out of JSON values.

    Args:
        values: By the names of the settings.

    Returns:
        The settings.

    Raises:
        UsageError: For values out of range or unknown names.
    """
    known = {f.name for f in fields(Settings)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise UsageError(f"Unknown settings: {', '.join(unknown)}.")
    given = dict(values)
    try:
        given |= {name: _ENUMS[name](given[name]) for name in _ENUMS if name in given}
    except ValueError:
        raise UsageError("A setting of the dataset has a value that is none of its choices.") from None
    if "backends" in given:
        given["backends"] = tuple((str(role), str(backend)) for role, backend in given["backends"])
    return Settings(**given)


def _json(dataset: Dataset) -> bytes:
    """As it is stored. Workers that are still of a version without labels can read definitions without labels."""
    values = asdict(dataset)
    return json.dumps({key: value for key, value in values.items() if value or key in _ALWAYS}, sort_keys=True).encode()


def _read(store: Store, path: str, missing: str) -> Dataset:
    value = store.read_json(path) if path else None
    if value is None:
        raise UsageError(missing)
    try:
        dataset = Dataset(**value)
        settings_from(dataset.settings)
    except (TypeError, ValueError):
        raise UsageError(
            "The definition of the dataset is damaged; define it again with `anonflow deploy --replace`."
        ) from None
    return dataset


def path_of(name: str) -> str:
    """Return where the definition of a name lies in the store.

    Args:
        name: Of the dataset.

    Returns:
        The path.
    """
    return f"{FOLDER}/{name}.json"

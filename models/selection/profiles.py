"""Which backend does what: the runs' choice among the tables of `models.selection.backends`, and the one instance of
each.

Importing this module imports no runtime and no network; a class is imported when it is first loaded.
"""

from __future__ import annotations

import hashlib
import importlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from infra.errors import UsageError, WeightsError
from infra.settings import MotionCrop, Settings
from models.selection.backends import BACKENDS, CHOOSABLE, PROFILES, Backend, Role
from models.selection.identifiers import identifier
from models.weights import weight_files
from models.weights.registry.table import WEIGHTS

__all__ = ["BACKENDS", "PROFILES", "Backend", "Role"]

_NOBODY = Role("", ())

_DIFFUSION_PACKAGES = frozenset(
    {
        "compel", "controlnet_aux", "deepface", "diffusers", "gdown", "onnxruntime", "requests", "safetensors", "timm",
        "torch_fidelity", "torchvision", "tqdm", "transformers", "werkzeug",
    }
)  # fmt: skip

_instances: dict[tuple[str, str, tuple[tuple[str, Any], ...]], Any] = {}
_locks: dict[tuple[str, str, tuple[tuple[str, Any], ...]], threading.Lock] = {}
_guard = threading.Lock()


def backend(capability: str, name: str) -> Backend:
    """Return the entry of a backend.

    Args:
        capability: What the backend can do, as in BACKENDS.
        name: Its name there.

    Returns:
        The entry.

    Raises:
        UsageError: The capability or the name is unknown.
    """
    names = BACKENDS.get(capability)
    if names is None:
        raise UsageError(f"No capability is called {capability!r}; known: {', '.join(sorted(BACKENDS))}.")
    if name not in names:
        raise UsageError(f"No {capability} is called {name!r}; known: {', '.join(sorted(names))}.")
    return names[name]


def profile(name: str) -> dict[str, Role]:
    """Return the roles of a profile.

    Args:
        name: Its name in PROFILES.

    Returns:
        Role name -> role.

    Raises:
        UsageError: The profile is unknown.
    """
    if name not in PROFILES:
        raise UsageError(f"No profile is called {name!r}; known: {', '.join(sorted(PROFILES))}.")
    return PROFILES[name]


def roles(settings: Settings) -> dict[str, Role]:
    """Return the roles of a run: those of its profile, with the backends that the settings name instead.

    An embedder that is named to make and choose twins takes no seat among the judges.

    Args:
        settings: Settings of the run.

    Returns:
        Role name -> role.

    Raises:
        UsageError: A name is unknown, a role may not be changed (the audit's), a backend only reads results, or fewer
            than two judges would be left.
    """
    found = dict(profile(settings.profile))
    for role, name in settings.backends:
        if role not in CHOOSABLE:
            raise UsageError(f"The backend of {role!r} cannot be chosen; these can: {', '.join(CHOOSABLE)}.")
        backend(CHOOSABLE[role], name)
        if name in PROFILES.get("evaluation", {}).get("second_reader", _NOBODY).backends:
            raise UsageError(f"{name} reads results in `anonflow evaluate`, so it makes none; choose another {role}.")
        found[role] = Role(CHOOSABLE[role], (name,))
    making = {name for role in ("detector", "embedder") for name in found.get(role, _NOBODY).backends}
    for role, least in (("confirming_detector", 1), ("audit_detector", 1), ("audit_embedders", 2)):
        if role in found:
            left = tuple(name for name in found[role].backends if name not in making)
            if len(left) < least:
                raise UsageError(
                    f"{', '.join(sorted(making & set(found[role].backends)))} cannot both make twins and check them; "
                    f"choose another {found[role].capability}."
                )
            found[role] = replace(found[role], backends=left)
    return found


def check(settings: Settings) -> None:
    """Check that a run can start: its weight files, its packages, and that the settings fit the backends.

    Every file is hashed once per process.

    Args:
        settings: Settings of the run.

    Raises:
        WeightsError: A weight file that the run needs is missing or is not the pinned one; the message says what to do.
        UsageError: The settings do not fit the backends or a package is missing.
    """
    known = roles(settings)
    if "motion" not in known:
        raise UsageError(f"The profile {settings.profile} measures and makes no twins; choose another.")
    for (_, name), entry in _entries(known).items():
        if settings.identity_scope not in entry.scopes:
            raise UsageError(f"{name} makes a person anew for every video; leave --identity-scope at video.")
        chooses = name in known.get("inpainter", _NOBODY).backends
        if chooses and entry.embedder and known["embedder"].backends != (entry.embedder,):
            raise UsageError(f"{name} compares people by {entry.embedder} only; add --embedder {entry.embedder}.")
    mover = known["motion"].backends[0]
    if settings.motion_crop is not MotionCrop.MESH and "motion_crop" not in backend("motion", mover).settings:
        raise UsageError(f"{mover} crops by the mesh only; leave --motion-crop out, or choose --motion liveportrait.")
    ready(settings)


def ready(settings: Settings) -> None:
    """Check weight files and packages as `check` does, for any profile, also one that makes no twins.

    Args:
        settings: Settings of the run.

    Raises:
        WeightsError: As `check`.
        UsageError: As `check`.
    """
    entries = _entries(roles(settings))
    _in_place([weight for entry in entries.values() for weight in _weights(entry, settings)], settings.profile)
    for (_, name), entry in entries.items():
        _class(entry, name)


def _entries(known: Mapping[str, Role]) -> dict[tuple[str, str], Backend]:
    """The backends of some roles, each once, by capability and name."""
    return {
        (role.capability, name): backend(role.capability, name) for role in known.values() for name in role.backends
    }


def _in_place(needed: Sequence[str], profile_name: str) -> None:
    """Raise WeightsError for the first file that is not as it must be, with the one command that fetches them all."""
    faults: dict[str, str] = {}
    for name in dict.fromkeys(needed):
        try:
            weight_files.path(name)
        except WeightsError as error:
            faults[name] = str(error)
    fetched = [name for name in faults if weight_files.fetched(name)]
    if len(fetched) < len(faults):
        raise WeightsError(next(text for name, text in faults.items() if name not in fetched))
    if faults:
        whole = set(faults) <= set(weights_of(profile_name))
        what = f"--profile {profile_name}" if whole else " ".join(faults)
        first = next(iter(faults.values())).partition(";")[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise WeightsError(f"{first}{more}; run: {weight_files.PULL_COMMAND} {what}")


def _weights(entry: Backend, settings: Settings) -> list[str]:
    """The weight files of a backend in a run, those included that only its settings ask for."""
    return [*entry.weights, *(weight for name, value, weight in entry.options if getattr(settings, name) == value)]


def independent_attackers() -> list[str]:
    """Return the embedders of the profile `evaluation` that take no part in making a result or in judging it."""
    making = {
        name
        for table in PROFILES.values()
        if "motion" in table
        for role in table.values()
        if role.capability == "embedder"
        for name in role.backends
    }
    return [name for name in profile("evaluation")["attackers"].backends if name not in making]


def load(capability: str, name: str, **options: Any) -> Any:
    """Return the one instance of a backend that this process has for these options, creating it on first use.

    Threads that ask for the same instance wait for one creation; different backends are created at the same time.

    Args:
        capability: What the backend can do, as in BACKENDS.
        name: Its name there.
        **options: Keyword arguments of the class, hashable.

    Returns:
        The instance.

    Raises:
        UsageError: The name is unknown, or a package is missing.
        WeightsError: The weights are not in place.
    """
    entry = backend(capability, name)
    key = (capability, name, tuple(sorted(options.items())))
    with _guard:
        lock = _locks.setdefault(key, threading.Lock())
    with lock:
        if key not in _instances:
            _instances[key] = _class(entry, name)(**options)
        return _instances[key]


def _class(entry: Backend, name: str) -> Any:
    module, _, attribute = entry.target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        extra = "torch" if error.name == "torch" else "diffusion" if error.name in _DIFFUSION_PACKAGES else ""
        if not extra:
            raise
        raise UsageError(f"{name} needs {error.name}; run: pip install 'anonflow[{extra}]'") from error


def load_role(settings: Settings, role: str, **options: Any) -> list[Any]:
    """Return the instances that do a role in a run; most roles have exactly one.

    Args:
        settings: Settings of the run.
        role: Name of the role.
        **options: Further keyword arguments of the classes, hashable.

    Returns:
        The instances, in the order of the role's backends.

    Raises:
        UsageError: The profile has no such role.
    """
    known = roles(settings)
    if role not in known:
        raise UsageError(f"Profile {settings.profile!r} has no role {role!r}; it has: {', '.join(known)}.")
    capability, result = known[role].capability, []
    for name in known[role].backends:
        taken = {setting: getattr(settings, setting) for setting in backend(capability, name).settings}
        result.append(load(capability, name, **taken, **options))
    return result


def digest(capability: str, name: str) -> str:
    """Return a digest over a backend's class, version, weight hashes and data: its part of a cache key.

    A weight file that is neither pinned nor recorded counts as empty; `check` lets no run start with such a one.

    Args:
        capability: What the backend can do, as in BACKENDS.
        name: Its name there.

    Returns:
        Hex SHA-256.
    """
    entry = backend(capability, name)
    parts = [
        identifier(capability, name),
        str(entry.version),
        *map(weight_files.known_sha256, weight_files.with_needs(entry.weights)),
    ]
    parts += [_digest_of(file) for file in entry.data]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def digests(settings: Settings, wanted: Sequence[str]) -> dict[str, str]:
    """Return the cache key parts of some roles of a run, with the settings that their backends take.

    Args:
        settings: Settings of the run.
        wanted: Names of the roles.

    Returns:
        "role:backend" -> its part of a cache key.
    """
    known, result = roles(settings), {}
    for role in wanted:
        capability = known[role].capability
        for name in known[role].backends:
            entry = backend(capability, name)
            taken = [f"{setting}={getattr(settings, setting)}" for setting in entry.settings]
            extra = weight_files.with_needs(_weights(entry, settings)[len(entry.weights) :])
            own = [weight_files.known_sha256(weight) for weight in extra]
            result[f"{role}:{name}"] = "-".join([digest(capability, name), *taken, *own])
    return result


@cache
def _digest_of(file: str) -> str:
    if file.startswith("sha256:"):
        return file.removeprefix("sha256:")
    return hashlib.sha256(files("models").joinpath(file).read_bytes()).hexdigest()


def weights_of(profile_name: str) -> list[str]:
    """Return the weight files that a profile needs.

    Args:
        profile_name: Name of the profile.

    Returns:
        Names of all of them, in registry order.
    """
    needed = {
        weight
        for role in profile(profile_name).values()
        for name in role.backends
        for weight in backend(role.capability, name).weights
    }
    return [name for name in WEIGHTS if name in needed]

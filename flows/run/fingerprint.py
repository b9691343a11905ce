"""What a result depends on besides its source: settings, networks, thresholds, and the code itself."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from typing import Any

from flows.recipes.catalogue import DEFAULT, recipe_of
from infra.settings import Settings
from models.embedding.calibration import calibration
from models.selection import profiles
from tasks.analysis import probe
from tasks.output import publish


def version() -> str:
    """Version of the installed package."""
    try:
        return importlib.metadata.version("anonflow")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def backends(settings: Settings) -> dict[str, str]:
    """Return the backends of a run.

    Args:
        settings: Of the run.

    Returns:
        Backend -> digest of its class, version and weights, for every role of the run.

    Raises:
        UsageError: When a backend is unknown.
    """
    found = profiles.digests(settings, tuple(profiles.roles(settings)))
    return {key.partition(":")[2]: value for key, value in found.items()}


def thresholds(settings: Settings) -> dict[str, list[float]]:
    """Return the distances by which the run judges and clusters.

    Args:
        settings: Of the run.

    Returns:
        Embedder -> cosine distances.

    Raises:
        WeightsError: For an embedder without any.
    """
    roles = profiles.roles(settings).values()
    names = {name for role in roles if role.capability == "embedder" for name in role.backends}
    known = {name: calibration(name) for name in sorted(names)}
    return {name: [figures.far_1, figures.eer_distance] for name, figures in known.items()}


def fingerprint(settings: Settings) -> str:
    """Return the digest of everything that can change a result.

    Args:
        settings: Of the run.

    Returns:
        Hex SHA-256 over the recipe's settings, its stages, the backends, their thresholds and the software's version.
    """
    chosen = recipe_of(settings)
    # A result that passed an earlier, weaker audit must not count as done.
    stages = chosen.versions() | {"probe": probe.VERSION, "publish": publish.VERSION}
    parts: dict[str, Any] = {
        "settings": settings.affecting_result(),
        "backends": backends(settings),
        "software": version(),
        "stages": {f"tasks.{name}": number for name, number in stages.items()},
        "thresholds": thresholds(settings),
    }
    if DEFAULT not in (chosen, chosen.counts):
        parts["recipe"] = chosen.name
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

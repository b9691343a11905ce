"""What a result depends on besides its source: settings, networks, thresholds, and the code itself."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from typing import Any

from infra.settings import Settings
from models.embedding.calibration import calibration
from models.selection import profiles
from tasks.analysis import attributes, faces, frontal, identities, motion, probe, samples, scenes
from tasks.audit import audit
from tasks.generation import controls, preaudit, twin, verify
from tasks.output import publish, reassemble

_STAGES: tuple[tuple[str, Any], ...] = (
    ("attributes", attributes), ("audit", audit), ("controls", controls), ("faces", faces), ("frontal", frontal),
    ("identities", identities), ("motion", motion), ("probe", probe), ("publish", publish),
    ("reassemble", reassemble), ("rehearse", preaudit), ("samples", samples), ("scenes", scenes), ("twin", twin),
    ("verify", verify),
)  # fmt: skip
"""Recorded name -> module. A recorded name never changes, wherever the module lies and whatever it is called."""


def version() -> str:
    """Version of the installed package."""
    try:
        return importlib.metadata.version("anonflow")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def backends(settings: Settings) -> dict[str, str]:
    """Backend -> digest of its class, version and weights, for every role of the run. UsageError when unknown."""
    found = profiles.digests(settings, tuple(profiles.roles(settings)))
    return {key.partition(":")[2]: value for key, value in found.items()}


def thresholds(settings: Settings) -> dict[str, list[float]]:
    """Embedder -> distances by which the run judges and clusters. Raises WeightsError for one without any."""
    roles = profiles.roles(settings).values()
    names = {name for role in roles if role.capability == "embedder" for name in role.backends}
    known = {name: calibration(name) for name in sorted(names)}
    return {name: [figures.far_1, figures.eer_distance] for name, figures in known.items()}


def fingerprint(settings: Settings) -> str:
    """Digest over everything that can change a result: settings, backends, versions of the software and its stages."""
    parts = {
        "settings": settings.affecting_result(),
        "backends": backends(settings),
        "software": version(),
        # A result that passed an earlier, weaker audit must not count as done.
        "stages": {f"tasks.{name}": stage.VERSION for name, stage in _STAGES},
        "thresholds": thresholds(settings),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

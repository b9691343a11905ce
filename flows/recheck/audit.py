"""The networks of the audit without an input, and what tells one audit from another."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flows.recipes.stage_runner import Steps
from flows.run.fingerprint import thresholds, version
from infra.settings import Settings
from models.selection import profiles
from tasks.audit import audit, recheck

_ROLES = ("audit_detector", "confirming_detector", "framing_detector", "landmarker", "audit_embedders")


class Networks(Steps):
    """Loads the networks of a profile as the stages of an input do; it runs no stage."""

    def __init__(self, settings: Settings, frames: int) -> None:
        self.settings = settings
        self.frames = frames

    def load_all(self, role: str, **options: Any) -> list[Any]:
        """All networks that do a role in the profile, in order."""
        return profiles.load_role(self.settings, role, **options)


def audit_of(settings: Settings) -> str:
    """Digest over everything that can change what a recheck finds: the code's versions, its networks and thresholds."""
    parts = {
        "audit": [audit.VERSION, recheck.VERSION],
        "networks": profiles.digests(settings, _ROLES),
        "thresholds": thresholds(settings),
        "software": version(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

"""What tells one audit from another."""

from __future__ import annotations

import hashlib
import json

from flows.run.fingerprint import thresholds, version
from infra.settings import Settings
from models.selection import profiles
from tasks.audit import audit, recheck
from tasks.audit.networks import ROLES


def audit_of(settings: Settings) -> str:
    """Digest over everything that can change what a recheck finds: the code's versions, its networks and thresholds."""
    parts = {
        "audit": [audit.VERSION, recheck.VERSION],
        "networks": profiles.digests(settings, ROLES),
        "thresholds": thresholds(settings),
        "software": version(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

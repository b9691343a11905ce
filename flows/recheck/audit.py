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
    """Return a digest over everything that can change what a recheck finds.

    That is the code's versions, its networks and thresholds.

    Args:
        settings: Of the recheck.

    Returns:
        SHA-256 as hexadecimal digits.
    """
    parts = {
        "audit": [audit.VERSION, recheck.VERSION],
        "networks": profiles.digests(settings, ROLES),
        "thresholds": thresholds(settings),
        "software": version(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

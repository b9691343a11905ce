"""What a retry changes (AnonNET section 3.5): a stronger departure from the source, and another candidate."""

from __future__ import annotations

import hashlib

from models.interfaces.twins import Strength


def strength_of(attempt: int) -> Strength:
    """Return how strongly an attempt departs from the source.

    The change grows slowly: from 1.0 to 1.8 it moves the judges' distances by 3 to 17 % only, another candidate by far
    more, and an exaggerated mouth follows the source's less well.

    Args:
        attempt: Its number, from 1.

    Returns:
        The strength.
    """
    return Strength(change=min(1.4 + 0.05 * (attempt - 1), 1.6), feather=min(0.1 + 0.02 * (attempt - 1), 0.16))


def seed_of(run_seed: int, key: str) -> int:
    """Return the seed of an identity; it says nothing about the run's seed or the key without the other.

    Args:
        run_seed: Seed of the run.
        key: Of the identity.

    Returns:
        63 bits.
    """
    digest = hashlib.sha256(f"{run_seed}\x00{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1

"""How attempt k paints (AnonNET section 3.5): more guidance, more steps, less structure of the source, another seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

CONDITIONING = (0.9, 0.4, 0.3)
"""Strengths of the ControlNets for inpainting, line art and pose at the first attempt."""
GUIDANCE, MOST_GUIDANCE = 8.0, 20.0
STEPS, MORE_STEPS, MOST_STEPS = 35, 5, 70
LOOSER, LEAST_SHARE = 0.1, 0.4
"""Each attempt takes a tenth off the ControlNets' strengths, down to two fifths of them. The authors' published code
raises them instead, which pulls the result back towards the source; the paper says that they are reduced."""


@dataclass(frozen=True)
class Parameters:
    """Settings of one attempt. Attempts with equal parameters can be painted together, each with its own seed.

    Attributes:
        guidance: Scale of classifier-free guidance.
        steps: Steps of denoising.
        conditioning: Strengths of the ControlNets for inpainting, line art and pose.
    """

    guidance: float
    steps: int
    conditioning: tuple[float, float, float]

    def record(self) -> dict[str, float]:
        """Return the record of an attempt; nothing identifying."""
        inpaint, lineart, openpose = self.conditioning
        return {
            "guidance": self.guidance,
            "steps": float(self.steps),
            "inpaint": inpaint,
            "lineart": lineart,
            "openpose": openpose,
        }


def parameters_of(attempt: int) -> Parameters:
    """Return the parameters of an attempt.

    Args:
        attempt: 1, 2, ...

    Returns:
        The parameters.

    Raises:
        ValueError: The attempt is below 1.
    """
    if attempt < 1:
        raise ValueError("attempts are counted from 1")
    share = max(1.0 - LOOSER * (attempt - 1), LEAST_SHARE)
    inpaint, lineart, openpose = (round(share * strength, 4) for strength in CONDITIONING)
    return Parameters(
        guidance=min(GUIDANCE + (attempt - 1), MOST_GUIDANCE),
        steps=min(STEPS + MORE_STEPS * (attempt - 1), MOST_STEPS),
        conditioning=(inpaint, lineart, openpose),
    )


def seed_of(identity: int, attempt: int) -> int:
    """Return the seed for one attempt at one identity's twin; the same in every run, and exact in JSON.

    Args:
        identity: Seed of the identity.
        attempt: 1, 2, ...

    Returns:
        A 53-bit number.
    """
    digest = hashlib.sha256(f"{identity}\x00{attempt}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 11

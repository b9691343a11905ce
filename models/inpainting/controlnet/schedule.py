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
    """guidance: scale of classifier-free guidance. steps: of denoising. conditioning: strengths of the ControlNets for
    inpainting, line art and pose. Attempts with equal parameters can be painted together, each with its own seed."""

    guidance: float
    steps: int
    conditioning: tuple[float, float, float]

    def record(self) -> dict[str, float]:
        """What the record of an attempt says; nothing identifying."""
        inpaint, lineart, openpose = self.conditioning
        return {
            "guidance": self.guidance,
            "steps": float(self.steps),
            "inpaint": inpaint,
            "lineart": lineart,
            "openpose": openpose,
        }


def parameters_of(attempt: int) -> Parameters:
    """The parameters of attempt 1, 2, ...; ValueError below 1."""
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
    """A 53-bit seed for one attempt at one identity's twin; the same in every run, and exact in JSON."""
    digest = hashlib.sha256(f"{identity}\x00{attempt}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 11

"""Where the torch networks run, and with which numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

Precision = Literal["float32", "float16", "bfloat16"]


@dataclass(frozen=True)
class Place:
    """device: of torch. dtype: of the networks' weights and activations."""

    device: torch.device
    dtype: torch.dtype

    @property
    def accelerated(self) -> bool:
        """Whether it is a graphics card."""
        return self.device.type == "cuda"


def choose(device: str | None = None, precision: Precision | None = None) -> Place:
    """A graphics card in float16 where there is one, as the networks' authors run them, else the CPU in float32."""
    found = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    named = precision or ("float16" if found.type == "cuda" else "float32")
    return Place(found, getattr(torch, named))

"""Where the torch networks run, and with which numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from models.interfaces.capabilities import Image

Precision = Literal["float32", "float16", "bfloat16"]


@dataclass(frozen=True)
class Device:
    """device: of torch. dtype: of the networks' weights and activations."""

    device: torch.device
    dtype: torch.dtype

    @property
    def accelerated(self) -> bool:
        """Whether it is a graphics card."""
        return self.device.type == "cuda"


def only_finite(drawn: Tensor, show: Callable[[Tensor], list[Image]]) -> list[Image | None]:
    """Return pictures of the drawings whose every value is a number.

    Args:
        drawn: (n, ...) drawings.
        show: Turns drawings into pictures.

    Returns:
        `show` of the finite drawings; None in the place of the others.
    """
    good = torch.isfinite(drawn).flatten(1).all(dim=1).tolist()
    return [picture if fine else None for picture, fine in zip(show(drawn), good, strict=True)]


def choose(device: str | None = None, precision: Precision | None = None) -> Device:
    """Return where the networks run: a graphics card in float16 where there is one, else the CPU in float32.

    float16 on a card is how the networks' authors run them.

    Args:
        device: Device of torch; None chooses as above.
        precision: Type of the numbers; None chooses as above.

    Returns:
        Device and type of numbers.
    """
    found = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    named = precision or ("float16" if found.type == "cuda" else "float32")
    return Device(found, getattr(torch, named))

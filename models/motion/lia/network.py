"""LIA (Latent Image Animator): our own implementation of its generator, loading the released weights as they are.

Written from a description of behaviour (wyhsirius/LIA at b9f15fb), checked against its outputs in
tests/models/motion/lia/test_lia.py. The released weights are CC BY-NC 4.0: no commercial use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.motion.lia.encoder import Encoder
from models.motion.lia.synthesis import Decoder


@dataclass(frozen=True)
class Sizes:
    """Shape of the network; the released one by default.

    size: side of the pictures, a power of two; style, motion: lengths of latent and motion; widths: channels of the
    layers of 4, 8, ... size pixels.
    """

    size: int = 256
    style: int = 512
    motion: int = 20
    widths: tuple[int, ...] = (512, 512, 512, 512, 256, 128, 64)

    def __post_init__(self) -> None:
        if len(self.widths) < 2 or 4 << (len(self.widths) - 1) != self.size:
            raise ValueError(f"{len(self.widths)} widths do not fit a picture of {self.size} pixels")


class Lia(nn.Module):
    """The generator. Pictures are (n, 3, size, size) RGB in [-1, 1]; all tensors out of it are float32.

    Its state_dict is the released file's entry `gen`. compute: type of the convolutions, by default the parameters'.
    Half precision does better with float32 parameters and `compute` than cast by `.to()`: weights are rounded once,
    motions and the smallest layers not at all. After the first call with a type nothing waits for the device, so calls
    may be captured in a graph.
    """

    def __init__(self, sizes: Sizes | None = None, compute: torch.dtype | None = None) -> None:
        super().__init__()
        self.sizes = sizes or Sizes()
        self.compute = compute
        self.enc = Encoder(self.sizes.widths, self.sizes.style, self.sizes.motion)
        self.dec = Decoder(self.sizes.widths, self.sizes.style, self.sizes.motion)
        self.requires_grad_(False)
        self.eval()

    @property
    def dtype(self) -> torch.dtype:
        """Type that the convolutions run in."""
        return self.compute or self.dec.input.input.dtype

    def encode(self, images: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return latents and features of pictures.

        Args:
            images: (n, 3, size, size) RGB in [-1, 1].

        Returns:
            Latents h (n, style), and the features of 8, 16, ... size pixels that `synthesise` takes.
        """
        return self.enc.net_app(images.to(self.dtype))

    def motion(self, given: Tensor) -> Tensor:
        """Return motions of pictures or of latents.

        Args:
            given: Pictures (n, 3, size, size) or latents h (n, style).

        Returns:
            (n, motion).
        """
        if given.ndim == 4:
            given, _ = self.enc.net_app(given.to(self.dtype), keep=False)
        return self.enc.fc(given)

    def latent(self, h: Tensor, drive: Tensor, source: Tensor | None = None, start: Tensor | None = None) -> Tensor:
        """Return latents that give looks the motions of a driver.

        Absolute without source and start, relative with both: the source's own motion plus how far the driving one is
        from its start.

        Args:
            h: (1 or n, style) looks.
            drive: (n, motion) motions of the driver.
            source: (1 or n, motion) the source's own motion.
            start: (1 or n, motion) of the driver's first frame.

        Returns:
            (n, style).

        Raises:
            ValueError: Only one of source and start is given.
        """
        if (source is None) != (start is None):
            raise ValueError("relative motion needs both the source's motion and the start")
        if source is not None and start is not None:
            drive = drive + (source - start)
        return h + self.dec.direction(drive)

    def synthesise(self, latent: Tensor, features: Sequence[Tensor]) -> Tensor:
        """Return pictures for latents.

        Args:
            latent: (n, style).
            features: As `encode` gives them, of n pictures or of one for all latents.

        Returns:
            (n, 3, size, size), not clamped.

        Raises:
            ValueError: The features are not those of one picture or of n.
        """
        if len(features) != len(self.sizes.widths) - 1 or any(len(f) not in (1, len(latent)) for f in features):
            raise ValueError("features are not those of one picture or of as many as there are latents")
        return self.dec(latent, features, self.dtype)

    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        """Return sources with the motions of driving pictures, absolute.

        Args:
            source: (1 or n, 3, size, size).
            driving: (n, 3, size, size).

        Returns:
            (n, 3, size, size).
        """
        h, features = self.encode(source)
        return self.synthesise(self.latent(h, self.motion(driving)), features)

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
        """Return latents h (n, style) and the features of 8, 16, ... size pixels that `synthesise` takes."""
        return self.enc.net_app(images.to(self.dtype))

    def motion(self, given: Tensor) -> Tensor:
        """Return motions (n, motion) of pictures (n, 3, size, size) or of latents h (n, style)."""
        if given.ndim == 4:
            given, _ = self.enc.net_app(given.to(self.dtype), keep=False)
        return self.enc.fc(given)

    def latent(self, h: Tensor, drive: Tensor, source: Tensor | None = None, start: Tensor | None = None) -> Tensor:
        """Return latents (n, style) that give looks h (1 or n, style) the motions drive (n, motion).

        Absolute without source and start. With both relative: the source's own motion (1 or n, motion) plus how far
        the driving one is from its start (1 or n, motion), the motion of its first frame.
        """
        if (source is None) != (start is None):
            raise ValueError("relative motion needs both the source's motion and the start")
        if source is not None and start is not None:
            drive = drive + (source - start)
        return h + self.dec.direction(drive)

    def synthesise(self, latent: Tensor, features: Sequence[Tensor]) -> Tensor:
        """Return pictures (n, 3, size, size), not clamped, for latents (n, style).

        features: as `encode` gives them, of n pictures or of one for all latents.
        """
        if len(features) != len(self.sizes.widths) - 1 or any(len(f) not in (1, len(latent)) for f in features):
            raise ValueError("features are not those of one picture or of as many as there are latents")
        return self.dec(latent, features, self.dtype)

    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        """Return one source (1, 3, size, size), or n, with the motions of n driving pictures, absolute."""
        h, features = self.encode(source)
        return self.synthesise(self.latent(h, self.motion(driving)), features)

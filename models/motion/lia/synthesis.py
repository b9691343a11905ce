"""LIA's decoder: a latent moves the source's features by flow fields and paints the picture from them.

Written from a description of behaviour (wyhsirius/LIA at b9f15fb; its weights are CC BY-NC 4.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.motion.lia.encoder import COARSE
from models.motion.lia.layers import GAIN, SLOPE, Bias, Derived, Double, EqualConv, ModulatedConv, StyledConv

_SHIFT = 1e-8


class Direction(Derived):
    """Orthonormal basis of the motions: weight (style, motion)."""

    def __init__(self, style: int, motion: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(style, motion))

    def basis(self) -> Tensor:
        """(style, motion) float32 factor Q of the weight's QR decomposition.

        Signs are those of Householder's reflections as LAPACK has them and must stay so: the encoder was trained with
        them. Computed on the CPU, so that no device's library can differ.
        """
        return self.kept("basis", self._decompose)

    def forward(self, alpha: Tensor) -> Tensor:
        """Return the shift of the latent for a motion.

        Args:
            alpha: (n, motion) coordinates.

        Returns:
            (n, style).
        """
        return alpha @ self.basis().T

    def _decompose(self) -> Tensor:
        basis, _ = torch.linalg.qr(self.weight.cpu().float() + _SHIFT)
        return basis.to(self.weight.device)


class FlowHead(Derived):
    """Where the pixels of one level come from, and how far the source's feature covers the generated one."""

    def __init__(self, inputs: int, style: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.upsample = Double()
        self.conv = ModulatedConv(inputs, 3, 1, style)

    def forward(self, x: Tensor, latent: Tensor, coarser: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return the flow of one level.

        All float32: half precision resolves a coordinate to half a pixel only, and levels add up.

        Args:
            x: (n, inputs, s, s).
            latent: (n, style).
            coarser: Flow of the coarser level, or None.

        Returns:
            Flow (n, 3, s, s), grid (n, s, s, 2) for grid_sample, mask (n, 1, s, s) in 0..1.
        """
        bias = self.kept("bias", lambda: self.bias.float().flatten())
        # Three rows of weights are cheaper to modulate than all pixels.
        weight = (self.conv.weight.flatten(2) * self.conv.modulation(latent)[:, None]).to(x.dtype)
        pixels = x.permute(0, 2, 3, 1).flatten(1, 2)
        flow = (pixels @ weight.transpose(1, 2)).float() + bias
        flow = flow.view(len(x), *x.shape[2:], 3).permute(0, 3, 1, 2)
        if coarser is not None:
            flow.add_(self.upsample(coarser))
        side = x.shape[-1]
        base = self.kept(f"base {side}", lambda: _base(side, x.device))
        return flow, flow[:, :2].permute(0, 2, 3, 1).tanh() + base, flow[:, 2:].sigmoid()


class ColourHead(Derived):
    """Colours of one level, painted from the moved source feature alone."""

    def __init__(self, inputs: int, *, double: bool = True) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        if double:
            self.upsample = Double()
        self.conv = nn.Sequential(EqualConv(inputs, 3, 1, gain=GAIN), Bias(3))

    def forward(self, feature: Tensor, grid: Tensor, mask: Tensor, coarser: Tensor | None) -> Tensor:
        """Return the colours of one level.

        Args:
            feature: (1 or n, inputs, s, s).
            grid: (n, s, s, 2) of the level's flow.
            mask: (n, 1, s, s) of the level's flow.
            coarser: Colours of the coarser level, or None.

        Returns:
            (n, 3, s, s).
        """
        # A 1x1 convolution without bias, sampling and masking are linear, so their order is free. This one needs a
        # convolution per source instead of one per frame, and the finest level only three channels to be sampled.
        moved = sample(self.conv[0](feature), grid).mul_(mask)
        colours = functional.leaky_relu_(moved.add_(self.conv[1](moved.dtype).view(1, 3, 1, 1)), SLOPE)
        colours.add_(self.kept("bias", lambda: self.bias.float()))
        return colours if coarser is None else colours.add_(self.upsample(coarser))


class Constant(nn.Module):
    """The picture that every synthesis starts from: `input` (1, channels, 4, 4)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))


class Decoder(nn.Module):
    """Synthesis of pictures. widths: channels for 4, 8, ... pixels. `to_rgb1` is stored but never used."""

    def __init__(self, widths: Sequence[int], style: int, motion: int) -> None:
        super().__init__()
        self.direction = Direction(style, motion)
        self.input = Constant(widths[0])
        self.conv1 = StyledConv(widths[0], widths[0], style)
        self.to_rgb1 = ColourHead(widths[0], double=False)
        self.convs = nn.ModuleList()
        for before, after in pairwise(widths):
            self.convs.append(StyledConv(before, after, style, up=True))
            self.convs.append(StyledConv(after, after, style))
        self.to_rgbs = nn.ModuleList(ColourHead(width) for width in widths[1:])
        self.to_flows = nn.ModuleList(FlowHead(width, style) for width in widths[1:])

    def forward(self, latent: Tensor, features: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
        """Return the pictures of latents.

        Args:
            latent: (n, style).
            features: (1 or n, c, 8, 8) ... (1 or n, c, s, s).
            dtype: Type of the convolutions, except those of 8 pixels and fewer: they stay float32, as they cost little
                and every error in their flow is carried up to the finest level.

        Returns:
            (n, 3, s, s) float32.
        """
        x = self.input.input.float().repeat(len(latent), 1, 1, 1).contiguous(memory_format=torch.channels_last)
        x = self.conv1(x, latent)
        flow: Tensor | None = None
        colours: Tensor | None = None
        for level, feature in enumerate(features):
            if feature.shape[-1] > COARSE:
                x = x.to(dtype)
            x = self.convs[2 * level + 1](self.convs[2 * level](x, latent), latent)
            flow, grid, mask = self.to_flows[level](x, latent, flow)
            colours = self.to_rgbs[level](feature, grid, mask, colours)
            if level + 1 < len(features):
                moved = sample(feature, grid).to(x.dtype, memory_format=torch.channels_last)
                x.lerp_(moved, mask.to(x.dtype))
        assert colours is not None
        return colours


def sample(feature: Tensor, grid: Tensor) -> Tensor:
    """Return a feature at the places of a grid, 0 outside.

    Args:
        feature: (1 or n, c, s, s).
        grid: (n, s, s, 2).

    Returns:
        (n, c, s, s).
    """
    # In float32: grid_sample wants one type for both, and half precision would move pixels by up to half of one.
    spread = feature.expand(len(grid), -1, -1, -1)
    return functional.grid_sample(spread, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _base(side: int, device: torch.device) -> Tensor:
    steps = torch.linspace(-1.0, 1.0, side, device=device)
    return torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)

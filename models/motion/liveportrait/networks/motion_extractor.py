"""M, the motion extractor: pose, expression and key points of a face, by a ConvNeXt-V2 with seven linear heads.

Own implementation of LivePortrait's second network (Guo et al. 2024, arXiv:2407.03168; code and weights MIT) on the
backbone of Woo et al. 2023 (arXiv:2301.00808), from their published behaviour.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.motion.liveportrait.sizes import BINS, POINTS, Sizes

HEADS = {"kp": 3 * POINTS, "scale": 1, "pitch": BINS, "yaw": BINS, "roll": BINS, "t": 3, "exp": 3 * POINTS}
"""Outputs and their lengths: canonical key points, scale, angle bins, shift, expression."""
_EPS = 1e-6


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of (n, c, h, w)."""

    def __init__(self, wide: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(wide))
        self.bias = nn.Parameter(torch.zeros(wide))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised map.

        Args:
            x: (n, c, h, w).

        Returns:
            (n, c, h, w).
        """
        moved = x.permute(0, 2, 3, 1)
        return functional.layer_norm(moved, self.weight.shape, self.weight, self.bias, _EPS).permute(0, 3, 1, 2)


class ResponseNorm(nn.Module):
    """Global response normalisation of (n, h, w, c): channels compete by their energy over the picture."""

    def __init__(self, wide: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, wide))
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, wide))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised map.

        Args:
            x: (n, h, w, c).

        Returns:
            (n, h, w, c).
        """
        # Summed in float32: squares of half precision numbers overflow or lose their small terms.
        energy = x.float().norm(dim=(1, 2), keepdim=True)
        share = (energy / (energy.mean(dim=-1, keepdim=True) + _EPS)).to(x.dtype)
        return self.gamma * (x * share) + self.beta + x


class Block(nn.Module):
    """One ConvNeXt-V2 block, (n, c, h, w) -> the same shape."""

    def __init__(self, wide: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(wide, wide, 7, padding=3, groups=wide)
        self.norm = nn.LayerNorm(wide, eps=_EPS)
        self.pwconv1 = nn.Linear(wide, 4 * wide)
        self.grn = ResponseNorm(4 * wide)
        self.pwconv2 = nn.Linear(4 * wide, wide)

    def forward(self, x: Tensor) -> Tensor:
        """Return the input plus the block's output.

        Args:
            x: (n, c, h, w).

        Returns:
            (n, c, h, w).
        """
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.pwconv2(self.grn(functional.gelu(self.pwconv1(y))))
        return x + y.permute(0, 3, 1, 2)


class Detector(nn.Module):
    """Backbone and heads."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        widths = sizes.stages
        steps = [nn.Sequential(nn.Conv2d(3, widths[0], 4, stride=4), ChannelNorm(widths[0]))]
        steps += [
            nn.Sequential(ChannelNorm(before), nn.Conv2d(before, after, 2, stride=2))
            for before, after in pairwise(widths)
        ]
        self.downsample_layers = nn.ModuleList(steps)
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(wide) for _ in range(count)))
            for wide, count in zip(widths, sizes.blocks, strict=True)
        )
        self.norm = nn.LayerNorm(widths[-1], eps=_EPS)
        for name, length in HEADS.items():
            setattr(self, f"fc_{name}", nn.Linear(widths[-1], length))

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return the outputs of all heads.

        Args:
            pictures: (n, 3, 256, 256) RGB in [0, 1].

        Returns:
            Name of each head -> (n, length).
        """
        x = pictures
        for step, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(step(x))
        x = self.norm(x.mean(dim=(2, 3)))
        return {name: getattr(self, f"fc_{name}")(x) for name in HEADS}


class MotionExtractor(nn.Module):
    """(n, 3, 256, 256) RGB in [0, 1] -> head name -> (n, length); angles as logits over bins, see `keypoints`."""

    def __init__(self, sizes: Sizes | None = None) -> None:
        super().__init__()
        self.detector = Detector(sizes or Sizes())

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return the heads' raw outputs.

        Args:
            pictures: (n, 3, 256, 256) RGB in [0, 1].

        Returns:
            Name of each head -> (n, length).
        """
        result: dict[str, Tensor] = self.detector(pictures)
        return result

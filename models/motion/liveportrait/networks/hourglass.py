"""The 3-D hourglass of the warping module: it pools rows and columns, never the depth."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.motion.liveportrait.networks.blocks import ConvNorm3d, absorb
from models.motion.liveportrait.sizes import Sizes


class _Encoder(nn.Module):
    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.down_blocks = nn.ModuleList(ConvNorm3d(before, after) for before, after in pairwise(widths))

    def forward(self, x: Tensor) -> list[Tensor]:
        levels = [x]
        for block in self.down_blocks:
            full = block(levels[-1])
            # The same as pooling (1, 2, 2) in 3-D, which torch cannot do in bfloat16 on a CPU.
            pooled = functional.avg_pool2d(full.flatten(1, 2), 2)
            levels.append(pooled.reshape(*full.shape[:3], *pooled.shape[2:]))
        return levels


class _Decoder(nn.Module):
    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        blocks, wide = [], widths[-1]
        for level in reversed(range(len(widths) - 1)):
            out = widths[level] if level else widths[1] // 2
            blocks.append(ConvNorm3d(wide, out))
            wide = out + widths[level]
        self.up_blocks = nn.ModuleList(blocks)
        self.conv = nn.Conv3d(wide, wide, 3, padding=1)
        self.norm: nn.Module = nn.BatchNorm3d(wide)
        self.wide = wide

    def forward(self, levels: list[Tensor]) -> Tensor:
        x = levels[-1]
        for block, skip in zip(self.up_blocks, reversed(levels[:-1]), strict=True):
            raised = functional.interpolate(x, scale_factor=(1, 2, 2), mode="nearest")
            x = torch.cat([block(raised), skip], dim=1)
        return functional.relu(self.norm(self.conv(x)), inplace=True)


class Hourglass(nn.Module):
    """(n, in, depth, rows, columns) -> (n, `wide`, depth, rows, columns)."""

    def __init__(self, wide_in: int, sizes: Sizes) -> None:
        super().__init__()
        inner = [min(sizes.most, sizes.hourglass * 2**i) for i in range(sizes.levels)]
        self.encoder = _Encoder([wide_in, *inner])
        self.decoder = _Decoder([wide_in, *inner])
        self.wide = self.decoder.wide

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of every place.

        Args:
            x: (n, in, depth, rows, columns).

        Returns:
            (n, `wide`, depth, rows, columns).
        """
        return self.decoder(self.encoder(x))

    def fold(self) -> None:
        """Fold every batch normalisation into its convolution."""
        for block in (*self.encoder.down_blocks, *self.decoder.up_blocks, self.decoder):
            block.norm = absorb(block.conv, block.norm)

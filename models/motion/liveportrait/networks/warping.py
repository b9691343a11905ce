"""W, the warping module: the source's feature volume, moved as the key points say.

Own implementation of LivePortrait's third network (Guo et al. 2024, arXiv:2407.03168; code and weights MIT) from its
published behaviour. Sampling places are float32 whatever the precision of the rest: half precision moves a place by
up to a tenth of a cell.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.motion.liveportrait.networks.blocks import ConvNorm2d, absorb
from models.motion.liveportrait.networks.hourglass import Hourglass
from models.motion.liveportrait.sizes import POINTS, Sizes
from models.motion.liveportrait.sliced import SlicedConv

_VARIANCE = 0.01
"""Of the Gaussian around each key point, in units of half the volume's side."""


class Warped(NamedTuple):
    """The output of the warping module.

    Attributes:
        features: (n, 256, 64, 64).
        occlusion: (n, 1, 64, 64) in (0, 1).
        deformation: (n, 16, 64, 64, 3), sampling places (x, y, depth) in [-1, 1].
        mask: (n, 22, 16, 64, 64), the share of the background and of each key point.
    """

    features: Tensor
    occlusion: Tensor
    deformation: Tensor
    mask: Tensor


def identity_grid(depth: int, rows: int, columns: int, device: torch.device) -> Tensor:
    """Return the places of all cells; the first and last cell lie at -1 and 1 exactly.

    Args:
        depth: Cells in depth.
        rows: Cells down.
        columns: Cells across.
        device: Where the result lies.

    Returns:
        (depth, rows, columns, 3) float32 places x, y, depth.
    """
    axes = [torch.linspace(-1, 1, size, device=device) for size in (depth, rows, columns)]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return torch.stack([x, y, z], dim=-1)


def sample(volume: Tensor, places: Tensor) -> Tensor:
    """Return a volume sampled at places, trilinear, zero outside.

    Args:
        volume: (n, c, d, h, w).
        places: (n, d', h', w', 3) in [-1, 1].

    Returns:
        (n, c, d', h', w') float32.
    """
    # The grid's corners lie on -1 and 1 while sampling takes them for outer edges: the weights were trained that way.
    return functional.grid_sample(volume.float(), places, mode="bilinear", padding_mode="zeros", align_corners=False)


class DenseMotion(nn.Module):
    """Finds the key point that every place of the volume follows."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.hourglass = Hourglass((POINTS + 1) * (sizes.squeezed + 1), sizes)
        wide = self.hourglass.wide
        self.mask: nn.Module = nn.Conv3d(wide, POINTS + 1, 7, padding=3)
        self.compress = nn.Conv3d(sizes.volume, sizes.squeezed, 1)
        self.norm: nn.Module = nn.BatchNorm3d(sizes.squeezed)
        self.occlusion = nn.Conv2d(wide * sizes.depth, 1, 7, padding=3)

    def squeeze(self, volume: Tensor) -> Tensor:
        """Return the few channels of a source's volume that are warped once per key point.

        They do not depend on the motion.

        Args:
            volume: (n, 32, 16, 64, 64).

        Returns:
            (n, squeezed, 16, 64, 64).
        """
        return functional.relu(self.norm(self.compress(volume.to(self.compress.weight.dtype))))

    def forward(self, squeezed: Tensor, kp_driving: Tensor, kp_source: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return deformation, occlusion and mask for key points (see `Warped`).

        Args:
            squeezed: Of one source for all (first dimension 1), or of one source each.
            kp_driving: (n, 21, 3) float32 driven key points.
            kp_source: (n, 21, 3) float32 key points of the source.

        Returns:
            (deformation, occlusion, mask).
        """
        count, (depth, rows, columns) = len(kp_driving), squeezed.shape[2:]
        grid = identity_grid(depth, rows, columns, squeezed.device)
        shift = functional.pad(kp_source - kp_driving, (0, 0, 1, 0))
        # All candidate motions of a sample are sampled from the one volume, as if they were more depth.
        places = (grid + shift[:, :, None, None, None]).reshape(count, -1, rows, columns, 3)
        copies = sample(squeezed.expand(count, -1, -1, -1, -1), places)
        copies = copies.reshape(count, -1, POINTS + 1, depth, rows, columns).transpose(1, 2)
        heat = _gaussian(grid, kp_driving) - _gaussian(grid, kp_source)
        heat = functional.pad(heat, (0, 0, 0, 0, 0, 0, 1, 0))[:, :, None]
        stacked = torch.cat([heat, copies], dim=2).flatten(1, 2).to(squeezed.dtype)
        seen = self.hourglass(stacked)
        mask = self.mask(seen).float().softmax(dim=1)
        # Shares sum to one and every candidate is the grid plus a shift, so only the shifts need weighing.
        deformation = grid + torch.einsum("nkdhw,nkc->ndhwc", mask, shift)
        occlusion = self.occlusion(seen.flatten(1, 2)).float().sigmoid()
        return deformation, occlusion, mask


class WarpingModule(nn.Module):
    """Source volume and key points -> warped features."""

    def __init__(self, sizes: Sizes | None = None) -> None:
        super().__init__()
        s = sizes or Sizes()
        self.dense_motion_network = DenseMotion(s)
        self.third = ConvNorm2d(s.volume * s.depth, s.warped)
        self.fourth = nn.Conv2d(s.warped, s.warped, 1)

    def forward(self, volume: Tensor, kp_driving: Tensor, kp_source: Tensor, squeezed: Tensor | None = None) -> Warped:
        """Warp a volume by key points.

        Args:
            volume: (1 or n, 32, 16, 64, 64).
            kp_driving: (n, 21, 3) float32 driven key points.
            kp_source: (1 or n, 21, 3) float32 key points of the source.
            squeezed: `dense_motion_network.squeeze(volume)`, where it is at hand already.

        Returns:
            The warped features and how they were made.
        """
        count = len(kp_driving)
        source = kp_source.expand(count, -1, -1)
        if squeezed is None:
            squeezed = self.dense_motion_network.squeeze(volume)
        deformation, occlusion, mask = self.dense_motion_network(squeezed, kp_driving, source)
        moved = sample(volume.expand(count, -1, -1, -1, -1), deformation).to(self.fourth.weight.dtype)
        x = functional.leaky_relu(self.third(moved.flatten(1, 2)), 0.01)
        return Warped(self.fourth(x) * occlusion.to(x.dtype), occlusion, deformation, mask)

    def fold(self) -> None:
        """Fold every batch normalisation into the convolution before it, and flatten the large one for the mask."""
        self.third.norm = absorb(self.third.conv, self.third.norm)
        dense = self.dense_motion_network
        dense.norm = absorb(dense.compress, dense.norm)
        dense.hourglass.fold()
        if isinstance(dense.mask, nn.Conv3d):
            dense.mask = SlicedConv(dense.mask)


def _gaussian(grid: Tensor, points: Tensor) -> Tensor:
    """(n, 21, depth, rows, columns): nearness of every place to every point."""
    apart = (grid - points[:, :, None, None, None]).square().sum(dim=-1)
    return torch.exp(-apart / (2 * _VARIANCE))

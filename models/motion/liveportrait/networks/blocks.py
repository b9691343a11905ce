"""Layers that several of LivePortrait's networks are made of, under the names of the released checkpoints."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class ConvNorm2d(nn.Module):
    """Convolution 3x3 and batch normalisation, (n, in, h, w) -> (n, out, h, w)."""

    def __init__(self, wide_in: int, wide_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(wide_in, wide_out, 3, padding=1)
        self.norm: nn.Module = nn.BatchNorm2d(wide_out)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised convolution, without activation.

        Args:
            x: (n, in, h, w).

        Returns:
            (n, out, h, w).
        """
        return self.norm(self.conv(x))


class ConvNorm3d(nn.Module):
    """Convolution 3x3x3 and batch normalisation, (n, in, d, h, w) -> (n, out, d, h, w)."""

    def __init__(self, wide_in: int, wide_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(wide_in, wide_out, 3, padding=1)
        self.norm: nn.Module = nn.BatchNorm3d(wide_out)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised convolution, with a ReLU at the end.

        Args:
            x: (n, in, d, h, w).

        Returns:
            (n, out, d, h, w).
        """
        return functional.relu(self.norm(self.conv(x)), inplace=True)


class Residual3d(nn.Module):
    """Residual block with the activations before the convolutions, (n, c, d, h, w) -> the same shape."""

    def __init__(self, wide: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(wide, wide, 3, padding=1)
        self.conv2 = nn.Conv3d(wide, wide, 3, padding=1)
        self.norm1 = nn.BatchNorm3d(wide)
        self.norm2: nn.Module = nn.BatchNorm3d(wide)

    def forward(self, x: Tensor) -> Tensor:
        """Return the input plus the output of the two convolutions.

        Args:
            x: (n, c, d, h, w).

        Returns:
            (n, c, d, h, w).
        """
        y = self.conv1(functional.relu(self.norm1(x), inplace=True))
        return x + self.conv2(functional.relu(self.norm2(y), inplace=True))


def absorb(conv: nn.Conv2d | nn.Conv3d, norm: nn.Module) -> nn.Module:
    """Fold a batch normalisation that follows a convolution into it.

    Exact up to rounding in evaluation mode. The module no longer has the released keys afterwards.

    Args:
        conv: The convolution; changed in place.
        norm: The normalisation.

    Returns:
        The module that takes the normalisation's place; `norm` itself when it is no batch normalisation.
    """
    if not isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d):
        return norm
    assert norm.running_mean is not None and norm.running_var is not None and conv.bias is not None
    factor = norm.weight.data.double() / (norm.running_var.double() + norm.eps).sqrt()
    shape = (-1, *[1] * (conv.weight.dim() - 1))
    offset = (conv.bias.data.double() - norm.running_mean.double()) * factor + norm.bias.data.double()
    conv.weight.data = (conv.weight.data.double() * factor.view(shape)).to(conv.weight.dtype)
    conv.bias.data = offset.to(conv.bias.dtype)
    return nn.Identity()

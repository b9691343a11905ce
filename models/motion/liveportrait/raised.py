"""A 3x3 convolution of an enlarged map, computed before the enlarging.

After nearest-neighbour enlarging most taps of a kernel fall on copies of the same value, so their weights can be added
first. By a factor of four this takes 25 multiplications where the plain way takes 144, by two 16 where it takes 36.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

Reach = tuple[int, int, int]
"""Which cell of the small map, counted from the own one, each of the three taps falls on."""


class RaisedConv(nn.Module):
    """relu(convolution of x enlarged `scale` times), (n, in, h, w) -> (n, out, scale h, scale w).

    Made of a 3x3 convolution with padding 1; equal to it up to rounding, at the borders too.
    """

    def __init__(self, conv: nn.Conv2d, scale: int) -> None:
        super().__init__()
        assert conv.kernel_size == (3, 3) and conv.padding == (1, 1) and conv.bias is not None
        self.scale = scale
        self.bias = conv.bias
        self.weights = nn.ParameterList()
        self._parts: list[tuple[list[int], list[int], tuple[int, int, int, int]]] = []
        for down, rows in _reaches(scale).items():
            for across, columns in _reaches(scale).items():
                self.weights.append(nn.Parameter(_added(conv.weight.data, down, across), requires_grad=False))
                self._parts.append((rows, columns, (-across[0], across[2], -down[0], down[2])))

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of the enlarged map, with the activation.

        Args:
            x: (n, in, h, w).

        Returns:
            (n, out, scale h, scale w).
        """
        count, _, height, width = x.shape
        raised = x.new_empty(count, len(self.bias), height * self.scale, width * self.scale)
        for weight, (rows, columns, border) in zip(self.weights, self._parts, strict=True):
            part = functional.relu(functional.conv2d(functional.pad(x, border), weight, self.bias), inplace=True)
            for row in rows:
                for column in columns:
                    raised[:, :, row :: self.scale, column :: self.scale] = part
        return raised


def _reaches(scale: int) -> dict[Reach, list[int]]:
    """Reach -> the rows (or columns) within an enlarged cell that have it."""
    result: dict[Reach, list[int]] = {}
    for place in range(scale):
        first, own, last = ((place + tap) // scale for tap in (-1, 0, 1))
        result.setdefault((first, own, last), []).append(place)
    return result


def _added(weight: Tensor, down: Reach, across: Reach) -> Tensor:
    """(out, in, rows, columns) weights of the small map's cells, summed in float64."""
    small = torch.zeros(*weight.shape[:2], down[2] - down[0] + 1, across[2] - across[0] + 1, dtype=torch.float64)
    for i, row in enumerate(down):
        for j, column in enumerate(across):
            small[:, :, row - down[0], column - across[0]] += weight[:, :, i, j].double()
    return small.to(weight.dtype)

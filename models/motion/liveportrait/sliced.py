"""A 3-D convolution with few outputs, computed as one 2-D convolution with many.

All taps along the depth become outputs of a single 2-D convolution over every slice, and the results are added where
they belong. The multiplications are the same, but matrix units that work on wide tiles are not left half empty.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class SlicedConv(nn.Module):
    """(n, in, d, h, w) -> (n, out, d, h, w), equal up to rounding to the cubic, padded convolution it is made of."""

    def __init__(self, conv: nn.Conv3d) -> None:
        super().__init__()
        assert conv.bias is not None and conv.stride == (1, 1, 1)
        self.outputs, self.taps = conv.out_channels, conv.kernel_size[0]
        assert conv.padding == (self.taps // 2,) * 3
        stacked = conv.weight.data.permute(2, 0, 1, 3, 4).flatten(0, 1).contiguous()
        self.weight = nn.Parameter(stacked, requires_grad=False)
        self.bias = conv.bias

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution.

        Args:
            x: (n, in, d, h, w).

        Returns:
            (n, out, d, h, w).
        """
        count, wide, depth, height, width = x.shape
        reach = self.taps // 2
        slices = x.transpose(1, 2).reshape(count * depth, wide, height, width)
        parts = functional.conv2d(slices, self.weight, padding=reach)
        parts = parts.reshape(count, depth, self.taps, self.outputs, height, width)
        total = self.bias.view(1, 1, -1, 1, 1).repeat(count, depth, 1, height, width)
        for tap in range(self.taps):
            ahead = tap - reach
            first, end = max(0, -ahead), min(depth, depth - ahead)
            if first < end:
                total[:, first:end] += parts[:, first + ahead : end + ahead, tap]
        return total.transpose(1, 2)

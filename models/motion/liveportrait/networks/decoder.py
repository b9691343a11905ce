"""G, the decoder: warped features become a picture, by residual blocks whose normalisation the features steer.

Own implementation of LivePortrait's fourth network (Guo et al. 2024, arXiv:2407.03168; code and weights MIT), a SPADE
generator (Park et al. 2019, arXiv:1903.07291), from its published behaviour.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.motion.liveportrait.raised import RaisedConv
from models.motion.liveportrait.sizes import Sizes

_MIDDLE = 6
_SLOPE = 0.2


class SpectralConv(nn.Module):
    """Convolution whose weight is divided by its largest singular value, with the vectors as they were stored."""

    def __init__(self, wide_in: int, wide_out: int, kernel: int, bias: bool = True) -> None:
        super().__init__()
        self.padding = kernel // 2
        if bias:
            self.bias: nn.Parameter | None = nn.Parameter(torch.zeros(wide_out))
        else:
            self.register_parameter("bias", None)
        self.weight_orig = nn.Parameter(torch.zeros(wide_out, wide_in, kernel, kernel))
        self.register_buffer("weight_u", torch.zeros(wide_out))
        self.register_buffer("weight_v", torch.zeros(wide_in * kernel * kernel))
        self.weight_u: Tensor
        self.weight_v: Tensor
        self.folded = False

    def fold(self) -> None:
        """Divide once instead of at every call."""
        if not self.folded:
            self.weight_orig.data = self._weight().data
            self.folded = True

    def _weight(self) -> Tensor:
        if self.folded:
            return self.weight_orig
        return self.weight_orig / torch.dot(self.weight_u, self.weight_orig.flatten(1) @ self.weight_v)

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution.

        Args:
            x: (n, in, h, w).

        Returns:
            (n, out, h, w).
        """
        return functional.conv2d(x, self._weight(), self.bias, padding=self.padding)


class Spade(nn.Module):
    """Instance normalisation whose scale and offset come from a feature map that is `enlarged` times smaller."""

    def __init__(self, wide: int, steering: int, shared: int, enlarged: int = 1) -> None:
        super().__init__()
        self._enlarged = enlarged
        self.mlp_shared = nn.Sequential(nn.Conv2d(steering, shared, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(shared, wide, 3, padding=1)
        self.mlp_beta = nn.Conv2d(shared, wide, 3, padding=1)
        self._both: nn.Conv2d | None = None
        self._raised: RaisedConv | None = None

    def fold(self) -> None:
        """Make one convolution of the two that read the same input, and take the enlarging out of the first."""
        if self._both is not None:
            return
        gamma, beta = self.mlp_gamma, self.mlp_beta
        assert gamma.bias is not None and beta.bias is not None
        both = nn.Conv2d(gamma.in_channels, 2 * gamma.out_channels, 3, padding=1)
        both.weight.data = torch.cat([gamma.weight.data, beta.weight.data])
        both.bias = nn.Parameter(torch.cat([gamma.bias.data + 1, beta.bias.data]))
        self._both = both
        del self.mlp_gamma, self.mlp_beta
        first = self.mlp_shared[0]
        if self._enlarged > 1 and isinstance(first, nn.Conv2d):
            self._raised = RaisedConv(first, self._enlarged)
            del self.mlp_shared

    def forward(self, x: Tensor, steering: Tensor) -> Tensor:
        """Return the normalised, steered map.

        Args:
            x: (n, c, h, w).
            steering: (n, s, h / enlarged, w / enlarged).

        Returns:
            (n, c, h, w).
        """
        if self._raised is not None:
            hidden = self._raised(steering)
        elif self._enlarged > 1:
            hidden = self.mlp_shared(functional.interpolate(steering, scale_factor=self._enlarged, mode="nearest"))
        else:
            hidden = self.mlp_shared(steering)
        if self._both is not None:
            scale, offset = self._both(hidden).chunk(2, dim=1)
        else:
            scale, offset = self.mlp_gamma(hidden) + 1, self.mlp_beta(hidden)
        return torch.addcmul(offset, functional.instance_norm(x), scale)


class ResidualBlock(nn.Module):
    """Two steered convolutions beside a shortcut, which is one of its own where the width changes."""

    def __init__(self, wide_in: int, wide_out: int, steering: int, shared: int, enlarged: int = 1) -> None:
        super().__init__()
        middle = min(wide_in, wide_out)
        self.conv_0 = SpectralConv(wide_in, middle, 3)
        self.conv_1 = SpectralConv(middle, wide_out, 3)
        if wide_in != wide_out:
            self.conv_s = SpectralConv(wide_in, wide_out, 1, bias=False)
        self.norm_0 = Spade(wide_in, steering, shared, enlarged)
        self.norm_1 = Spade(middle, steering, shared, enlarged)
        if wide_in != wide_out:
            self.norm_s = Spade(wide_in, steering, shared, enlarged)
        self.widens = wide_in != wide_out

    def forward(self, x: Tensor, steering: Tensor) -> Tensor:
        """Return the block's output.

        Args:
            x: (n, in, h, w).
            steering: (n, s, h / enlarged, w / enlarged).

        Returns:
            (n, out, h, w).
        """
        shortcut = self.conv_s(self.norm_s(x, steering)) if self.widens else x
        y = self.conv_0(functional.leaky_relu(self.norm_0(x, steering), _SLOPE, inplace=True))
        y = self.conv_1(functional.leaky_relu(self.norm_1(y, steering), _SLOPE, inplace=True))
        return shortcut + y


class SpadeDecoder(nn.Module):
    """(n, 256, 64, 64) features -> (n, 3, 512, 512) RGB in (0, 1)."""

    def __init__(self, sizes: Sizes | None = None) -> None:
        super().__init__()
        s = sizes or Sizes()
        wide = s.decoder
        self.fc = nn.Conv2d(s.warped, wide, 3, padding=1)
        for number in range(_MIDDLE):
            setattr(self, f"G_middle_{number}", ResidualBlock(wide, wide, s.warped, s.shared))
        self.up_0 = ResidualBlock(wide, wide // 2, s.warped, s.shared, 2)
        self.up_1 = ResidualBlock(wide // 2, wide // 8, s.warped, s.shared, 4)
        self.conv_img = nn.Sequential(nn.Conv2d(wide // 8, 12, 3, padding=1))

    def forward(self, features: Tensor) -> Tensor:
        """Return the pictures of features.

        Args:
            features: (n, 256, 64, 64).

        Returns:
            (n, 3, 512, 512) RGB in (0, 1).
        """
        x = self.fc(features)
        for number in range(_MIDDLE):
            x = getattr(self, f"G_middle_{number}")(x, features)
        for block in (self.up_0, self.up_1):
            x = block(functional.interpolate(x, scale_factor=2, mode="nearest"), features)
        x = self.conv_img(functional.leaky_relu(x, _SLOPE))
        return functional.pixel_shuffle(x, 2).sigmoid()

    def fold(self) -> None:
        """Fold spectral norms and join convolutions; the module no longer has the released keys afterwards."""
        for module in list(self.modules()):
            if isinstance(module, SpectralConv | Spade):
                module.fold()

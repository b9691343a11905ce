"""Building blocks of LIA's 256-pixel generator: equalised and modulated convolutions, blurs and doublings.

Written from a description of behaviour (wyhsirius/LIA at b9f15fb; its weights are CC BY-NC 4.0, so not for commercial
use). For inference only. Layers compute in the type of what they are given, whatever their parameters' type, and keep
what that needs of the parameters (scaled, cast, laid out). Activations are channels-last: on CPU that saves the
library a reordering around every convolution, and tensor cores want it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

GAIN = math.sqrt(2.0)
SLOPE = 0.2
_EPSILON = 1e-8
_TAPS = (1.0, 3.0, 3.0, 1.0)


class Derived(nn.Module):
    """Module that keeps tensors derived from its own parameters until these are loaded anew, moved or cast.

    Changing a parameter in place by other means goes unnoticed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[str, Tensor] = {}

    def kept(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """Return a derived tensor, made on first use.

        Args:
            name: Name under which it is kept.
            make: Makes it.

        Returns:
            The result of `make` when this name was first asked for.
        """
        found = self._kept.get(name)
        if found is None:
            found = self._kept[name] = make()
        return found

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        self._kept.clear()
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]

    def _load_from_state_dict(self, *args: Any, **options: Any) -> None:
        self._kept.clear()
        super()._load_from_state_dict(*args, **options)


class Bias(Derived):
    """Holds `bias` (1, channels, 1, 1), used times `gain`."""

    def __init__(self, channels: int, gain: float = GAIN) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self._gain = gain

    def forward(self, dtype: torch.dtype) -> Tensor:
        """Return the bias times gain.

        Args:
            dtype: Type wanted.

        Returns:
            (channels,).
        """
        return self.kept(f"bias {dtype}", lambda: (self.bias.float().flatten() * self._gain).to(dtype))


class Kernel(Derived):
    """Holds `kernel` (4, 4): outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64 times `gain`; symmetric, so never flipped."""

    kernel: Tensor

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        taps = torch.tensor(_TAPS)
        self.register_buffer("kernel", torch.outer(taps, taps) * (gain / 64))


class Blur(Kernel):
    """Depth-wise blur of a fixed number of channels with zeros around."""

    def __init__(self, channels: int, gain: float = 1.0) -> None:
        super().__init__(gain)
        self._channels = channels

    def forward(self, x: Tensor, padding: int, stride: int = 1) -> Tensor:
        """Return the blurred map.

        Args:
            x: (n, channels, h, w).
            padding: Zeros on every side.
            stride: Step of the output.

        Returns:
            (n, channels, (h + 2 padding - 4) // stride + 1, ...).
        """
        kernel = self.kept(f"kernel {x.dtype}", lambda: self.kernel.to(x.dtype).repeat(self._channels, 1, 1, 1))
        return functional.conv2d(x, kernel, stride=stride, padding=padding, groups=self._channels)


class Double(Kernel):
    """Doubling of a picture by zeros between the samples and a blur of gain 4, as one transposed convolution."""

    def __init__(self) -> None:
        super().__init__(4.0)

    def forward(self, picture: Tensor) -> Tensor:
        """Return the doubled picture.

        Args:
            picture: (n, c, h, w) float32.

        Returns:
            (n, c, 2h, 2w) float32.
        """
        # Channels as samples: depth-wise transposed convolutions are slower than plain ones.
        planes = picture.reshape(-1, 1, *picture.shape[2:])
        kernel = self.kept("kernel", lambda: self.kernel.float().view(1, 1, 4, 4))
        doubled = functional.conv_transpose2d(planes, kernel, stride=2, padding=1)
        return doubled.view(*picture.shape[:2], *doubled.shape[2:])


class EqualLinear(Derived):
    """Linear layer whose weight (outputs, inputs) is used divided by sqrt(inputs); all of it times `gain`.

    Always computed in float32: latents steer where every pixel comes from, and cost next to nothing.
    """

    def __init__(self, inputs: int, outputs: int, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self._scale = gain / math.sqrt(inputs)
        self._gain = gain

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the layer.

        Args:
            x: (n, inputs) float32.

        Returns:
            (n, outputs) float32.
        """
        weight = self.kept("weight", lambda: self.weight.float() * self._scale)
        bias = self.kept("bias", lambda: self.bias.float() * self._gain)
        return functional.linear(x, weight, bias)


class EqualConv(Derived):
    """Convolution whose weight (outputs, inputs, size, size) is used divided by sqrt(inputs size²), times `gain`."""

    def __init__(
        self, inputs: int, outputs: int, size: int, stride: int = 1, padding: int = 0, *, gain: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self._scale = gain / math.sqrt(inputs * size * size)
        self._stride = stride
        self._padding = padding

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return the convolution.

        Args:
            x: (n, inputs, h, w).
            bias: (outputs,), added as it is.

        Returns:
            (n, outputs, ...).
        """
        weight = self.kept(f"weight {x.dtype}", lambda: _laid_out(self.weight.float() * self._scale, x.dtype))
        return functional.conv2d(x, weight, bias, self._stride, self._padding)


class ModulatedConv(Derived):
    """Convolution whose input channels are weighted by the latent: weight (1, outputs, inputs, size, size).

    The description modulates the weights for every sample; here the activations are multiplied, by the style before
    and by the demodulation after a convolution that all samples share. That is the same sum.
    """

    def __init__(self, inputs: int, outputs: int, size: int, style: int, *, up: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, outputs, inputs, size, size))
        self.blur = Blur(outputs, 4.0) if up else None
        # The weight's scale goes into the style: so half precision rounds the weight no second time.
        self.modulation = EqualLinear(style, inputs, gain=1 / math.sqrt(inputs * size * size))
        nn.init.ones_(self.modulation.bias)
        self._padding = size // 2

    def demodulation(self, style: Tensor) -> Tensor:
        """Return factors that bring every output channel to unit variance.

        Args:
            style: (n, inputs) factors of the input channels, as `modulation` gives them.

        Returns:
            (n, outputs) float32.
        """
        energy = self.kept("energy", lambda: self.weight[0].float().square().sum(dim=(2, 3)))
        return (style.square() @ energy.T + _EPSILON).rsqrt()

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of a map that is already multiplied by the style.

        Args:
            x: (n, inputs, h, w).

        Returns:
            (n, outputs, h, w); twice the sides with `up`.
        """
        weight = self.kept(f"weight {x.dtype}", lambda: self._prepare(x.dtype))
        if self.blur is None:
            return functional.conv2d(x, weight, padding=self._padding)
        return self.blur(functional.conv_transpose2d(x, weight, stride=2), 1)

    def _prepare(self, dtype: torch.dtype) -> Tensor:
        return _laid_out(self.weight[0] if self.blur is None else self.weight[0].transpose(0, 1), dtype)


class Noise(nn.Module):
    """Strength of a noise that only training adds; here for the sake of the file."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, demodulated, with bias and activation. `noise` is stored but never used."""

    def __init__(self, inputs: int, outputs: int, style: int, *, up: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, style, up=up)
        self.noise = Noise()
        self.activate = Bias(outputs)

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        """Return the modulated, activated convolution.

        Args:
            x: (n, inputs, h, w); overwritten.
            latent: (n, style) float32.

        Returns:
            (n, outputs, h, w); twice the sides with `up`.
        """
        style = self.conv.modulation(latent)
        # The activation is homogeneous, so its gain goes into the factors and the bias before it.
        factor = self.conv.demodulation(style).mul_(GAIN)
        out = self.conv(x.mul_(style.to(x.dtype)[:, :, None, None]))
        bias = self.activate(out.dtype).view(1, -1, 1, 1)
        torch.addcmul(bias, out, factor.to(out.dtype)[:, :, None, None], out=out)
        return functional.leaky_relu_(out, SLOPE)


def _laid_out(weight: Tensor, dtype: torch.dtype) -> Tensor:
    return weight.to(dtype).contiguous(memory_format=torch.channels_last)

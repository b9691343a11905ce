"""LIA's encoder: a picture to a latent of its looks, features for the decoder, and the coordinates of its motion.

Written from a description of behaviour (wyhsirius/LIA at b9f15fb; its weights are CC BY-NC 4.0).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.motion.lia.layers import GAIN, SLOPE, Bias, Blur, EqualConv, EqualLinear

COARSE = 8
_LINEAR_LAYERS = 5


class ConvAct(nn.Sequential):
    """Equalised convolution, bias and leaky ReLU times `gain`; when `down`, blurred before and of stride 2."""

    def __init__(self, inputs: int, outputs: int, size: int, *, down: bool = False, gain: float = GAIN) -> None:
        # The activation is homogeneous, so its gain goes into weight and bias.
        bias = Bias(outputs, gain)
        if down:
            super().__init__(Blur(inputs), EqualConv(inputs, outputs, size, 2, gain=gain), bias)
        else:
            super().__init__(EqualConv(inputs, outputs, size, padding=size // 2, gain=gain), bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the activated convolution.

        Args:
            x: (n, inputs, h, w).

        Returns:
            (n, outputs, h, w); half the sides when `down`.
        """
        *blur, conv, bias = self
        for module in blur:
            x = module(x, 2)
        return functional.leaky_relu_(conv(x, bias(x.dtype)), SLOPE)


class Skip(nn.Sequential):
    """Blur and 1x1 convolution of stride 2, without bias."""

    def __init__(self, inputs: int, outputs: int, gain: float) -> None:
        super().__init__(Blur(inputs), EqualConv(inputs, outputs, 1, gain=gain))

    def forward(self, x: Tensor) -> Tensor:
        """Return the halved map.

        Args:
            x: (n, inputs, h, w).

        Returns:
            (n, outputs, h / 2, w / 2).
        """
        # The blur takes the stride: what a 1x1 convolution would skip need not be blurred.
        return self[1](self[0](x, 1, 2))


class Halve(nn.Module):
    """Residual block that halves the sides: (n, inputs, h, w) to (n, outputs, h / 2, w / 2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        # (a + skip) / sqrt(2), where a carries a gain of sqrt(2): both go into the weights.
        self.conv1 = ConvAct(inputs, inputs, 3)
        self.conv2 = ConvAct(inputs, outputs, 3, down=True, gain=1.0)
        self.skip = Skip(inputs, outputs, math.sqrt(0.5))

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output.

        Args:
            x: (n, inputs, h, w); left as it is.

        Returns:
            (n, outputs, h / 2, w / 2).
        """
        return self.conv2(self.conv1(x)).add_(self.skip(x))


class FaceAttributes(nn.Module):
    """Convolutional part of the encoder.

    widths: channels for 4, 8, ... pixels up to the picture's side; style: length of the latent.
    """

    def __init__(self, widths: Sequence[int], style: int) -> None:
        super().__init__()
        falling = list(reversed(widths))
        convs: list[nn.Module] = [ConvAct(3, falling[0], 1)]
        convs += [Halve(before, after) for before, after in pairwise(falling)]
        convs.append(EqualConv(falling[-1], style, 4))
        self.convs = nn.ModuleList(convs)

    def forward(self, images: Tensor, *, keep: bool = True) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the latent and the features of pictures.

        Computes in the pictures' type, but layers that yield 8 pixels or fewer in float32: they cost little, and most
        of half precision's error in the latent was theirs.

        Args:
            images: (n, 3, s, s).
            keep: False returns no features, so that their memory is free for the next layers.

        Returns:
            Latent (n, style) and features (n, c, 8, 8) ... (n, c, s, s), all float32.
        """
        x = images.contiguous(memory_format=torch.channels_last)
        features: list[Tensor] = []
        *halving, last, head = self.convs
        for conv in halving:
            if x.shape[-1] <= 2 * COARSE:
                x = x.float()
            x = conv(x)
            if keep:
                features.append(x.float())
        return head(last(x.float())).flatten(1), tuple(reversed(features))


class Encoder(nn.Module):
    """Looks (`net_app`) and motion (`fc`) of a picture."""

    def __init__(self, widths: Sequence[int], style: int, motion: int) -> None:
        super().__init__()
        self.net_app = FaceAttributes(widths, style)
        layers = [EqualLinear(style, style) for _ in range(_LINEAR_LAYERS - 1)]
        self.fc = nn.Sequential(*layers, EqualLinear(style, motion))

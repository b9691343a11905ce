"""How wide the networks are. The released checkpoints fit the defaults; tests build small ones of the same kind."""

from __future__ import annotations

from dataclasses import dataclass

POINTS = 21
"""Key points that the networks speak in."""
BINS = 66
"""Angle bins of three degrees."""


@dataclass(frozen=True)
class Sizes:
    """Numbers of channels.

    base: of the first layer of the appearance extractor. volume, depth: channels and depth of the feature volume.
    squeezed: channels of the copies that are warped once per key point. hourglass, most: of its first level, and at
    most. levels: of the hourglass. warped: channels of the warped feature map. decoder: of the decoder's trunk.
    shared: hidden channels of its normalisation. stages, blocks: widths and depths of the motion extractor.
    """

    base: int = 64
    volume: int = 32
    depth: int = 16
    squeezed: int = 4
    hourglass: int = 64
    most: int = 1024
    levels: int = 5
    warped: int = 256
    decoder: int = 512
    shared: int = 128
    stages: tuple[int, int, int, int] = (96, 192, 384, 768)
    blocks: tuple[int, int, int, int] = (3, 3, 9, 3)

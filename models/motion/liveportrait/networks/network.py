"""LivePortrait put together: crops in, motion templates and drawings out, in batches.

Guo et al. 2024 (arXiv:2407.03168); own implementation that loads the released weights (KwaiVGI/LivePortrait, MIT).
Batch normalisations, spectral norms and paired convolutions are folded when the weights are loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.interfaces.capabilities import Floats, Image
from models.motion import crop
from models.motion.liveportrait import driving, ratios
from models.motion.liveportrait.driving import Options
from models.motion.liveportrait.keypoints import PACKED, Motion, motion_of, pack, unpack
from models.motion.liveportrait.networks.appearance import AppearanceExtractor
from models.motion.liveportrait.networks.decoder import SpadeDecoder
from models.motion.liveportrait.networks.motion_extractor import MotionExtractor
from models.motion.liveportrait.networks.warping import WarpingModule
from models.motion.liveportrait.retargeting import Retargeting
from models.motion.liveportrait.sizes import Sizes
from models.runtime import checkpoint
from models.runtime.device import Device, only_finite

_BATCH_CARD, _BATCH_CPU = 16, 2
"""Rows at a time: enough to fill a card; on a CPU more only takes memory (0.5 GB a row)."""


@dataclass(frozen=True)
class Files:
    """The five released files."""

    appearance: Path
    motion: Path
    warping: Path
    decoder: Path
    retargeting: Path


@dataclass(frozen=True)
class Source:
    """A source picture, ready to be moved. volume, squeezed: features, see `WarpingModule`. motion: one row."""

    volume: Tensor
    squeezed: Tensor
    motion: Motion


class LivePortrait:
    """The five networks; safe for several threads.

    Not guaranteed: bitwise equal drawings for different batch sizes or devices (they agree within float tolerance).
    """

    name = "liveportrait"
    columns = PACKED
    framing = crop.SOURCE

    def __init__(
        self, files: Files, place: Device, options: Options | None = None, sizes: Sizes | None = None, batch: int = 0
    ) -> None:
        """Read the files.

        Args:
            files: The released files.
            place: Device and type of numbers.
            options: How the driving motion is applied; None takes the defaults.
            sizes: Widths of the networks; None takes the released ones.
            batch: Rows at a time; 0 chooses by the device.

        Raises:
            WeightsError: A file is missing or does not fit.
        """
        self.place = place
        self.batch = batch or (_BATCH_CARD if place.accelerated else _BATCH_CPU)
        self._options = options or Options()
        self.retargeting = Retargeting.from_released(checkpoint.read(files.retargeting), files.retargeting.name)

        appearance = checkpoint.build(
            lambda: AppearanceExtractor(sizes), checkpoint.read(files.appearance), files.appearance.name
        )
        motion = checkpoint.build(lambda: MotionExtractor(sizes), checkpoint.read(files.motion), files.motion.name)
        warping = checkpoint.build(lambda: WarpingModule(sizes), checkpoint.read(files.warping), files.warping.name)
        decoder = checkpoint.build(lambda: SpadeDecoder(sizes), checkpoint.read(files.decoder), files.decoder.name)
        for network in (appearance, warping, decoder):
            network.fold()
        # The features of a source are made once and serve every frame, so they are made well. Eight bits of bfloat16
        # move the places that are sampled by a tenth of a cell; colours tolerate them.
        exact = torch.float32
        halved = place.accelerated and place.dtype is not torch.bfloat16
        self.appearance = appearance.to(place.device, exact)
        self.motion = motion.to(place.device, place.dtype if halved else exact)
        self.warping = warping.to(place.device, exact if place.dtype is torch.bfloat16 else place.dtype)
        self.decoder = decoder.to(place.device, place.dtype)

    def read(self, crops: Sequence[Image], meshes: Floats | None = None) -> Floats:
        """Return the motion templates of crops.

        Args:
            crops: (512, 512, 3) uint8 BGR crops.
            meshes: (n, 478, 3), for the opening of eyes and mouth; unknown (NaN) without.

        Returns:
            (n, PACKED) float32.
        """
        heads = self._heads(self.tensor(crops))
        eyes, lip = (None, None) if meshes is None else ratios.from_meshes(meshes)
        return pack(motion_of(heads, eyes, lip))

    def take_in(self, picture: Image) -> Source:
        """Return features and motion of a source picture.

        Args:
            picture: (512, 512, 3) uint8 BGR crop.

        Returns:
            The source, ready to be moved.
        """
        pixels = self.tensor([picture])
        with torch.inference_mode():
            volume = self.appearance(pixels)
            squeezed = self.warping.dense_motion_network.squeeze(volume)
        return Source(volume, squeezed, motion_of(self._heads(pixels)))

    def draw(self, source: Source, origin: Floats, rows: Floats) -> list[Image | None]:
        """Return drawings of a source, moved as rows say.

        Args:
            source: The source of `take_in`.
            origin: (PACKED,) template that the rows are relative to.
            rows: (n, PACKED) templates.

        Returns:
            (512, 512, 3) uint8 BGR; None for a drawing with a value that is no number, as half precision gives when it
            overflows.
        """
        x_s, x_d = driving.drive(source.motion, unpack(rows), unpack(origin[None]), self._options, self.retargeting)
        return only_finite(self.render(source, x_s[:1], x_d), self.pictures)

    def render(self, source: Source, x_s: Floats, x_d: Floats) -> Tensor:
        """Return the drawings for key points.

        Args:
            source: The source of `take_in`.
            x_s: (1 or n, 21, 3) key points of the source.
            x_d: (n, 21, 3) driven key points.

        Returns:
            (n, 3, 512, 512) RGB in (0, 1) on the device.
        """
        with torch.inference_mode():
            driven, still = (torch.from_numpy(points).to(self.place.device) for points in (x_d, x_s))
            warped = self.warping(source.volume, driven, still, source.squeezed)
            drawn: Tensor = self.decoder(warped.features.to(self.place.dtype))
        return drawn

    @staticmethod
    def pictures(drawn: Tensor) -> list[Image]:
        """Return drawings as pictures; truncated, as the authors do.

        Args:
            drawn: (n, 3, 512, 512) RGB in [0, 1].

        Returns:
            (512, 512, 3) uint8 BGR.
        """
        scaled = (drawn.float().clamp(0, 1) * 255).to(torch.uint8).flip(1).permute(0, 2, 3, 1)
        return list(scaled.contiguous().cpu().numpy())

    def tensor(self, crops: Sequence[Image]) -> Tensor:
        """Return crops as input of the networks.

        Args:
            crops: (512, 512, 3) uint8 BGR crops.

        Returns:
            (n, 3, 256, 256) float32 RGB in [0, 1] on the device.
        """
        small = np.stack([crop.shrink(one) for one in crops])
        moved = torch.from_numpy(small).to(self.place.device).flip(3).permute(0, 3, 1, 2)
        return moved.float() / 255

    def _heads(self, pixels: Tensor) -> dict[str, Floats]:
        dtype = next(self.motion.parameters()).dtype
        with torch.inference_mode():
            heads = self.motion(pixels.to(dtype))
        return {name: values.float().cpu().numpy() for name, values in heads.items()}

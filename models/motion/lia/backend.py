"""LIA as a motion model.

Wang et al. 2022 (arXiv:2203.09043); own implementation that loads the released weights, which are CC BY-NC 4.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from infra.settings import HardFrames
from models.interfaces.capabilities import Floats, Image
from models.motion.crop import Framing
from models.motion.lia.network import Lia, Sizes
from models.motion.mesh.reenact import Reenactor
from models.runtime import checkpoint
from models.runtime.device import Device, Precision, choose, only_finite
from models.weights import weight_files

_BATCH_CARD, _BATCH_CPU = 32, 4
_SCALE, _DOWN = 2.0, -0.1
"""Crop around the face: about what VoxCeleb's crops show. Not calibrated, as no released weights were at hand."""


@dataclass(frozen=True)
class Source:
    """A source picture, ready to be moved. latent: (1, style). features: of its levels. motion: (1, columns)."""

    latent: Tensor
    features: tuple[Tensor, ...]
    motion: Tensor


class LiaNetwork:
    """The generator behind crops and drawings; safe for several threads.

    Raises WeightsError when the file does not fit.
    """

    name = "lia"

    def __init__(self, file: Path, place: Device, sizes: Sizes | None = None, batch: int = 0) -> None:
        chosen = sizes or Sizes()
        self.place = place
        self.batch = batch or (_BATCH_CARD if place.accelerated else _BATCH_CPU)
        self.columns = chosen.motion
        self.framing = Framing(chosen.size, _SCALE, _DOWN)
        state = checkpoint.part(checkpoint.read(file), "gen", file.name)
        self.generator = checkpoint.build(partial(Lia, chosen, place.dtype), state, file.name).to(place.device)

    def read(self, crops: Sequence[Image], meshes: Floats | None = None) -> Floats:
        """Return the motions of crops.

        Args:
            crops: (256, 256, 3) uint8 BGR crops.
            meshes: Not used.

        Returns:
            (n, 20) float32.
        """
        with torch.inference_mode():
            return np.asarray(self.generator.motion(self._tensor(crops)).float().cpu().numpy(), np.float32)

    def take_in(self, picture: Image) -> Source:
        """Return latent, features and motion of a source picture.

        Args:
            picture: (256, 256, 3) uint8 BGR crop.

        Returns:
            The source, ready to be moved.
        """
        with torch.inference_mode():
            latent, features = self.generator.encode(self._tensor([picture]))
            return Source(latent, features, self.generator.motion(latent))

    def draw(self, source: Source, origin: Floats, rows: Floats) -> list[Image | None]:
        """Return drawings of a source, moved as rows say.

        Levels are those of the authors' evaluation; their demonstration stretches each video to its own extremes.

        Args:
            source: The source of `take_in`.
            origin: (20,) motion that the rows are relative to.
            rows: (n, 20) motions.

        Returns:
            (256, 256, 3) uint8 BGR; None for a drawing with a value that is no number.
        """
        with torch.inference_mode():
            moved, start = (torch.from_numpy(part).to(self.place.device) for part in (rows, origin[None]))
            latent = self.generator.latent(source.latent, moved, source.motion, start)
            drawn = self.generator.synthesise(latent, source.features).float()
        return only_finite(drawn, self.pictures)

    @staticmethod
    def pictures(drawn: Tensor) -> list[Image]:
        """Return drawings as pictures.

        Args:
            drawn: (n, 3, 256, 256) RGB in [-1, 1], not clamped.

        Returns:
            (256, 256, 3) uint8 BGR.
        """
        levels = (drawn * 127.5 + 128).clamp(0, 255).to(torch.uint8)
        return list(levels.flip(1).permute(0, 2, 3, 1).contiguous().cpu().numpy())

    def _tensor(self, crops: Sequence[Image]) -> Tensor:
        """(n, 3, 256, 256) float32 RGB in [-1, 1] on the device."""
        stacked = torch.from_numpy(np.stack(crops)).to(self.place.device)
        return stacked.flip(3).permute(0, 3, 1, 2).float() / 127.5 - 1


class LiaMotion(Reenactor[Source]):
    """MotionModel by LIA, relative to the frontal frame, as AnonNET calls it. Non-commercial by its weights' licence.

    hard_frames: see `Reenactor`. file: None takes that of the weights folder. sizes: for tests. Raises WeightsError.
    """

    def __init__(
        self,
        hard_frames: HardFrames = HardFrames.MESH,
        file: Path | None = None,
        sizes: Sizes | None = None,
        device: str | None = None,
        precision: Precision | None = None,
        batch: int = 0,
    ) -> None:
        chosen = file or weight_files.path("lia-vox")
        super().__init__(LiaNetwork(chosen, choose(device, precision), sizes, batch), hard_frames)

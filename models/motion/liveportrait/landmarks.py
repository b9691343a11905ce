"""LivePortrait's own 203 landmarks, an alternative to the face mesh for fitting its crops.

The network (landmark.onnx of KwaiVGI/LivePortrait, MIT) looks at an upright crop that earlier landmarks give; here
those are the mesh's, where its authors take those of a non-commercial detector.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from infra.errors import WeightsError
from models.interfaces.capabilities import Floats, Image
from models.motion import crop
from models.runtime.openvino_runtime import Network

POINTS = 203
_OUTPUT = 2


class Landmarks203:
    """Locates 203 points; safe for several threads. Raises WeightsError when the file is another network."""

    def __init__(self, file: Path) -> None:
        self._network = Network(file)
        if len(self._network.inputs) != 1 or len(self._network.outputs) <= _OUTPUT:
            raise WeightsError(f"Weight file {file.name} is not LivePortrait's landmark network.")

    def locate(self, frames: Sequence[Image], meshes: Sequence[Floats]) -> Floats:
        """Return the landmarks of faces.

        Args:
            frames: (H, W, 3) uint8 BGR images.
            meshes: (478, 3) pixels, one per frame, that say where to look.

        Returns:
            (n, 203, 2) float32 pixels of the frames; NaN where the network's answer is no number.
        """
        return np.stack([self._one(frame, mesh) for frame, mesh in zip(frames, meshes, strict=True)])

    def _one(self, frame: Image, mesh: Floats) -> Floats:
        to_crop, to_frame = crop.matrices(crop.square(mesh, crop.LANDMARKS), crop.LANDMARKS)
        seen = crop.crop_image(frame, to_crop, crop.LANDMARKS.side)
        pixels = np.ascontiguousarray(seen[..., ::-1].transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        shares = self._network.run(pixels)[_OUTPUT].reshape(POINTS, 2)
        located = crop.map_points(to_frame, shares * crop.LANDMARKS.side)
        return np.where(np.isfinite(located), located, np.nan).astype(np.float32)

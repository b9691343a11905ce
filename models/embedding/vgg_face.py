"""VGG-Face, through DeepFace: the recogniser by which AnonNET's authors judge whether a twin leaks its source.

Weights: registry entry "vgg-face" (Parkhi et al. 2015, CC BY-NC 4.0; ported by DeepFace). Takes the face as
models.runtime.deepface_networks.chip cuts it: the box without margin, turned until the eyes are level, 224 x 224.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from models.embedding.vectors import unit
from models.interfaces.capabilities import Face, Floats, Image
from models.runtime.deepface_networks import Network


class VggFace:
    """Embedder, 4096 dimensions.

    Equals `DeepFace.represent(..., model_name="VGG-Face", detector_backend="skip")` of the cut face. home: see
    models.runtime.deepface_networks.Network.

    Not guaranteed: a measured meaning of its distances; until bench/calibrate.py ran with its weights in place, the
    thresholds are those that others published (see models.embedding.calibration).
    """

    name = "vgg-face"
    dimension = 4096

    def __init__(self, home: Path | None = None) -> None:
        self._network = Network("vgg-face", home)

    def embed(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        """Return one unit vector per (frame, face) pair.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            (N, 4096) float32 unit vectors.
        """
        return unit(self._network.run(frames, faces))

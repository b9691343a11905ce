"""Age and gender from DeepFace's two networks: those of the diffusion profile, as AnonNET names them.

Weights: registry entries "deepface-age" and "deepface-gender" (by DeepFace's author on VGG-Face, so CC BY-NC 4.0;
trained on IMDB-WIKI). Each takes the face as models.runtime.deepface_networks.chip cuts it. Age is the mean over 101
classes, one per year.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.interfaces.capabilities import Face, Floats, Image
from models.runtime.deepface_networks import Network

_WOMAN = 0


class DeepFaceAgeGender:
    """AgeGender by DeepFace.

    The numbers are the networks' own: `DeepFace.analyze` cuts the age down to whole years and takes one face at a time.
    home: see models.runtime.deepface_networks.Network.

    Not guaranteed: single frames may be off by a decade; pool several frames of a track. Gender is a network's guess
    from appearance, nothing more, and is used only to make a matching twin.
    """

    name = "deepface-age-gender"

    def __init__(self, home: Path | None = None) -> None:
        self._age = Network("deepface-age", home)
        self._gender = Network("deepface-gender", home)

    def estimate(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        """Return age and gender of each (frame, face) pair.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            (N, 2) float32: age in years (0 to 100), probability of female.
        """
        ages, genders = self._age.run(frames, faces)[:, 0], self._gender.run(frames, faces)[:, _WOMAN]
        return np.stack([ages, np.clip(genders, 0.0, 1.0)], axis=1)

"""Age and gender from the two small dlib networks.

Weights: registry entries "age" and "gender" (CC0-1.0). Chips are dlib's, padding 0.2, aligned by the five detector
points instead of dlib's own landmarks; RGB, (x - mean) / 256. Age is the mean over 81 classes, one per year.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.interfaces.capabilities import Face, Floats, Image
from models.runtime import align, openvino_runtime
from models.runtime.align import pairs
from models.weights import weight_files

_MEAN_RGB = (122.781998, 117.000999, 104.297997)
_PADDING = 0.2
_AGE_SIZE = 64
_GENDER_SIZE = 32
# The first class means "under one year" and stands for three months.
_YEARS = np.concatenate([[0.25], np.arange(1.0, 81.0)]).astype(np.float32)


class DlibAgeGender:
    """AgeGender. Not guaranteed: single frames are off by about a decade; pool several frames of a track.

    Gender is a network's guess from appearance, nothing more, and is used only to choose a matching twin.
    """

    name = "dlib-age-gender"

    def __init__(self) -> None:
        self._age = _network("age", _AGE_SIZE)
        self._gender = _network("gender", _GENDER_SIZE)

    def estimate(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        """Return age and gender of each (frame, face) pair.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            (N, 2) float32: age in years (0.25 to 80), probability of female.
        """
        rows = np.zeros((len(faces), 2), np.float32)
        for index, (frame, face) in enumerate(pairs(frames, faces)):
            ages = self._age.run(align.dlib_chip(frame, face, _AGE_SIZE, _PADDING)[None])[0][0]
            genders = self._gender.run(align.dlib_chip(frame, face, _GENDER_SIZE, _PADDING)[None])[0][0]
            rows[index] = float(ages @ _YEARS), float(genders[0])
        return rows


def _network(name: str, size: int) -> openvino_runtime.Network:
    model = openvino_runtime.read(weight_files.path(name))
    return openvino_runtime.Network(
        openvino_runtime.image_input(model, layout="NCHW", size=(size, size), rgb=True, mean=_MEAN_RGB, scale=256.0)
    )

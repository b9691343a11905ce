"""Age and gender from FaceRes, which no profile that makes twins uses.

Weights: registry entries "faceres" and "faceres-bin" (MIT; a MobileNet by A. Savchenko, trained on VGGFace2,
with age and gender learnt on IMDB-WIKI). Takes a plain crop of the face box, 224 x 224 BGR less the means of VGGFace.
Age is the mean over 100 classes, one per year.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.interfaces.capabilities import Face, Floats, Image
from models.runtime import align, openvino_runtime, tfjs
from models.runtime.align import pairs
from models.weights import weight_files

_SIZE = 224
_MARGIN = 0.1
_MEAN_BGR = (103.939, 116.779, 123.68)
_YEARS = np.arange(1.0, 101.0, dtype=np.float32)


class FaceRes:
    """AgeGender. Not guaranteed: of people over 60 it gives ages that are ten to twenty years too low.

    It shares its training pictures, VGGFace2, with FaceNet. Gender is a network's guess from appearance, nothing more.
    """

    name = "faceres"

    def __init__(self) -> None:
        model = tfjs.read(weight_files.path("faceres"))
        self._network = openvino_runtime.Network(
            openvino_runtime.image_input(model, layout="NHWC", size=(_SIZE, _SIZE), rgb=False, mean=_MEAN_BGR)
        )
        self._age = self._network.output("age_pred/Softmax:0")
        self._male = self._network.output("gender_pred/Sigmoid:0")

    def estimate(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        """Return age and gender of each (frame, face) pair.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            (N, 2) float32: age in years (1 to 100), probability of female.
        """
        rows = np.zeros((len(faces), 2), np.float32)
        for index, (frame, face) in enumerate(pairs(frames, faces)):
            found = self._network.run(align.square(frame, face, _MARGIN, _SIZE)[None])
            rows[index] = float(found[self._age][0] @ _YEARS), 1.0 - float(found[self._male][0, 0])
        return rows

"""Expressed emotion in seven classes.

Weights: registry entry "emotion" (MIT; training data not named). Takes a plain crop of the face box, 200 x 200 RGB in
[0, 1]; the order of the classes is the carrier's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from models.interfaces.capabilities import Face, Floats, Image
from models.runtime import align, openvino_runtime
from models.runtime.align import pairs
from models.weights import weight_files

_SIZE = 200
_MARGIN = 0.3


class FacexEmotion:
    """Emotion by the facex network.

    Not guaranteed: agreement with how the person feels, or, off a neutral or smiling face, with how a human would label
    the picture.
    """

    name = "facex"
    labels = ("anger", "disgust", "fear", "happy", "neutral", "sadness", "surprised")

    def __init__(self) -> None:
        model = _signed(openvino_runtime.read(weight_files.path("emotion")))
        self._network = openvino_runtime.Network(
            openvino_runtime.image_input(model, layout="NHWC", size=(_SIZE, _SIZE), rgb=True, scale=255.0)
        )

    def estimate(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        """Return the expressed emotion of each (frame, face) pair.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            (N, 7) float32 rows that sum to one, in the order of `labels`.
        """
        rows = np.zeros((len(faces), len(self.labels)), np.float32)
        for index, (frame, face) in enumerate(pairs(frames, faces)):
            crop = align.square(frame, face, _MARGIN, _SIZE)
            rows[index] = self._network.run(crop[None])[0][0]
        return np.asarray(rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-12), np.float32)


def _signed(model: ov.Model) -> ov.Model:
    """Read the symmetric weights as the signed numbers they are; changes the model in place and returns it.

    The file keeps all its eight-bit weights under the type uint8. Those without a zero point are in truth signed, as
    its own runtime takes them; OpenVINO takes them as unsigned and then answers the same class for every picture.
    """
    for constant in [op for op in model.get_ops() if op.get_type_name() == "Constant"]:
        if constant.get_element_type() != ov.Type.u8:
            continue
        for convert in [port.get_node() for port in constant.output(0).get_target_inputs()]:
            users = [port.get_node().get_type_name() for port in convert.output(0).get_target_inputs()]
            if convert.get_type_name() == "Convert" and "Subtract" not in users:
                signed = ops.constant(np.asarray(constant.data).view(np.int8), dtype=np.int8)
                convert.input(0).replace_source_output(signed.output(0))
    model.validate_nodes_and_infer_types()
    return model

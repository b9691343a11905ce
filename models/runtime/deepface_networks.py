"""DeepFace 0.0.103 (Sefik Ilkin Serengil, MIT), prepared: on onnxruntime, silent, and unable to fetch anything.

Importing this module imports the package (extra `diffusion`) and settles four things for the whole process. It runs on
onnxruntime, never on TensorFlow or torch, which it would prefer where they are installed. onnxruntime sends nothing to
its maker. DeepFace's logger says nothing. Its downloader is replaced by one that hands out the file that is being asked
for here, or raises: by itself DeepFace downloads what is missing. `deepface.DeepFace` is not imported, because that
silences all warnings of the process and creates folders; its networks are used directly, as `DeepFace.represent` and
`DeepFace.analyze` use them.
"""

from __future__ import annotations

import importlib
import math
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from infra.errors import UsageError, WeightsError
from models.interfaces.capabilities import Face, Floats, Image
from models.runtime import align
from models.runtime.align import pairs
from models.runtime.oom_backoff import Most, in_batches
from models.weights import weight_files

SIZE = 224
_ENGINE = "onnx"
_ENGINE_VARIABLE = "DEEPFACE_BACKEND_ENGINE"
_LEVEL_VARIABLE = "DEEPFACE_LOG_LEVEL"
_SILENCE = 1000
_BATCH = 32


class Kind(NamedTuple):
    """A network by DeepFace's names. width: numbers per face; the age is one, the mean over its classes."""

    task: str
    model: str
    file: str
    width: int


# By their names in the registry.
NETWORKS = {
    "vgg-face": Kind("facial_recognition", "VGG-Face", "vgg_face_weights.onnx", 4096),
    "deepface-age": Kind("facial_attribute", "Age", "age_model_weights.onnx", 1),
    "deepface-gender": Kind("facial_attribute", "Gender", "gender_model_weights.onnx", 2),
    "deepface-emotion": Kind("facial_attribute", "Emotion", "facial_expression_model_weights.onnx", 7),
    "deepface-race": Kind("facial_attribute", "Race", "race_model_single_batch.onnx", 6),
}

_lock = threading.Lock()
_wanted: Path | None = None


def _prepared() -> tuple[Any, Any]:
    """DeepFace's modules `modeling` and `preprocessing`. Raises UsageError when the process has loaded it otherwise."""
    # By itself onnxruntime (from 1.29 on) sends events about what it runs to its maker, and keeps a number for this
    # machine in the user's cache. It asks the variable once, when it is loaded; the call is for one loaded before.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    importlib.import_module("onnxruntime").disable_telemetry_events()
    before = {name: os.environ.get(name) for name in (_ENGINE_VARIABLE, _LEVEL_VARIABLE)}
    os.environ.update({_ENGINE_VARIABLE: _ENGINE, _LEVEL_VARIABLE: str(_SILENCE)})
    try:
        # First of all, so that every other module gets the replacement.
        vars(importlib.import_module("deepface.commons.weight_utils"))["download_weights_if_necessary"] = _stored
        importlib.import_module("deepface.commons.logger").Logger().log_level = _SILENCE
        engine = importlib.import_module("deepface.commons.backend_utils").get_backend_engine()
        if engine != _ENGINE:
            raise UsageError(f"DeepFace already runs on {engine} in this process; anonflow needs it on onnxruntime.")
        names = ("deepface.modules.modeling", "deepface.modules.preprocessing")
        modeling, preprocessing = (importlib.import_module(name) for name in names)
        return modeling, preprocessing
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _stored(file_name: str, source_url: object = None, compress_type: str | None = None) -> str:
    """In the place of DeepFace's downloader: the path of the file that `Network` opens, or WeightsError."""
    if _wanted is None or _wanted.name != file_name or not _wanted.is_file():
        raise WeightsError(f"Weight file {file_name} is missing; see: anonflow models list")
    return str(_wanted)


_modeling, _preprocessing = _prepared()


class Network:
    """One of DeepFace's networks; several threads may run it at the same time.

    weight: its name in the registry, one of NETWORKS. home: the folder that DeepFace itself would be told by
    DEEPFACE_HOME; by default the file of the weights folder, whose hash is checked. Raises WeightsError when the file
    is missing or is not a network. Each call uses as many cores as onnxruntime finds.
    """

    def __init__(self, weight: str, home: Path | None = None) -> None:
        global _wanted
        kind = NETWORKS[weight]
        path = weight_files.path(weight) if home is None else home / ".deepface" / "weights" / kind.file
        with _lock:
            _wanted = path
            try:
                # Not DeepFace's `build_model`, which keeps one network per name, whichever file it came from.
                self._client = _modeling.get_model_class(kind.task, kind.model)()
            except ValueError as error:
                raise WeightsError(f"Weight file {kind.file} is not a readable network; fetch it again.") from error
            finally:
                _wanted = None
        self._width = kind.width
        session = self._client.model
        on_card = "CUDAExecutionProvider" in session.get_providers()
        takes_several = not isinstance(session.get_inputs()[0].shape[0], int)
        # On the CPU more at once gain next to nothing, and a picture's numbers would depend on its neighbours.
        self._most = Most(_BATCH if on_card and takes_several else 1)

    def run(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        """Return the network's output for each face.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            (N, width) float32.

        Raises:
            ValueError: Frames and faces differ in number.
        """
        rows = in_batches([chip(frame, face) for frame, face in pairs(frames, faces)], self.run_chips, self._most)
        return np.asarray(rows, np.float32).reshape(len(faces), self._width)

    def shares(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        """Return the output of `run`, each row scaled so that it sums to one.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            (N, width) float32.
        """
        rows = self.run(frames, faces)
        return np.asarray(rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-12), np.float32)

    def run_chips(self, chips: Sequence[Image]) -> list[Floats]:
        """Return the network's output for each chip, in one run of the network.

        Args:
            chips: (224, 224, 3) uint8 BGR chips.

        Returns:
            One (width,) float32 array per chip.
        """
        prepared = [_preprocessing.resize_image(img=picture, target_size=(SIZE, SIZE)) for picture in chips]
        found = np.asarray(self._client.predict(np.concatenate(prepared)), np.float32)
        return list(found.reshape(len(chips), self._width))


def chip(frame: Image, face: Face) -> Image:
    """Return the picture of a face that DeepFace's networks get after a detection of its own.

    The detector's box without margin, turned about its middle until the eyes are level, its longer side made 224 pixels
    and the rest black, as are parts outside the frame. Not guaranteed: DeepFace's own pixels; it rounds the box to
    whole pixels and samples twice.

    Args:
        frame: (H, W, 3) uint8 BGR.
        face: The detection.

    Returns:
        (224, 224, 3) uint8 BGR.
    """
    x0, y0, x1, y1 = (float(value) for value in face.box)
    width, height = max(x1 - x0, 1.0), max(y1 - y0, 1.0)
    across = face.points[1] - face.points[0]
    angle = math.atan2(float(across[1]), float(across[0]))
    scale = SIZE / max(width, height)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]) * scale
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    shift = (SIZE - 1) / 2 - turn @ middle
    picture = align.cut(frame, np.concatenate([turn, shift[:, None]], axis=1), SIZE)
    side, above = (round((SIZE - length * scale) / 2) for length in (width, height))
    inside = np.zeros_like(picture)
    window = (slice(above, SIZE - above), slice(side, SIZE - side))
    inside[window] = picture[window]
    return inside

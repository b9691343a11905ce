"""The pictures reach the networks in the colours and scales they were trained with.

These networks work so well in swapped colours that no test on faces notices; so the input is computed here by hand.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.embedding.vectors import unit
from models.masks.bisenet_graph import build
from models.masks.torch_file import tensors
from models.runtime import align, openvino_runtime
from models.weights import weight_files
from tests.contracts import support


def _red_and_blue_apart() -> Any:
    picture = support.still("people/009_C").copy()
    picture[..., 0] //= 2
    return picture


def test_facenet_sees_rgb_centred_on_127_5() -> None:
    embedder = support.load("embedder", "facenet")
    picture, face = _red_and_blue_apart(), support.face("people/009_C")
    crop = align.square(picture, face, 0.1, 160)
    raw = openvino_runtime.Network(openvino_runtime.read(weight_files.path("facenet")))
    expected = raw.run((crop[None, ..., ::-1].astype(np.float32) - 127.5) / 128)[0]
    assert np.abs(embedder.embed([picture], [face]) - unit(expected)).max() < 1e-5


def test_bisenet_sees_rgb_with_the_imagenet_mean_and_deviation() -> None:
    exact, quick = support.load("parser", "bisenet", precision="f32"), support.load("parser", "bisenet")
    crop = np.ascontiguousarray(_red_and_blue_apart()[:512, :348])
    crop = np.pad(crop, ((0, 512 - crop.shape[0]), (0, 512 - crop.shape[1]), (0, 0)))
    raw = openvino_runtime.Network(build(tensors(weight_files.path("bisenet")), 512))
    values = (crop[..., ::-1] / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    expected = raw.run(values.transpose(2, 0, 1)[None].astype(np.float32))[0][0]
    assert (exact.parse([crop])[0] == expected).mean() > 0.9995
    assert (quick.parse([crop])[0] == expected).mean() > 0.998

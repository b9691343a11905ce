"""Expressed emotion in seven classes, from DeepFace: that of the diffusion profile, as AnonNET names it.

Weights: registry entry "deepface-emotion" (DeepFace, MIT; trained on FER-2013). Takes the face as
models.runtime.deepface_networks.chip cuts it, which DeepFace reduces to 48 x 48 grey pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from models.interfaces.capabilities import Face, Floats, Image
from models.runtime.deepface_networks import Network


class DeepFaceEmotion:
    """Emotion by DeepFace.

    The order is DeepFace's; the words are those of the other backends. home: see
    models.runtime.deepface_networks.Network.

    Not guaranteed: agreement with how the person feels, or, off a neutral or smiling face, with how a human would label
    the picture.
    """

    name = "deepface-emotion"
    # DeepFace says angry, disgust, fear, happy, sad, surprise, neutral.
    labels = ("anger", "disgust", "fear", "happy", "sadness", "surprised", "neutral")

    def __init__(self, home: Path | None = None) -> None:
        self._network = Network("deepface-emotion", home)

    def estimate(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        """Return the expressed emotion of each (frame, face) pair.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            (N, 7) float32 rows that sum to one, in the order of `labels`.
        """
        return self._network.shares(frames, faces)

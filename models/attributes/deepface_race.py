"""What DeepFace calls race, in six classes: that of the diffusion profile's attributes, as AnonNET has them.

Weights: registry entry "deepface-race" (by DeepFace's author on VGG-Face, so CC BY-NC 4.0; trained on
FairFace). Takes the face as models.runtime.deepface_networks.chip cuts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from models.interfaces.capabilities import Face, Floats, Image
from models.runtime.deepface_networks import Network


class DeepFaceRace:
    """Ethnicity. Order and words are DeepFace's. home: see models.runtime.deepface_networks.Network.

    Not guaranteed: that it says anything of a person. It is a network's guess from appearance, errs more on some groups
    than on others, and is used only to make a twin that looks alike in kind.
    """

    name = "deepface-race"
    labels = ("asian", "indian", "black", "white", "middle eastern", "latino hispanic")

    def __init__(self, home: Path | None = None) -> None:
        self._network = Network("deepface-race", home)

    def estimate(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        """Return the label shares of each (frame, face) pair.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            (N, 6) float32 rows that sum to one, in the order of `labels`.
        """
        return self._network.shares(frames, faces)

"""The inputs of the three ControlNets: the picture with a hole, its line art, and its body pose.

Annotators of the package controlnet_aux with released weights: line art from "informative drawings" (MIT), pose from
OpenPose, which CMU licenses for non-commercial use only.
"""

from __future__ import annotations

import pickle
import threading
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from infra.errors import WeightsError
from models.inpainting.controlnet.framing import Square
from models.interfaces.capabilities import Image
from models.runtime import checkpoint

with warnings.catch_warnings():
    # The package imports all its annotators, and they tell of packages that they miss and of names they overwrite.
    warnings.simplefilter("ignore")
    from controlnet_aux import LineartDetector, OpenposeDetector
    from controlnet_aux.lineart import Generator
    from controlnet_aux.open_pose import Body

HOLE = -1.0
"""Value of masked pixels in the picture for the inpainting ControlNet, all others lying in [0, 1]."""


class Annotators:
    """Line art and pose of a picture; safe for several threads, which take turns.

    lineart, openpose: the released files (sk_model.pth, body_pose_model.pth). Raises WeightsError when one is not
    readable or does not fit its network.
    """

    def __init__(self, lineart: Path, openpose: Path, device: torch.device) -> None:
        self._turn = threading.Lock()
        drawer = checkpoint.build(lambda: Generator(3, 1, 3), checkpoint.read(lineart), lineart.name)
        # The package also knows a coarse drawer, which is not used here.
        self._lineart = LineartDetector(drawer, drawer).to(device)
        try:
            self._openpose = OpenposeDetector(Body(str(openpose)))
        except (OSError, KeyError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise WeightsError(
                f"Weight file {openpose.name} does not fit its network ({type(error).__name__}); fetch it again."
            ) from error
        self._openpose.body_estimation.to(device)

    def lineart(self, picture: Image) -> Image:
        """Return the line art of a picture, white on black.

        Args:
            picture: (s, s, 3) uint8 BGR.

        Returns:
            (s, s, 3) uint8.
        """
        return self._drawn(self._lineart, picture)

    def openpose(self, picture: Image) -> Image:
        """Return a drawing of the body and the points of the head that the annotator sees.

        Args:
            picture: (s, s, 3) uint8 BGR.

        Returns:
            (s, s, 3) uint8 RGB; black when it sees none.
        """
        return self._drawn(self._openpose, picture, include_body=True, include_hand=False, include_face=False)

    def _drawn(self, annotator: Any, picture: Image, **options: Any) -> Image:
        side = picture.shape[0]
        rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        # One at a time: on a card a picture of every video at once would take the memory of the batch that is painted.
        with self._turn:
            drawn = annotator(rgb, detect_resolution=side, image_resolution=side, output_type="np", **options)
        # The package rounds sizes to multiples of 64.
        if drawn.shape[:2] != (side, side):
            drawn = cv2.resize(drawn, (side, side), interpolation=cv2.INTER_LINEAR)
        return np.asarray(drawn, np.uint8)


def control_images(square: Square, annotators: Annotators) -> tuple[Tensor, Tensor, Tensor]:
    """Return the inputs of the three ControlNets.

    Args:
        square: The square that is painted.
        annotators: Draw line art and pose.

    Returns:
        (3, s, s) float32 RGB for inpainting (masked pixels -1, others in [0, 1]), line art and pose (in [0, 1]).
    """
    seen = tensor(square.picture)
    holed = torch.where(torch.from_numpy(square.mask > 0), torch.tensor(HOLE), seen)
    lines, pose = annotators.lineart(square.picture), annotators.openpose(square.picture)
    return holed, _unit(lines), _unit(pose)


def tensor(picture: Image) -> Tensor:
    """Return a picture as a tensor.

    Args:
        picture: (s, s, 3) uint8 BGR.

    Returns:
        (3, s, s) float32 RGB in [0, 1].
    """
    return _unit(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))


def _unit(rgb: Any) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1).float() / 255.0

"""LivePortrait as a motion model."""

from __future__ import annotations

from pathlib import Path

from infra.settings import HardFrames, MotionCrop
from models.motion.liveportrait.landmarks import Landmarks203
from models.motion.liveportrait.networks.network import Files, LivePortrait, Source
from models.motion.liveportrait.sizes import Sizes
from models.motion.mesh.reenact import Reenactor
from models.runtime.device import Precision, choose
from models.weights import weight_files


class LivePortraitMotion(Reenactor[Source]):
    """MotionModel by LivePortrait, in its authors' relative mode with stitching, as AnonNET calls it.

    hard_frames: see `Reenactor`. motion_crop: what crops are fitted to. files, landmarks: None takes those of the
    weights folder. sizes: for tests. Raises WeightsError.
    """

    def __init__(
        self,
        hard_frames: HardFrames = HardFrames.MESH,
        motion_crop: MotionCrop = MotionCrop.MESH,
        files: Files | None = None,
        sizes: Sizes | None = None,
        device: str | None = None,
        precision: Precision | None = None,
        batch: int = 0,
        landmarks: Path | None = None,
    ) -> None:
        locator = None
        if motion_crop is MotionCrop.LANDMARKS:
            locator = Landmarks203(landmarks or weight_files.path("liveportrait-landmarks"))
        network = LivePortrait(files or released(), choose(device, precision), sizes=sizes, batch=batch)
        super().__init__(network, hard_frames, locator=locator)


def released() -> Files:
    """The files of the weights folder. Raises WeightsError when one is missing or is not the pinned one."""
    names = ("appearance", "motion", "warping", "decoder", "retargeting")
    return Files(*(weight_files.path(f"liveportrait-{name}") for name in names))

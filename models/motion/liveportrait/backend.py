"""LivePortrait as a motion model."""

from __future__ import annotations

from infra.settings import HardFrames
from models import weights
from models.motion.device import Precision, choose
from models.motion.liveportrait.network import Files, LivePortrait, Source
from models.motion.liveportrait.sizes import Sizes
from models.motion.reenact import Reenactor


class LivePortraitMotion(Reenactor[Source]):
    """MotionModel by LivePortrait, in its authors' relative mode with stitching, as AnonNET calls it.

    hard_frames: see `Reenactor`. files: None takes those of the weights folder. sizes: for tests. Raises WeightsError.
    """

    def __init__(
        self,
        hard_frames: HardFrames = HardFrames.MESH,
        files: Files | None = None,
        sizes: Sizes | None = None,
        device: str | None = None,
        precision: Precision | None = None,
        batch: int = 0,
    ) -> None:
        chosen = files or released()
        super().__init__(LivePortrait(chosen, choose(device, precision), sizes=sizes, batch=batch), hard_frames)


def released() -> Files:
    """The files of the weights folder. Raises WeightsError when one is missing or is not the pinned one."""
    names = ("appearance", "motion", "warping", "decoder", "retargeting")
    return Files(*(weights.path(f"liveportrait-{name}") for name in names))

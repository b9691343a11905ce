"""The diffusion inpainter. Its packages import torchvision, which has to be made ready before."""

import os

from models.runtime import torchvision_ops

# Everything is loaded from local folders; should a library think otherwise, it must not reach the network.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
torchvision_ops.prepare()

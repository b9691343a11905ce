"""The diffusion inpainter. Its packages import torchvision, which has to be made ready before."""

from models import torchvision_ops

torchvision_ops.prepare()

"""The package retinaface-pytorch 0.0.8 (Vladimir Iglovikov, MIT), read out of its wheel and never installed.

Its pins (torch 1.9, torchvision 0.10) fit no current Python, and its module `retinaface` has the name of another
package that DeepFace installs. So the wheel lies in the weights folder (registry entry "retinaface-pytorch", pure
Python under a pinned hash), and this file takes the network and the decoding out of it. After that no module is called
`retinaface` that was not so before.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
import warnings
import zipimport
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from infra.errors import WeightsError
from models.runtime import torchvision_ops

_NAME = "retinaface"
_WANTED = ("net", "network", "prior_box", "box_utils", "utils")
# The arguments with which the package's own predictor builds its network and its priors.
_NETWORK: dict[str, Any] = {
    "name": "Resnet50",
    "pretrained": False,
    "in_channels": 256,
    "return_layers": {"layer2": 1, "layer3": 2, "layer4": 3},
    "out_channels": 256,
}
_MIN_SIZES = ((16, 32), (64, 128), (256, 512))
_STEPS = (8, 16, 32)
VARIANCES = (0.1, 0.2)
# Warnings of torchvision about the package's `pretrained=False`, which it still understands.
_SILENCED = (r"The parameter 'pretrained' is deprecated", r"Arguments other than a weight enum")

_lock = threading.RLock()
_loaded: dict[Path, Package] = {}


@dataclass(frozen=True)
class Package:
    """The parts of the package that the detector needs; tensors as its functions take and return them.

    modules: name without the package -> module. decode: (n, 4) offsets, (n, 4) priors, variances -> (n, 4) boxes
    x0 y0 x1 y1 as fractions of the picture's sides. decode_points: the same for (n, 10) points. as_tensor: an
    (H, W, 3) array as a (3, H, W) tensor of its kind.
    """

    modules: dict[str, ModuleType]
    decode: Callable[[Tensor, Tensor, tuple[float, float]], Tensor]
    decode_points: Callable[[Tensor, Tensor, tuple[float, float]], Tensor]
    as_tensor: Callable[[Any], Tensor]

    def network(self) -> nn.Module:
        """Return a ResNet-50 RetinaFace as its author builds it, with arbitrary weights.

        Returns:
            Network from (n, 3, H, W) normalised RGB to (n, k, 4) offsets, (n, k, 2) class scores before the softmax,
            (n, k, 10) points.
        """
        with _lock, warnings.catch_warnings():
            for message in _SILENCED:
                warnings.filterwarnings("ignore", message, UserWarning)
            return self.modules["network"].RetinaFace(**_NETWORK)

    def priors(self, height: int, width: int) -> Tensor:
        """Return the anchors of a picture. Takes tens of milliseconds: keep the result.

        Args:
            height: Pixels of the picture.
            width: Pixels of the picture.

        Returns:
            (k, 4) float32 centres and sizes, as fractions of the picture's sides.
        """
        sizes = [list(pair) for pair in _MIN_SIZES]
        found: Tensor = self.modules["prior_box"].priorbox(
            min_sizes=sizes, steps=list(_STEPS), clip=False, image_size=(height, width)
        )
        return found


def load(wheel: Path) -> Package:
    """Return the package in a wheel; read once per process and file.

    Args:
        wheel: The wheel's path.

    Returns:
        The parts of the package that the detector needs.

    Raises:
        WeightsError: The file is not that wheel.
    """
    with _lock:
        if wheel not in _loaded:
            torchvision_ops.prepare()
            modules = _modules(wheel, _WANTED)
            boxes = modules["box_utils"]
            _loaded[wheel] = Package(modules, boxes.decode, boxes.decode_landm, modules["utils"].tensor_from_rgb_image)
        return _loaded[wheel]


def _modules(wheel: Path, names: tuple[str, ...]) -> dict[str, ModuleType]:
    """Modules of the package by their short names. They import each other as `retinaface`, so they are that meanwhile;
    another package of the name that is imported at the same moment by another thread would be this one."""
    try:
        with _name_free():
            spec = zipimport.zipimporter(str(wheel)).find_spec(_NAME)
            if spec is None or spec.loader is None:
                raise WeightsError(f"Weight file {wheel.name} holds no package {_NAME}; fetch it again.")
            package = importlib.util.module_from_spec(spec)
            sys.modules[_NAME] = package
            spec.loader.exec_module(package)
            return {name: importlib.import_module(f"{_NAME}.{name}") for name in names}
    except zipimport.ZipImportError as error:
        raise WeightsError(f"Weight file {wheel.name} is not a readable wheel; fetch it again.") from error


@contextmanager
def _name_free() -> Iterator[None]:
    """Within it no module is called `retinaface` or lies below; after it those that were are again, and no other."""
    before = _named()
    for name in before:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in _named():
            del sys.modules[name]
        sys.modules.update(before)


def _named() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name == _NAME or name.startswith(f"{_NAME}.")}

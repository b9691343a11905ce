"""torchvision beside any build of torch.

The index's torchvision is compiled against torch with CUDA. Beside a CPU build its library of operators does not load,
and the import of torchvision, and of whatever imports it, ends with an error about an operator that nothing here uses.
"""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path

import torch

_MISSING = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_lock = threading.Lock()
_declared: list[torch.library.Library] = []


def prepare() -> None:
    """Make `import torchvision` work; to be called before anything that may import it. Safe to call again.

    Where the operators cannot be loaded they are declared without a body, and torch refuses a call of one. Does nothing
    without torchvision.
    """
    with _lock:
        if _declared or hasattr(torch.ops.torchvision, "nms"):
            return
        found = importlib.util.find_spec("torchvision")
        if found is None or found.origin is None:
            return
        try:
            for file in Path(found.origin).parent.glob("_C*"):
                torch.ops.load_library(str(file))  # type: ignore[no-untyped-call]
        except OSError:
            declared = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
            for schema in _MISSING:
                declared.define(schema)  # type: ignore[no-untyped-call]
            # Kept alive: the declarations end with the object.
            _declared.append(declared)

"""The released file of RetinaFace with a ResNet-50, filled by `rule`: real shapes and layout, nothing learnt."""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch

from models.detection import retinaface_package
from tests.reference import released, rule

_NAME = "retinaface_resnet50_2020-07-20-f168fae3c"
# Boxes are a few times wider than their prior at most; about one prior in a thousand is taken for a face.
_OFFSET_GAIN = 0.05
_CLASS_GAIN = 0.4
_DOUBT = 3.0


def write(folder: Path, wheel: Path, seed: int = 0, packed: bool = True) -> Path:
    """Write the released zip with one checkpoint in it, or with `packed` False the checkpoint itself; return its path.

    wheel: of the package, whose network tells the names and shapes.
    """
    entries = released.entries_of(retinaface_package.load(wheel).network)
    state = {key: torch.as_tensor(value) for key, value in rule.state_dict(f"retinaface {seed}", entries).items()}
    for key, value in state.items():
        if key.endswith("bn3.weight"):
            # Else every residual block would double what it gets.
            value *= 0.2
        elif key.startswith(("BboxHead", "LandmarkHead")):
            value *= _OFFSET_GAIN
        elif key.startswith("ClassHead"):
            value *= _CLASS_GAIN
            if key.endswith("bias"):
                # Background and face in turn, once for each of the two priors of a place.
                value += torch.tensor([_DOUBT, -_DOUBT] * 2)
    checkpoint = folder / f"{_NAME}.pth"
    torch.save(state, checkpoint)
    if not packed:
        return checkpoint
    with zipfile.ZipFile(folder / f"{_NAME}.zip", "w") as archive:
        archive.write(checkpoint, checkpoint.name)
    checkpoint.unlink()
    return folder / f"{_NAME}.zip"

"""The released file of the Fréchet distance's Inception, filled by `rule`: real shapes and layout, nothing learnt."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from models.runtime import torchvision_ops
from tests.reference import released

torchvision_ops.prepare()
from torch_fidelity import feature_extractor_inceptionv3 as library  # noqa: E402

NAME = "weights-inception-2015-12-05-6726825d.pth"


def state() -> dict[str, torch.Tensor]:
    """The state dictionary of the network."""
    with tempfile.NamedTemporaryFile(suffix=".pth") as empty:
        torch.save({}, empty.name)
        return released.state("inception", released.entries_of(lambda: _Unfilled("unfilled", ["2048"], empty.name)))


def write(folder: Path) -> Path:
    """Write the file; returns its path."""
    path = folder / NAME
    torch.save(state(), path)
    return path


class _Unfilled(library.FeatureExtractorInceptionV3):
    """The network without what its constructor reads from a file."""

    def load_state_dict(self, *_: object, **__: object) -> None:
        """Nothing is there to be loaded."""

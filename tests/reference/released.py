"""Weight files in the released layouts, filled by `rule`: the real networks' shapes, or small ones of the same kind."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.motion.lia.network import Lia
from models.motion.lia.network import Sizes as LiaSizes
from models.motion.liveportrait.networks.appearance import AppearanceExtractor
from models.motion.liveportrait.networks.decoder import SpadeDecoder
from models.motion.liveportrait.networks.motion_extractor import MotionExtractor
from models.motion.liveportrait.networks.network import Files
from models.motion.liveportrait.networks.warping import WarpingModule
from models.motion.liveportrait.retargeting import WIDTHS, Stack
from models.motion.liveportrait.sizes import Sizes
from tests.reference import rule

HERE = Path(__file__).parent
SMALL = Sizes(
    base=4, volume=4, depth=4, squeezed=2, hourglass=4, most=16, warped=16, decoder=32, shared=8,
    stages=(8, 8, 16, 16), blocks=(1, 1, 2, 1),
)  # fmt: skip
_NETWORKS: dict[str, tuple[str, Callable[..., nn.Module]]] = {
    "appearance": ("appearance_feature_extractor", AppearanceExtractor),
    "motion": ("motion_extractor", MotionExtractor),
    "warping": ("warping_module", WarpingModule),
    "decoder": ("spade_generator", SpadeDecoder),
}
_GROUPS = {"retarget_shoulder": "stitching", "retarget_mouth": "lip", "retarget_eye": "eye"}


def state(module: str, entries: list[Any]) -> dict[str, torch.Tensor]:
    return {key: torch.as_tensor(value) for key, value in rule.state_dict(module, entries).items()}


def entries_of(make: Callable[[], nn.Module]) -> list[tuple[str, list[int]]]:
    """Keys and shapes of a network, without making its weights."""
    with torch.device("meta"):
        return [(key, list(value.shape)) for key, value in make().state_dict().items()]


def manifest(path: str) -> Any:
    return json.loads((HERE / path).read_text(encoding="utf-8"))


def liveportrait(folder: Path, sizes: Sizes | None = None, change: Mapping[str, Any] | None = None) -> Files:
    """The five files of LivePortrait; sizes: None writes the real shapes. change: module -> state dict to write."""
    full = manifest("liveportrait/manifest_modules.json") if sizes is None else None
    paths: dict[str, Path] = {}
    for name, (module, kind) in _NETWORKS.items():
        paths[name] = folder / f"{module}.pth"
        entries = full[module] if full else entries_of(partial(kind, sizes))
        torch.save((change or {}).get(module) or state(module, entries), paths[name])
    stacks = {name: entries_of(partial(Stack, widths)) for name, widths in WIDTHS.items()}
    groups: dict[str, Any] = {
        stored: {f"module.{key}": value for key, value in state(name, stacks[name]).items()}
        for stored, name in _GROUPS.items()
    }
    # The released file holds more than the three groups; what is known of the rest is only its size.
    groups["something_else"] = {"weight": torch.zeros(3)}
    paths["retargeting"] = folder / "stitching_retargeting_module.pth"
    torch.save(groups, paths["retargeting"])
    return Files(**paths)


LITTLE = LiaSizes(size=64, style=32, motion=20, widths=(16, 16, 16, 8, 8))


def lia(folder: Path, sizes: LiaSizes | None = None) -> Path:
    """The file of LIA: the generator beside training state; sizes: None writes the real shapes."""
    entries = manifest("lia/manifest.json")["lia"] if sizes is None else entries_of(partial(Lia, sizes))
    path = folder / "vox.pt"
    torch.save({"gen": state("lia", entries), "g_optim": {"state": {}}, "args": Namespace(size=256), "iter": 3}, path)
    return path

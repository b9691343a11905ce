"""The three small networks that correct key points: stitching, eyes, lips.

Linear layers with ReLU between them; they run in float32 on the CPU whatever the large networks use, since half
precision shows in key points. Sizes and key names are those of the published checkpoint (KwaiVGI/LivePortrait, MIT).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from models.runtime import checkpoint

Floats = NDArray[np.float32]

WIDTHS: dict[str, tuple[int, ...]] = {
    "stitching": (126, 128, 128, 64, 65),
    "eye": (66, 256, 256, 128, 128, 64, 63),
    "lip": (65, 128, 128, 64, 63),
}
_RELEASED = {"stitching": "retarget_shoulder", "eye": "retarget_eye", "lip": "retarget_mouth"}


class Stack(nn.Module):
    """Linear layers of the given widths, ReLU after each but the last; keys `mlp.0.weight`, `mlp.0.bias`, `mlp.2...`"""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.mlp = nn.Sequential(*layers[:-1])

    def forward(self, rows: Tensor) -> Tensor:
        """Return the output of the layers.

        Args:
            rows: (n, first width).

        Returns:
            (n, last width).
        """
        result: Tensor = self.mlp(rows)
        return result


class Retargeting:
    """The three networks with their weights. Arrays in, arrays out, all rows of a batch at once.

    x_s, x_d: (n, 21, 3) key points of the source and the driven ones. Ratios: see `ratios`.
    """

    def __init__(self, states: Mapping[str, Mapping[str, Tensor]], file: str = "retargeting networks") -> None:
        """Load the three networks.

        Args:
            states: State dictionary of each of "stitching", "eye" and "lip".
            file: Name of the file, for messages.

        Raises:
            WeightsError: A state does not fit its network.
        """
        self._stacks: dict[str, Stack] = {}
        for name, widths in WIDTHS.items():
            stack = checkpoint.build(partial(Stack, widths), states[name], f"{file} ({name})")
            self._stacks[name] = stack

    @classmethod
    def from_released(cls, content: Mapping[str, Any], file: str) -> Retargeting:
        """Return the networks of the published `stitching_retargeting_module.pth`; of its entries three are used.

        Args:
            content: Content of the file.
            file: Name of the file, for messages.

        Returns:
            The networks.

        Raises:
            WeightsError: An entry is missing or does not fit; the message names the file.
        """
        groups = {name: checkpoint.part(content, stored, file) for name, stored in _RELEASED.items()}
        return cls(
            {name: {k.removeprefix("module."): v for k, v in group.items()} for name, group in groups.items()}, file
        )

    def stitch(self, x_s: Floats, x_d: Floats) -> Floats:
        """Return driven key points corrected so that the shoulders stay where the source has them.

        Args:
            x_s: (n, 21, 3) key points of the source.
            x_d: (n, 21, 3) driven key points.

        Returns:
            (n, 21, 3) float32.
        """
        moved = self._run("stitching", x_s, x_d)
        result = x_d + moved[:, :63].reshape(-1, 21, 3)
        result[..., :2] += moved[:, None, 63:]
        return np.asarray(result, dtype=np.float32)

    def eye_delta(self, x_s: Floats, source_eyes: Floats, target: ArrayLike) -> Floats:
        """Return offsets that open the eyes as far as a target.

        Args:
            x_s: (n, 21, 3) key points of the source.
            source_eyes: (n, 2) ratios of the source.
            target: One ratio, or (n,) or (n, 1).

        Returns:
            (n, 21, 3).
        """
        return self._run("eye", x_s, source_eyes, _column(target, len(x_s))).reshape(-1, 21, 3)

    def lip_delta(self, x_s: Floats, source_lip: Floats, target: ArrayLike) -> Floats:
        """Return offsets that open the lips as far as a target.

        Args:
            x_s: (n, 21, 3) key points of the source.
            source_lip: (n, 1) ratios of the source.
            target: One ratio, or (n,) or (n, 1).

        Returns:
            (n, 21, 3).
        """
        return self._run("lip", x_s, source_lip, _column(target, len(x_s))).reshape(-1, 21, 3)

    def _run(self, name: str, *parts: Floats) -> Floats:
        rows = np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1).astype(np.float32)
        with torch.inference_mode(), torch.autocast("cpu", enabled=False):
            result: Floats = self._stacks[name](torch.from_numpy(rows)).numpy()
        return result


def _column(target: ArrayLike, count: int) -> Floats:
    values = np.asarray(target, dtype=np.float32).reshape(-1, 1)
    return np.broadcast_to(values, (count, 1))

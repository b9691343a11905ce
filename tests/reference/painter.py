"""Stands in for trained diffusion weights: paints sampled people where the mask is.

Everything around the denoising is real; only what a random network paints, which is no face, is replaced.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from models.inpainting.controlnet.framing import Square
from models.inpainting.controlnet.pipeline import Request
from models.interfaces.capabilities import Floats, Image
from models.motion.mesh.backend import outline
from models.people import maps
from models.people.cells import KIND
from models.selection import profiles

PEOPLE = 6
"""So few, because generating one takes seconds."""
_MOST = 20
_EDGE, _FOREHEAD = 0.05, 0.12


@cache
def person(number: int) -> tuple[Image, Floats]:
    """Picture and box (4,) of the face of an adult without glasses, one of PEOPLE."""
    centres = maps.load().cells.centres
    adults = np.flatnonzero((centres[:, KIND.index("age")] > 20) & (centres[:, KIND.index("glasses")] < 0.5))
    # The one that makes control strangers too: a second generator would take half a gigabyte.
    sampler = profiles.load("sampler", "linear-people")
    drawn = sampler.propose(int(adults[number * len(adults) // PEOPLE]), number)
    for candidate, _ in itertools.islice(drawn, _MOST):
        found = sampler.person(candidate)
        if found is not None and found.of_kind:
            return found.picture, outline(found.mesh)
    raise AssertionError("nobody was of the kind")


def paint(pipeline: Any, requests: Sequence[Request]) -> list[Image | None]:
    """Somebody for every seed."""
    return [_painted(request) for request in requests]


def no_controls(square: Square, annotators: Any) -> tuple[Tensor, Tensor, Tensor]:
    """In the place of lines and poses that nobody looks at: they take seconds."""
    nothing = torch.zeros(3, square.side, square.side)
    return nothing, nothing, nothing


class NoAnnotators:
    """In the place of the networks behind them: a quarter of a gigabyte, and seconds to load."""

    def __init__(self, *_: Any) -> None:
        """Whatever the files."""


def _painted(request: Request) -> Image:
    picture, box = person(request.seed % PEOPLE)
    mask = request.mask.numpy() > 0
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    # The mask is a little larger than the face, and above it holds the forehead up to the hair.
    edge, forehead = _EDGE * mask.shape[0], _FOREHEAD * (rows[-1] - rows[0])
    target = np.array([columns[0] + edge, rows[0] + edge + forehead, columns[-1] - edge, rows[-1] - edge])
    scale = (target[2:] - target[:2]) / (box[2:] - box[:2])
    shift = target[:2] - scale * box[:2]
    matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
    side = mask.shape[0]
    return np.asarray(cv2.warpAffine(picture, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE), np.uint8)

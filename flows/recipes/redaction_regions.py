"""The regions of a video that are covered because the audit found a face there; they grow where it still finds one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.interfaces.capabilities import Floats
from tasks.audit.report import ResidualFace
from tasks.audit.residual import FaceSearch
from tasks.records import RedactionRegion, Scene

_REACH = FaceSearch.every
"""Frames before and after a residual face that are covered, too: as many as lie between two thorough looks."""
_GROWTH, WHOLE = 1.6, 4
"""Each time a face is found where it was covered, the region's sides grow by this factor and its reach in time doubles;
when it is found so many times, the whole picture is covered while its scene lasts."""


@dataclass(frozen=True)
class _Found:
    frame: int
    box: Floats
    times: int


class RedactionRegions:
    """What is covered in a video of `frames` frames of (width, height) pixels."""

    def __init__(self, size: tuple[int, int], frames: int, scenes: Sequence[Scene]) -> None:
        self._whole = np.array([0, 0, *size], np.float32)
        self._frames = frames
        self._scenes = scenes
        self._found: list[_Found] = []

    @property
    def regions(self) -> list[RedactionRegion]:
        """The regions to cover, with the frames that they last."""
        return [self._region(found) for found in self._found]

    def add(self, strays: Sequence[ResidualFace], whole: bool = False) -> bool:
        """Cover residual faces from now on.

        Args:
            strays: The faces.
            whole: Cover at once the whole picture, for as long as the scene lasts.

        Returns:
            False where one lies on a picture that is covered whole already.
        """
        before = [(found, self._region(found)) for found in self._found]
        for stray in strays:
            under = [found.times for found, region in before if _touches(stray, region)]
            times = WHOLE if whole else max(under, default=-1) + 1
            if max(under, default=-1) >= WHOLE:
                return False
            self._found.append(_Found(stray.frame, stray.box, min(times, WHOLE)))
        return True

    def _region(self, found: _Found) -> RedactionRegion:
        if found.times >= WHOLE:
            scene = next((s for s in self._scenes if s.first <= found.frame <= s.last), None)
            first, last = (0, self._frames - 1) if scene is None else (scene.first, scene.last)
            return RedactionRegion(first, last, self._whole)
        reach = _REACH * 2**found.times
        middle, half = (found.box[:2] + found.box[2:]) / 2, (found.box[2:] - found.box[:2]) / 2
        half = half * _GROWTH**found.times
        box = np.concatenate([middle - half, middle + half]).astype(np.float32)
        return RedactionRegion(max(found.frame - reach, 0), min(found.frame + reach, self._frames - 1), box)


def _touches(stray: ResidualFace, region: RedactionRegion) -> bool:
    """Whether a residual face lies, in part at least, where a region covers the picture."""
    low, high = np.maximum(stray.box[:2], region.box[:2]), np.minimum(stray.box[2:], region.box[2:])
    return region.first <= stray.frame <= region.last and bool((low < high).all())

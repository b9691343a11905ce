"""Painted faces of the last render, kept on the scratch disk, so that the next one paints again only what changed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import BinaryIO

import numpy as np

from models.interfaces.capabilities import Floats
from models.interfaces.twins import Patch, Strength, Twin
from tasks.records import RedactionRegion, Track

MOST_BYTES = 256 << 20
"""Of painted faces that are kept for one input; what is over that is painted again. Scratch may be memory."""
_Kept = tuple[int, int, int, tuple[int, ...], Floats, Floats]
"""Offset in the file, x, y, shape of the pixels, box, points."""
_Shown = tuple[Twin, Strength] | None


class PaintedPatches:
    """What was painted on which face, per track and frame. Identifying: it lies in the private scratch folder.

    A render begins with `begin` and then asks, by several threads, for the patch of each face. A patch may be used
    again when the twin of its track is the same one and no face or region that changed touches it: what is painted
    depends on the pixels under it.
    """

    def __init__(self, folder: Path) -> None:
        """Args:
        folder: Private scratch folder of the input.
        """
        self._path = folder / "patches.bin"
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()
        self._kept: dict[tuple[int, int], _Kept] = {}
        self._shown: dict[int, _Shown] = {}
        self._regions: tuple[RedactionRegion, ...] = ()
        self._changed: set[int] = set()
        self._new_regions: list[RedactionRegion] = []

    def digest(self) -> str:
        """Return what stands for it in cache keys: nothing, since it changes no result."""
        return ""

    def begin(self, shown: dict[int, _Shown], regions: tuple[RedactionRegion, ...]) -> None:
        """Begin a render.

        Args:
            shown: Track -> its twin and how strongly it departs from the source, None where the face is covered.
            regions: To be covered, too.
        """
        tracks = {*shown, *self._shown}
        self._changed = {track for track in tracks if not _same(shown.get(track), self._shown.get(track))}
        # A frame on which the new twin could not be painted must not show the old one later.
        self._kept = {key: kept for key, kept in self._kept.items() if key[0] not in self._changed}
        self._new_regions = [region for region in regions if not self._has(region)]
        self._shown, self._regions = dict(shown), regions

    def changed(self, track: int) -> bool:
        """Return whether the twin of a track is another one than in the last render.

        Args:
            track: Its index.

        Returns:
            Whether it is, so that nothing of it can be used again.
        """
        return track in self._changed

    def known(self, track: Track, frame: int, beside: list[Track]) -> Patch | None:
        """Return a patch of the last render.

        Args:
            track: Whose face.
            frame: On which frame.
            beside: All tracks on the frame.

        Returns:
            The patch, None where the face must be painted.
        """
        kept = self._kept.get((track.index, frame))
        if kept is None or track.index in self._changed:
            return None
        offset, x, y, shape, box, points = kept
        window = np.array([x, y, x + shape[1], y + shape[0]], np.float32)
        # A region may cover a neighbour whose painted pixels lie under this patch, too.
        if any(region.first <= frame <= region.last for region in self._new_regions):
            return None
        near = [one.boxes[frame - one.first] for one in beside if one.index in self._changed]
        if any(_touches(window, _wide(other)) for other in near):
            return None
        with self._lock:
            file = self._opened()
            file.seek(offset)
            data = file.read(int(np.prod(shape)))
        return Patch(x, y, np.frombuffer(data, np.uint8).reshape(shape), points, box)

    def keep(self, track: int, frame: int, patch: Patch) -> None:
        """Keep a patch for the next render, as long as there is room.

        Args:
            track: Whose face.
            frame: On which frame.
            patch: What was painted.
        """
        with self._lock:
            file = self._opened()
            offset = file.seek(0, 2)
            if offset + patch.pixels.nbytes > MOST_BYTES:
                self._kept.pop((track, frame), None)
                return
            file.write(np.ascontiguousarray(patch.pixels).tobytes())
            shape = tuple(int(side) for side in patch.pixels.shape)
            self._kept[track, frame] = (offset, patch.x, patch.y, shape, patch.box, patch.points)

    def _has(self, region: RedactionRegion) -> bool:
        return any(
            (one.first, one.last) == (region.first, region.last) and np.array_equal(one.box, region.box)
            for one in self._regions
        )

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._file = self._path.open("w+b")
        return self._file


def _same(one: _Shown, other: _Shown) -> bool:
    """Whether two tracks show the very same twin; twins hold arrays, so they are compared as objects."""
    if one is None or other is None:
        return one is other
    return one[0] is other[0] and one[1] == other[1]


def _wide(box: Floats) -> Floats:
    """A face's box with the reach of what may be painted around it."""
    reach = box[2:] - box[:2]
    return np.concatenate([box[:2] - reach, box[2:] + reach])


def _touches(one: Floats, other: Floats) -> bool:
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    return bool((low < high).all())

"""What lies in a finished mp4 beside its samples: boxes of other kinds, and bytes that nothing refers to."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

from infra.media.containers.boxes import content, walk

_PARENTS = frozenset({b"moov", b"trak", b"edts", b"mdia", b"minf", b"dinf", b"stbl"})
_NO_TAGS = (
    struct.pack(">I4sI", 53, b"meta", 0)
    + struct.pack(">I4s8x4s4s9x", 33, b"hdlr", b"mdir", b"appl")
    + struct.pack(">I4s", 8, b"ilst")
)
"""What ffmpeg writes where there are no tags."""


def box_names(path: Path) -> tuple[set[bytes], bool]:
    """List the kinds of all boxes of a file down to the sample tables.

    Padding with content counts as a box called `free+`; a list of tags that is empty does not count.

    Args:
        path: the mp4.

    Returns:
        The kinds, and whether bytes lie outside of the boxes.

    Raises:
        MediaError: the boxes are damaged (`bad_structure`).
    """
    names, rest = set(), False
    with path.open("rb") as file:
        pending = [(0, path.stat().st_size)]
        while pending:
            start, end = pending.pop()
            reached = start
            for box in walk(file, start, end):
                reached = box.end
                if box.kind == b"udta" and content(file, box) == _NO_TAGS:
                    continue
                names.add(box.kind)
                if box.kind in (b"free", b"skip") and any(content(file, box)):
                    names.add(b"free+")
                if box.kind in _PARENTS:
                    pending.append((box.start, box.end))
            rest = rest or reached != end
    return names, rest


def unreferenced(path: Path, samples: Iterable[tuple[int, int]]) -> bool:
    """Say whether media data boxes hold bytes that no sample covers.

    Args:
        path: the mp4.
        samples: (first byte, number of bytes) each.

    Returns:
        True when there are such bytes.
    """
    with path.open("rb") as file:
        free = [(box.start, box.end) for box in walk(file, 0, path.stat().st_size) if box.kind == b"mdat"]
    reached = 0
    spans = sorted(samples)
    for start, end in free:
        reached = start
        for position, size in spans:
            if position > reached:
                break
            reached = max(reached, position + size)
        if reached < end:
            return True
    return False

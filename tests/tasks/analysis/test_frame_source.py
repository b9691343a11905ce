"""What is read and written: a picture comes back to the bit, a source is told apart by its content and its turn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from infra.media.frame import YuvFrame
from infra.settings import Settings
from tasks.analysis import frame_source
from tasks.analysis.frame_source import LocalFile


def test_a_picture_that_was_written_comes_back_to_the_bit(tmp_path: Path) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (33, 47, 3)).astype(np.uint8)
    source = frame_source.of_picture(LocalFile(tmp_path, "a"), pixels)
    with source.open() as frames:
        (read,) = frames
    with source.sink(tmp_path, Settings()) as sink:
        sink.write(read)
    assert source.picture is not None and np.array_equal(source.picture(), YuvFrame.from_bgr(pixels).to_bgr())
    with source.written(tmp_path)() as frames:
        (audited,) = frames
    # The audit sees it through the frame's colours, as it saw the source.
    assert np.array_equal(audited.to_bgr(), YuvFrame.from_bgr(source.picture()).to_bgr())


def test_content_and_turn_tell_sources_apart(tmp_path: Path) -> None:
    pixels = np.zeros((8, 12, 3), np.uint8)
    one, other = (frame_source.of_picture(LocalFile(tmp_path, sha), pixels) for sha in "ab")
    assert len({one.digest(), other.digest(), one.turned(90).digest()}) == 3
    assert one.turned(90).size == (8, 12) and one.turned(270).turned(90).digest() == one.digest()

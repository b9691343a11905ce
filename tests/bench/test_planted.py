"""The bench of planted leaks: where the source is put back, and how much of it."""

from __future__ import annotations

import numpy as np
import pytest

from bench import planted
from bench.planted import HALF, RUN, WHOLE, Counts
from tests.tasks import support

BOX = np.float32([40, 31, 81, 91])


@pytest.mark.parametrize("half", [False, True])
def test_the_sources_pixels_are_put_back_into_the_face_or_half_of_it(half: bool) -> None:
    shown = support.yuv(np.full((120, 160, 3), 40, np.uint8))
    source = support.yuv(np.full((120, 160, 3), 200, np.uint8))
    mixed = planted.put_back(shown, source, BOX, half).to_bgr()
    changed = np.abs(mixed.astype(int) - shown.to_bgr()).max(axis=2) > 80
    inside = np.zeros_like(changed)
    inside[31:91, 60 if half else 40 : 81] = True
    assert changed[inside].all() and not changed[:, :30].any() and not changed[:18].any() and not changed[:, 92:].any()
    assert changed[:, :59].any() is np.bool_(not half)
    assert np.array_equal(shown.to_bgr(), support.yuv(np.full((120, 160, 3), 40, np.uint8)).to_bgr())


def test_a_face_at_the_edge_is_put_back_as_far_as_the_frame_goes() -> None:
    shown, source = (support.yuv(np.full((120, 160, 3), value, np.uint8)) for value in (40, 200))
    mixed = planted.put_back(shown, source, np.float32([-10, -8, 170, 140]), False)
    assert np.array_equal(mixed.data, source.data)


def test_places_begin_runs_of_replaced_frames_and_are_spread() -> None:
    frames = [*range(10, 50), 60, 61, *range(100, 104 + RUN)]
    found = planted.starts(frames)
    assert len(found) == planted.PLACES and found[0] == 10 and found[-1] == 104
    assert all(set(range(one, one + RUN)) <= set(frames) for one in found)
    assert planted.starts([1, 2, 3]) == []


def test_a_row_counts_what_was_found_and_what_was_without_it() -> None:
    counts = Counts({WHOLE: [True, True, False], HALF: [True]}, [False, False, True])
    assert planted.line("clip", counts) == "| clip | 2 of 3 | 1 of 1 | 1 of 3 |"
    assert planted.line("covered", Counts()) == "| covered | 0 of 0 | 0 of 0 | 0 of 0 |"

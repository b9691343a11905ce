"""The picture outside the face and the unrest within, as a file's numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.picture.picture import FLICKER, PSNR, SSIM, of
from tests.tasks.evaluation.metrics.support import measured, rows


def test_means_over_the_frames_on_which_something_is_known() -> None:
    file = measured(3, psnr=np.array([40, np.nan, 100], np.float32), ssim=np.array([0.5, 0.75, np.nan], np.float32))
    found = of(file)
    assert found[PSNR, ""].value == 70 and found[PSNR, ""].samples == 2
    assert found[SSIM, ""].value == 0.625 and found[SSIM, ""].samples == 2


def test_flicker_is_the_ratio_of_all_change() -> None:
    # 8 grey levels before, 12 after, where both are known.
    found = of(measured(4, unrest=rows([2, 6, None, 50], [9, 3, 7, None])))[FLICKER, ""]
    assert found.value == 1.5 and found.samples == 2
    assert of(measured(2, unrest=rows([2, 6], [0, 0])))[FLICKER, ""].value == 0, "frozen"
    still = of(measured(2, unrest=rows([0, 0], [1, 1])))[FLICKER, ""]
    assert not still.known, "a still original gives no ratio"


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (replace(measured(3), same_size=False), "The two files differ in size."),
        (measured(3), "Heads fill the picture."),
        (replace(measured(3), shared=0, same_size=False), "There is no anonymized file."),
        (Measured.empty(), "There is no anonymized file."),
    ],
)
def test_nothing_known_is_said_with_the_reason(file: Measured, why: str) -> None:
    found = of(file)
    assert [found[one, ""].note for one in (PSNR, SSIM)] == [why, why]
    assert not any(figure.known for figure in found.values()) and found[FLICKER, ""].note

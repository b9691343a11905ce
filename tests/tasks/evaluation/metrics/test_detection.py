"""Faces found, faces that were not there, frames kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.detection import EXTRA, FOUND, FRAMES, of
from tests.tasks.evaluation.metrics.support import measured


def test_by_hand() -> None:
    file = replace(measured(4, found=np.array([True, False, True, True]), extra=3), frames=10, shared=8)
    found = of(file)
    assert found[FOUND, ""].value == 0.75 and found[FOUND, ""].samples == 4
    assert found[EXTRA, ""].value == 0.75 and found[EXTRA, ""].samples == 4, "per frame looked at"
    assert found[FRAMES, ""].value == 0.8 and found[FRAMES, ""].samples == 10


def test_without_a_face_extra_ones_are_still_counted() -> None:
    found = of(replace(measured(0), frames=5, shared=5, extra=2, psnr=np.full(5, 40, np.float32)))
    assert not found[FOUND, ""].known and found[FOUND, ""].note == "The original shows no face."
    assert found[EXTRA, ""].value == 0.4 and found[FRAMES, ""].value == 1


@pytest.mark.parametrize("file", [replace(measured(4), shared=0), Measured.empty()])
def test_without_an_anonymized_file_nothing_is_known(file: Measured) -> None:
    assert len(of(file)) == 3 and all(not figure.known and figure.note for figure in of(file).values())

"""All numbers of a file, and their means over files."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics import detection, per_file
from tasks.evaluation.metrics.definition import Better, Definition, Figure
from tasks.evaluation.metrics.identity import consistency
from tasks.evaluation.metrics.per_file import of, over
from tests.tasks.evaluation.metrics.support import directions, measured

ONE = Definition("one", "One", "share", Better.HIGHER, "")
TWO = Definition("two", "Two", "share", Better.HIGHER, "")


def test_every_part_is_there_under_a_key_of_its_own() -> None:
    vectors = {name: np.stack([directions(0, 1)] * 2) for name in ("a", "b")}
    file = measured(2, vectors=vectors)
    found = of(file)
    parts = [module.of(file) for module in per_file._MODULES]
    assert len(found) == sum(len(part) for part in parts) and all(part.keys() <= found.keys() for part in parts)
    assert {"expression", "pose", "gaze", "mouth_eye_aperture", "looks", "consistency", "detection", "picture"} <= {
        module.__name__.rpartition(".")[2] for module in per_file._MODULES
    }
    assert found[detection.FOUND, ""].value == 1 and found[consistency.CONSECUTIVE, "b"].known


@pytest.mark.parametrize("file", [measured(0), Measured.empty(), replace(measured(3), shared=0)])
def test_what_is_unknown_is_no_error_and_has_a_reason(file: Measured) -> None:
    for (definition, _), figure in of(file).items():
        assert figure.known or figure.note, definition.name
        assert not figure.known or definition in (detection.EXTRA, detection.FRAMES), definition.name


def test_the_mean_counts_files_and_draws_people() -> None:
    files = [{(ONE, ""): Figure(value, original=value / 2)} for value in (0.2, 0.4, 0.9)]
    found = over(files, [7, 7, 8])[ONE, ""]
    assert found.value == pytest.approx(0.5) and found.samples == 3 and found.people == 2
    assert found.original == pytest.approx(0.25) and found.note == ""
    # Two people: both the first, one of each, or both the second.
    assert found.low == pytest.approx(0.3) and found.high == pytest.approx(0.9)


def test_files_without_a_number_are_told_and_do_not_count() -> None:
    files = [{(ONE, ""): Figure(0.4)}, {(ONE, ""): Figure.unknown("Why not.")}, {(TWO, "a"): Figure(1.0)}, {}]
    found = over(files, [1, 2, 3, 4])
    assert (
        found[ONE, ""].value == 0.4
        and found[ONE, ""].note == "One person only: no interval. 3 files without this number."
    )
    assert math.isnan(found[ONE, ""].original)
    assert over(files[:2], [1, 2])[ONE, ""].note.endswith("1 file without this number.")
    assert set(found) == {(ONE, ""), (TWO, "a")}


def test_where_nothing_is_known_the_reasons_are_kept() -> None:
    files = [{(ONE, ""): Figure.unknown(why)} for why in ("B.", "A.", "B.", "C.", "")]
    assert over(files, [1, 2, 3, 4, 5])[ONE, ""].note == "A. B." and not over(files, [1] * 5)[ONE, ""].known
    assert over([], []) == {}


def test_files_and_people_belong_together() -> None:
    with pytest.raises(ValueError):
        over([{(ONE, ""): Figure(1.0)}], [])

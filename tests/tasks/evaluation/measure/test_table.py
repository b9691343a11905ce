"""From rows to columns."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from infra.storage import serialise
from tasks.evaluation.measure.look import Row, Side
from tasks.evaluation.measure.records import Measured
from tasks.evaluation.measure.table import table
from tests.tasks.evaluation.measure.support import Attacker, Features, instruments

TOOLS = instruments([Attacker("one"), Attacker("two")])
TIMES = 5.0 + np.arange(10) / 20
BOTH = np.arange(10, dtype=np.int64)


def side(value: float) -> Side:
    """Every number tells what it is and whose."""
    return Side(
        vectors=(np.full(4, value, np.float32), np.full(4, value + 0.5, np.float32)),
        figures=(value + np.arange(11) / 100).astype(np.float32),
        shapes=np.full(52, value, np.float32),
        looks=(value + np.arange(12) / 10).astype(np.float32),
        quality=value + 0.7,
        aligned=np.zeros((0, 0, 3), np.uint8),
        unrest=value + 0.9,
    )


def made(*rows: Row, times: np.ndarray = TIMES, mapping: np.ndarray = BOTH) -> Measured:
    ratios = [(40.0, 0.9)] * len(times)
    return table(list(rows), ratios, times, True, TOOLS, mapping, 3, 4)


def test_every_number_lands_in_its_column() -> None:
    found = made(Row(2, 7, 90.0, True, (side(1.0), side(2.0))), Row(4, 8, 50.0, False, (side(3.0), None)))
    assert found.frame.tolist() == [2, 4] and found.person.tolist() == [7, 8] and found.side.tolist() == [90, 50]
    assert found.found.tolist() == [True, False] and found.shown.tolist() == [True, False]
    assert found.time == pytest.approx([0.1, 0.2]), "from the first frame on"
    assert found.frames == 10 and found.shared == 10 and found.duration == pytest.approx(0.5)
    assert found.extra == 3 and found.unpaired == 4 and found.same_size
    assert found.vectors["one"][:, 0].tolist() == [[1.0] * 4, [2.0] * 4]
    assert found.vectors["two"][0, 1].tolist() == [3.5] * 4 and np.isnan(found.vectors["two"][1, 1]).all()
    assert found.openings[1, 0] == pytest.approx([2.0, 2.01, 2.02, 2.03, 2.04])
    assert found.angles[0, 1] == pytest.approx([3.08, 3.09, 3.1]), "of the similarity, not of the six points"
    assert found.age[:, 0].tolist() == [1, 2] and found.female[:, 0] == pytest.approx([1.1, 2.1])
    assert found.age_second[:, 0] == pytest.approx([1.3, 2.3]) and found.female_second[:, 0] == pytest.approx(
        [1.4, 2.4]
    )
    assert found.skin[:, 0] == pytest.approx([1.2, 2.2])
    assert found.emotion[1, 0] == pytest.approx(2.5 + np.arange(7) / 10)
    assert (found.shapes[0, 1] == 3).all() and found.quality[:, 0] == pytest.approx([1.7, 2.7])
    assert found.unrest[:, 0] == pytest.approx([1.9, 2.9]) and np.isnan(found.unrest[1, 1])
    assert found.quality[0, 1] == pytest.approx(3.7) and np.isnan(found.quality[1, 1]) and not len(found.loudness)
    assert found.psnr.tolist() == [40] * 10 and found.ssim == pytest.approx([0.9] * 10)
    for column in (found.angles, found.openings, found.shapes, found.age, found.female, found.skin, found.emotion):
        assert column.dtype == np.float32 and np.isnan(column[1, 1]).all() and np.isfinite(column[0]).all()


def test_features_count_where_both_sides_have_them() -> None:
    tools = dataclasses.replace(TOOLS, features=Features())

    def known(value: float) -> Side:
        return dataclasses.replace(side(value), texture=np.full(3, value, np.float32))

    pairs = [(known(1), known(2)), (known(3), side(4)), (side(5), known(6)), (known(7), None), (known(8), known(9))]
    rows = [Row(n, 0, 9.0, True, pair) for n, pair in enumerate(pairs)]
    found = table(rows, [], TIMES, True, tools, BOTH, 3, 4).textures
    assert found.shape == (2, 2, 3) and found[:, :, 0].tolist() == [[1, 8], [2, 9]]
    assert table([], [], TIMES, True, tools, BOTH, 3, 4).textures.shape == (2, 0, 3)
    assert made(rows[1]).textures.shape == (2, 0, 0)


def test_without_a_face_there_are_columns_of_the_same_shapes_without_rows() -> None:
    some, none = made(Row(0, 0, 9.0, True, (side(1.0), side(1.0)))), made()
    assert none.faces == 0 and none.people == [] and none.frames == 10
    for field in dataclasses.fields(Measured):
        one, other = getattr(some, field.name), getattr(none, field.name)
        for a, b in zip(*([v.values() if isinstance(v, dict) else [v] for v in (one, other)]), strict=True):
            if isinstance(a, np.ndarray):
                assert a.dtype == b.dtype and a.ndim == b.ndim, field.name
                assert tuple(b.shape) == tuple(0 if n == 1 else n for n in a.shape) or field.name in ("psnr", "ssim")


def test_a_file_without_frames_is_no_error() -> None:
    found = made(times=np.zeros(0), mapping=np.zeros(0, np.int64))
    assert found.frames == 0 and found.duration == 0 and found.shared == 0


def test_a_picture_has_no_duration() -> None:
    found = made(Row(0, 0, 9.0, True, (side(1.0), side(1.0))), times=np.zeros(1), mapping=np.zeros(1, np.int64))
    assert found.duration == 0 and found.shared == 1 and found.time.tolist() == [0]


def test_frames_without_a_counterpart_are_not_shared() -> None:
    assert made(mapping=np.array([0, 1, -1, -1, 2, 3, -1, 4, 4, -1])).shared == 6


def test_what_was_measured_can_be_kept() -> None:
    one = made(Row(2, 7, 90.0, True, (side(1.0), None)))
    for value in (one, Measured.empty()):
        back = serialise.loads(serialise.dumps(value), Measured)
        for field in dataclasses.fields(Measured):
            np.testing.assert_equal(getattr(back, field.name), getattr(value, field.name))


def test_people_are_counted_by_their_faces() -> None:
    rows = [Row(n, person, 9.0, True, (side(0), None)) for n, person in enumerate([4, 2, 2, 9, 4, 2])]
    assert made(*rows).people == [2, 4, 9] and made(*rows).faces == 6
    assert Measured.empty().people == [] and Measured.empty().faces == 0

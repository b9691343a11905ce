from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from infra.errors import StoreError
from infra.storage.serialise import dumps, loads


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Inner:
    number: int
    share: float
    name: str


@dataclass(frozen=True, eq=False)
class Outer:
    flag: bool
    colour: Colour
    rate: Fraction
    raw: bytes
    maybe: Inner | None
    many: tuple[Inner, ...]
    pair: tuple[int, str]
    listed: list[float]
    table: dict[str, float]
    pixels: NDArray[np.uint8]
    floats: NDArray[np.float32]


def example(**changes: object) -> Outer:
    values: dict[str, object] = {
        "flag": True,
        "colour": Colour.BLUE,
        "rate": Fraction(30000, 1001),
        "raw": b"\x00\xff",
        "maybe": None,
        "many": (Inner(1, 0.1, "a"), Inner(-2, math.inf, "é\n")),
        "pair": (3, "x"),
        "listed": [1.5, -0.0],
        "table": {"happy": 0.25},
        "pixels": np.arange(12, dtype=np.uint8).reshape(2, 2, 3),
        "floats": np.array([1.5, np.nan], np.float32),
    }
    return Outer(**(values | changes))  # type: ignore[arg-type]


def test_round_trip() -> None:
    value = example(maybe=Inner(1, 2.0, ""))
    back = loads(dumps(value), Outer)
    for name in value.__dataclass_fields__:
        one, two = getattr(value, name), getattr(back, name)
        if isinstance(one, np.ndarray):
            assert one.dtype == two.dtype
            np.testing.assert_array_equal(one, two)
            two[...] = 0
        else:
            assert (one, type(one)) == (two, type(two))


@given(st.floats(), st.integers(), st.text())
def test_scalars(share: float, number: int, name: str) -> None:
    back = loads(dumps(Inner(number, share, name)), Inner)
    assert (back.number, back.name) == (number, name)
    assert back.share == share or (math.isnan(back.share) and math.isnan(share))


@given(
    arrays.arrays(
        st.sampled_from([np.bool_, np.int8, np.int64, np.uint16, np.float16, np.float32, np.float64]),
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    )
)
def test_arrays(value: NDArray[np.float32]) -> None:
    back = loads(dumps(example(floats=value)), Outer).floats
    assert (back.dtype, back.shape) == (value.dtype, value.shape)
    np.testing.assert_array_equal(back, value)


def test_same_value_same_bytes() -> None:
    assert dumps(example()) == dumps(example())


@given(st.data())
def test_damage_raises_our_error_or_changes_only_values(data: st.DataObject) -> None:
    whole = dumps(example())
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(StoreError):
        loads(whole[:cut], Outer)
    position, value = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 255))
    try:
        loads(whole[:position] + bytes([value]) + whole[position + 1 :], Outer)
    except StoreError as error:
        assert "Outer" in str(error)


def test_other_types_are_refused() -> None:
    @dataclass(frozen=True)
    class Renamed:
        number: int
        part: float
        name: str

    @dataclass(frozen=True)
    class Retyped:
        number: str
        share: float
        name: str

    data = dumps(Inner(1, 2.0, "x"))
    for kind in (Renamed, Retyped, Outer):
        with pytest.raises(StoreError):
            loads(data, kind)
    with pytest.raises(StoreError):
        loads(data + b"x", Inner)


@pytest.mark.parametrize("bad", [object(), {1: 2.0}, {1, 2}, np.array([object()])])
def test_only_plain_things_can_be_stored(bad: object) -> None:
    with pytest.raises(TypeError):
        dumps(example(table=bad))
    with pytest.raises(TypeError):
        dumps(bad)


@pytest.mark.parametrize("text", [b"04 ", b",04", b"<O8", b"<f0", b"<f9", b"{1}"])
def test_an_array_type_of_another_kind_is_damage(text: bytes) -> None:
    whole = dumps(example())
    assert b"<f4" in whole
    with pytest.raises(StoreError):
        loads(whole.replace(b"<f4", text), Outer)

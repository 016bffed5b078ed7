"""Directions: algebra, file form, refusal of other models."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from resonance.errors import DataLoss, FailedPrecondition
from resonance.steering.direction import Direction

_arrays = hnp.arrays(np.float32, (3, 4), elements=st.floats(-100, 100, width=32, allow_subnormal=False))
directions = st.builds(Direction, model_digest=st.just("m1"), per_layer=_arrays, one_to_all=_arrays)


def same(one: Direction, other: Direction) -> bool:
    return np.array_equal(one.per_layer, other.per_layer) and np.array_equal(one.one_to_all, other.one_to_all)


@given(directions, directions)
def test_addition_commutes(one: Direction, other: Direction) -> None:
    assert same(one + other, other + one)


@given(directions)
def test_a_direction_less_itself_and_times_zero_is_zero(one: Direction) -> None:
    assert not (one - one).per_layer.any()
    assert not (one * 0.0).one_to_all.any()


@given(directions)
def test_halves_add_up_to_the_whole(one: Direction) -> None:
    half = 0.5 * one + 0.5 * one
    np.testing.assert_allclose(half.per_layer, one.per_layer, rtol=1e-6, atol=1e-30)


@given(directions)
def test_the_same_direction_is_the_same_bytes(one: Direction) -> None:
    assert len({one.to_bytes() for _ in range(8)}) == 1


@given(directions)
def test_bytes_bring_it_back(one: Direction) -> None:
    back = Direction.from_bytes(one.to_bytes())
    assert same(back, one)
    assert back.model_digest == "m1"


@given(directions, st.data())
def test_a_damaged_file_is_never_a_crash(one: Direction, data: st.DataObject) -> None:
    damaged = bytearray(one.to_bytes())
    place = data.draw(st.integers(0, len(damaged) - 1))
    damaged[place] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(DataLoss):
        Direction.from_bytes(bytes(damaged))


def test_directions_of_two_models_refuse_to_meet() -> None:
    array = np.ones((2, 3), dtype=np.float32)
    one, other = (Direction(model_digest=name, per_layer=array, one_to_all=array) for name in ("m1", "m2"))
    with pytest.raises(FailedPrecondition, match="m1 and m2"):
        one + other


def test_what_is_not_finite_is_not_a_direction() -> None:
    array = np.array([[np.nan, 1.0]], dtype=np.float32)
    with pytest.raises(ValueError, match="finite"):
        Direction(model_digest="m", per_layer=array, one_to_all=array)

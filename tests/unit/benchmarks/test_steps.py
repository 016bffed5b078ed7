"""Slider evenness of an inverse remap and a straight line."""

from __future__ import annotations

import math

import pytest
from benchmarks.steering.steps import uneven

BENT = {0.0: 0.0, 1.0: 0.8, 2.0: 1.0, -1.0: -0.8, -2.0: -1.0}


@pytest.mark.parametrize("sign", [1, -1])
def test_a_remap_that_undoes_the_curve_has_equal_steps(sign: int) -> None:
    knots = [(0.0, 0.0), (sign * 0.8, sign * 1.0), (sign * 1.0, sign * 2.0)]
    assert uneven(BENT, knots, sign * 2.0) == pytest.approx(0)
    assert uneven(BENT, (), sign * 2.0) == pytest.approx(math.sqrt((0.15**2 + 0.3**2 + 0.15**2) / 3))


def test_no_effect_has_no_steps() -> None:
    assert math.isnan(uneven({0.0: 0.0, 1.0: -0.2}, (), 1.0))
    assert math.isnan(uneven({0.0: 0.0}, (), 0.0))
    assert math.isnan(uneven({0.0: 0.0, 1.0: -0.1, 1.6: 0.5}, (), 1.0)), "what lies beyond the end says nothing of it"
    assert math.isnan(uneven({0.0: 0.0, 1.0: 0.0, 1.6: 0.5}, (), 1.0))

"""The remap: slider positions to strengths, so that equal steps of the slider have equal effects and it never turns back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Knot = tuple[float, float]


def remap_of(strengths: Sequence[float], effects: Sequence[float], *, low: float, high: float) -> list[Knot]:
    """Knots (position, strength), rising in both, from -1 to 1 through (0, 0).

    Args:
        strengths: where the effect was measured, 0 left out.
        effects: the effect at each, 0 at strength 0, in any unit; the direction's own sign.
        low, high: the safe range; a side whose end is 0 stays at 0.

    Each sign for itself: the effects inside the range are made monotone (isotonic regression, Ayer et al. 1955), and a position is the
    share of the effect at the end. Where nothing rises, the way to the end is a straight line.
    """
    sides = []
    for sign, end in ((-1.0, low), (1.0, high)):
        inside = [
            (abs(s), sign * e) for s, e in zip(strengths, effects, strict=True) if 0 < sign * s <= abs(end) + 1e-9
        ]
        sides.append([(sign * place, sign * strength) for place, strength in _side(sorted(inside), abs(end))])
    down, up = sides
    return [*reversed(down), (0.0, 0.0), *up]


def isotonic(values: Sequence[float]) -> list[float]:
    """The nearest rising sequence in least squares, by pooling adjacent violators."""
    blocks: list[list[float]] = []  # [mean, count]
    for value in values:
        blocks.append([value, 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, count = blocks.pop()
            before, many = blocks[-1]
            blocks[-1] = [(before * many + mean * count) / (many + count), many + count]
    return [mean for mean, count in blocks for _ in range(int(count))]


def _side(points: Sequence[Knot], end: float) -> list[Knot]:
    """Knots of one side in absolute values, without (0, 0); the last is (1, end)."""
    if end == 0.0 or not points:
        return [(1.0, end)]
    rising = isotonic([0.0, *(effect for _, effect in points)])
    floor, top = rising[0], rising[-1]
    if top - floor <= 1e-9:
        return [(1.0, end)]
    knots: list[Knot] = []
    for (strength, _), effect in zip(points, rising[1:], strict=True):
        place = (effect - floor) / (top - floor)
        if place > (knots[-1][0] if knots else 0.0) + 1e-6 and place < 1.0 - 1e-6:
            knots.append((place, strength))
    # The smallest strength that reaches the top effect would leave no way to the end; the end is what the range promises.
    return [*knots, (1.0, end)]

"""Evenness of a slider: deviation of effect from slider position.

Both are taken as shares: of the whole effect, and of the slider's way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

POSITIONS = (0.25, 0.5, 0.75)


def uneven(curve: Mapping[float, float], knots: Sequence[tuple[float, float]], end: float) -> float:
    """The root mean square, over positions of a quarter, half and three quarters towards `end`, of the effect's share of that at the end
    less the position. `curve` is strength -> effect, signed and 0 at 0, `knots` are slider position -> strength, empty for a straight line.
    NaN where the end has no effect the right way.
    """
    sign = 1 if end > 0 else -1
    strengths = sorted((strength for strength in curve if strength * sign >= 0), key=abs)
    sizes, effects = [abs(strength) for strength in strengths], [curve[strength] * sign for strength in strengths]
    whole = float(np.interp(abs(end), sizes, effects))
    if not end or whole <= 0:
        return float("nan")
    reached = [abs(_strength_at(sign * position, knots, end)) for position in POSITIONS]
    shares = np.interp(reached, sizes, effects) / whole
    return float(np.sqrt(np.mean((shares - np.array(POSITIONS)) ** 2)))


def _strength_at(position: float, knots: Sequence[tuple[float, float]], end: float) -> float:
    if not knots:
        return abs(position) * end
    positions, strengths = zip(*sorted(knots), strict=True)
    return float(np.interp(position, positions, strengths))

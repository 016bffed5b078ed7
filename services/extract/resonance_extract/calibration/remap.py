"""Remap of slider positions to strengths with equal effects.

Equal steps of the slider have equal effects, as far as effects are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Knot = tuple[float, float]
# An effect at the end of a side that is smaller than so many of its standard errors does not shape the remap.
STANDS_OUT = 2.0
# No step of the slider moves the strength by more than so many times the step's share of the side.
STEP_SHARE_MAX = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectPoint:
    """The effect of one strength and its standard error over the clips, in any unit; 0 at strength 0, in the direction's own sign."""

    strength: float
    effect: float
    error: float


def fit_remap(effects: Sequence[EffectPoint], *, low: float, high: float) -> list[Knot]:
    """Knots (position, strength), rising in both, from -1 to 1 through (0, 0); a side whose end is 0 stays at 0.

    Args:
        effects: the measured points, in any order.
        low, high: the safe range.

    Each side is fitted for itself. Where the effect at the end does not stand out from chance, the remap is a straight line. Elsewhere a
    position is the share of the effect at the end, after the effects were made monotone (isotonic regression, Ayer et al. 1955). The fit is
    drawn towards the straight line by the share of its departure that noise alone explains (`_share_of_fit`), and farther where a step
    would be larger than `STEP_SHARE_MAX` times its share.
    """
    sides = []
    for sign, end in ((-1.0, low), (1.0, high)):
        inside = [
            EffectPoint(strength=abs(one.strength), effect=sign * one.effect, error=one.error)
            for one in sorted(effects, key=lambda one: abs(one.strength))
            if 0 < sign * one.strength <= abs(end) + 1e-9
        ]
        sides.append([(sign * place, sign * strength) for place, strength in _side(inside, abs(end))])
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


def _side(effects: Sequence[EffectPoint], end: float) -> list[Knot]:
    """Knots of one side in absolute values, without (0, 0). The last knot is (1, end)."""
    if end == 0.0 or len(effects) < 2 or not _stands_out(effects[-1]):
        return [(1.0, end)]
    fit = np.array(isotonic([0.0, *(one.effect for one in effects)]))
    if fit[-1] - fit[0] <= 0.0:
        return [(1.0, end)]
    straight = np.array([0.0, *(one.strength / end for one in effects[:-1]), 1.0])
    fitted = (fit - fit[0]) / (fit[-1] - fit[0])
    share = min(_share_of_fit(effects), _share_within_steps(straight, fitted))
    if share <= 0.0:
        return [(1.0, end)]
    places = straight + share * (fitted - straight)
    return [*((float(place), one.strength) for place, one in zip(places[1:-1], effects, strict=False)), (1.0, end)]


def _stands_out(one: EffectPoint) -> bool:
    return one.effect > 0.0 and one.effect >= STANDS_OUT * one.error


def _share_of_fit(effects: Sequence[EffectPoint]) -> float:
    """The share of the departure from a straight line that noise does not explain, from 0 to 1: 1 - noise / signal.

    This is the empirical Bayes share, positive part (Efron and Morris 1973). A departure is `effect - share of the way * effect at the
    end`; its variance is that of the two standard errors, as if the strengths were independent, which renderings
    of the same prompts are not quite.
    """
    last = effects[-1]
    shares = [one.strength / last.strength for one in effects[:-1]]
    signal = sum((one.effect - share * last.effect) ** 2 for one, share in zip(effects, shares, strict=False))
    noise = sum(one.error**2 + (share * last.error) ** 2 for one, share in zip(effects, shares, strict=False))
    return max(0.0, 1.0 - noise / signal) if signal > 0 else 0.0


def _share_within_steps(straight: Array, fitted: Array) -> float:
    """The largest share of the fit at which no step moves the strength by more than `STEP_SHARE_MAX` times its share."""
    shares = [1.0]
    for whole, part in zip(np.diff(straight), np.diff(fitted), strict=True):
        if part < whole / STEP_SHARE_MAX:
            shares.append(float(whole * (1.0 - 1.0 / STEP_SHARE_MAX) / (whole - part)))
    return min(shares)

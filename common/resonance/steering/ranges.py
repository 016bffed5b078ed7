"""Safe ranges before calibration: maximum strengths of concepts and tastes."""

from __future__ import annotations

# The share of a concept's natural strength (of one unit, where it has none) that is safe before calibration. Most of the embedded model's
# sliders saturate there (docs/steering.md).
UNCALIBRATED_SHARE = 0.5
# The largest strength of a taste before calibration, on both sides: at 1 the bench's tastes held in 59 of 64 clips.
UNCALIBRATED_TASTE_MAX = 1.0


def uncalibrated_max(natural_strength: float) -> float:
    """The largest strength of a concept before calibration, on both sides. `natural_strength` is 0 where it has none."""
    return UNCALIBRATED_SHARE * (natural_strength or 1.0)

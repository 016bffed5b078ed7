"""Safe ranges where nobody has measured one: how far a concept and a taste are trusted."""

from __future__ import annotations

# Before calibration a strength beyond this share of a concept's natural strength (of one unit, where it knows none) is not trusted: where
# most of the embedded model's sliders saturate (docs/steering.md).
UNCALIBRATED_SHARE = 0.5
# A taste that nobody has calibrated is not trusted beyond it, either way: at 1 the bench's tastes held in 59 of 64 clips.
UNCALIBRATED_TASTE_MAX = 1.0


def uncalibrated_max(natural_strength: float) -> float:
    """How far a concept that nobody has calibrated may be pushed, either way; `natural_strength` is 0 where it knows none."""
    return UNCALIBRATED_SHARE * (natural_strength or 1.0)

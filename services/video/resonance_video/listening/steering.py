"""Steering timeline of a take: recipe changes and slider positions per frame."""

from __future__ import annotations

import numpy as np

from resonance.steering.sliders import SLIDER_NAMES
from resonance_video.listening.features import Wide
from resonance_video.models import FRAME_RATE_HZ, KnownMusic, RecipeChange

_STILL = 1e-3


def recipe_changes(known: KnownMusic, duration_s: float) -> tuple[RecipeChange, ...]:
    """The recipes in force with the second at which each begins; those after the song's end are left out."""
    changes: dict[float, RecipeChange] = {}
    for sample, sliders in sorted(known.recipe, key=lambda step: step[0]):
        at_s = round(sample / known.sample_rate_hz, 4)
        if at_s < duration_s:
            named = {name: value for name, value in sliders.items() if name in SLIDER_NAMES}
            changes[at_s] = RecipeChange(at_s=at_s, sliders=named)
    return tuple(changes.values())


def slider_tracks(
    known: KnownMusic, changes: tuple[RecipeChange, ...], duration_s: float
) -> dict[str, tuple[float, ...]]:
    """Positions in [-1, 1] per frame of FRAME_RATE_HZ: measured projections where there are any, else the recipe's sliders."""
    count = int(np.ceil(duration_s * FRAME_RATE_HZ - 1e-6))
    tracks: dict[str, tuple[float, ...]] = {}
    for name in SLIDER_NAMES:
        values = _projected(known, name, count)
        if values is None:
            values = _stepped(changes, name, count)
        if np.abs(values).max(initial=0.0) > _STILL:
            tracks[name] = tuple(round(float(value), 3) for value in np.clip(values, -1, 1))
    return tracks


def _projected(known: KnownMusic, name: str, count: int) -> Wide | None:
    measured = known.projections.get(name)
    if not measured:
        return None
    values = np.nan_to_num(np.asarray(measured, dtype=np.float64))
    times = np.arange(len(values)) / known.projection_rate_hz
    projected: Wide = np.interp(np.arange(count) / FRAME_RATE_HZ, times, values)
    return projected


def _stepped(changes: tuple[RecipeChange, ...], name: str, count: int) -> Wide:
    values = np.zeros(count)
    for change in changes:
        values[round(change.at_s * FRAME_RATE_HZ) :] = change.sliders.get(name, 0.0)
    return values

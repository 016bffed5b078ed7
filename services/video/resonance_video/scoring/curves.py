"""Curves of a picture: energy and density in steps that begin on cuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resonance_video.models import ShotMove, ShotPlan, ShotSize, Weather

Values = NDArray[np.float64]
# Music that changes faster than this does not settle: steering is ramped over a quarter of a second and is heard a little later.
STEP_S_MIN, STEPS_MAX = 1.0, 128
# Positions stay within the range in which every calibrated slider keeps the music's quality.
POSITION_MAX = 0.9
# A picture whose signals hardly change over its length is not stretched to the whole range.
_SPREAD_MIN = 0.02
_MOVES = {ShotMove.STILL: 0.0, ShotMove.PAN: 0.6, ShotMove.RISE: 0.6, ShotMove.PUSH: 0.8, ShotMove.PULL: 0.4}
_SIZES = {ShotSize.WIDE: 1.0, ShotSize.MEDIUM: 0.55, ShotSize.CLOSE: 0.2}
_FALLING = (Weather.RAIN, Weather.SNOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureStep:
    """Slider positions in [-1, 1] from `start_s` on."""

    start_s: float
    energy: float
    density: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureCurves:
    """The steps of a picture in rising order, its length, and what a take cannot follow."""

    duration_s: float
    steps: tuple[PictureStep, ...]
    notices: tuple[str, ...] = ()


def steps_of_plan(plan: ShotPlan) -> PictureCurves:
    """The curves of a shot plan, a step for each shot.

    Energy is the shot's own, more where the camera moves and where shots are short; density is what a shot shows: a wide shot shows much, a
    close one little, and rain and snow fill the picture.
    """
    shots = plan.shots
    seconds = np.array([shot.frame_count / plan.fps for shot in shots])
    pace = np.clip(3.0 / seconds, 0.0, 1.0)
    moves = np.array([_MOVES[shot.move] for shot in shots])
    energy = 0.6 * np.array([shot.energy for shot in shots]) + 0.25 * pace + 0.15 * moves
    sizes = np.array([_SIZES[shot.size] for shot in shots])
    falls = np.array([float(shot.staging.weather in _FALLING) for shot in shots])
    density = 0.55 * sizes + 0.3 * np.array([shot.energy for shot in shots]) + 0.15 * falls
    starts_s = [shot.start_frame / plan.fps for shot in shots]
    return build_curves(starts_s, energy, density, duration_s=plan.frames / plan.fps)


def build_curves(starts_s: Sequence[float], energy: Values, density: Values, *, duration_s: float) -> PictureCurves:
    """Curves of stretches of a picture: neighbours that are too short are joined, and both signals are spread over the sliders' range.

    Args:
        starts_s: where each stretch begins; the first is 0.
        energy: one value a stretch, in any unit.
        density: likewise.
        duration_s: length of the picture.
    """
    notices = []
    step_s = max(STEP_S_MIN, duration_s / STEPS_MAX)
    groups = _join(starts_s, duration_s, step_s)
    if len(groups) < len(starts_s):
        notices.append(
            f"{len(starts_s)} changes of the picture became {len(groups)} of the music, which follows none faster than {step_s:.1f} s"
        )
    ends_s = [*starts_s[1:], duration_s]
    weights = np.array([end - start for start, end in zip(starts_s, ends_s, strict=True)])
    spread = [_spread(_means(values, weights, groups)) for values in (energy, density)]
    for name, (_, is_flat) in zip(("energy", "density"), spread, strict=True):
        if is_flat:
            notices.append(f"the picture's {name} hardly changes, so the music's stays where it is")
    steps = tuple(
        PictureStep(start_s=round(starts_s[group[0]], 3), energy=round(float(one), 3), density=round(float(other), 3))
        for group, one, other in zip(groups, spread[0][0], spread[1][0], strict=True)
    )
    return PictureCurves(duration_s=round(duration_s, 3), steps=steps, notices=tuple(notices))


def _join(starts_s: Sequence[float], duration_s: float, step_s: float) -> list[list[int]]:
    """Numbers of stretches in groups that last at least `step_s`; a last group that is shorter belongs to the one before."""
    groups = [[0]]
    for number in range(1, len(starts_s)):
        if starts_s[number] - starts_s[groups[-1][0]] < step_s:
            groups[-1].append(number)
        else:
            groups.append([number])
    if len(groups) > 1 and duration_s - starts_s[groups[-1][0]] < step_s:
        last = groups.pop()
        groups[-1] += last
    return groups


def _means(values: Values, weights: Values, groups: Sequence[Sequence[int]]) -> Values:
    return np.array([np.average(values[list(group)], weights=weights[list(group)]) for group in groups])


def _spread(values: Values) -> tuple[Values, bool]:
    """Values from -POSITION_MAX to POSITION_MAX in proportion; zeros, and True, where they hardly differ."""
    low, high = float(values.min()), float(values.max())
    if high - low < _SPREAD_MIN:
        return np.zeros(len(values)), True
    return POSITION_MAX * (2 * (values - low) / (high - low) - 1), False

"""Safe ranges from renderings at strengths around zero.

Each has its reasons and the slider's remap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from resonance.v1 import extract_pb2
from resonance_extract.calibration.conditions import SEED, Condition
from resonance_extract.calibration.frechet import frechet_ratio
from resonance_extract.calibration.quality import Quality, failed_gates, mean_quality
from resonance_extract.calibration.remap import EffectPoint, fit_remap, isotonic
from resonance_extract.calibration.renderings import Measured
from resonance_extract.directions.statistics import Levels

Array = NDArray[np.float64]
# The largest Frechet distance of a faithful strength, over that of unsteered music.
FRECHET_RATIO_MAX = 1.25
# The gate of single renderings that break while the mean over renderings holds.
SINGLE_CLIPS = "single_clips"
# A larger strength must have at least a tenth more effect, or the range ends before it.
KNEE_GROWTH_MIN = 1.1


def fit_safe_range(measured: Mapping[Condition, Measured], *, own: Levels | None = None) -> extract_pb2.Calibration:
    """The widest range around zero in which every measured strength passed and the effect still grows, each side for itself.

    A side that fails at its first strength is 0. Each side has a reason why it ends.

    A strength passes where the gates hold for the mean over prompts and for every rendering by itself, each against its own unsteered
    baseline. So no rendering inside the range was broken. A single rendering that breaks where all hold at some larger strength was broken
    by chance, and does not count.

    Unsteered renderings of `OTHER_SEED`, where there are some, estimate the Frechet distance of chance. `faithful_min` and `faithful_max`
    are the part of the range that is as near to unsteered music as chance.

    `own` are the levels of a taste's own music. A rendering that is pushed towards it may be as quiet and as loud.
    """
    points = _measure_points(measured, own)
    (low, why_low), (high, why_high) = _knee(points, -1), _knee(points, 1)
    return extract_pb2.Calibration(
        strength_min=low,
        strength_max=high,
        points=points,
        remap=remap_from(points, low=low, high=high),
        faithful_min=_last_faithful(points, low),
        faithful_max=_last_faithful(points, high),
        reason_min=why_low,
        reason_max=why_high,
    )


def remap_from(
    points: Sequence[extract_pb2.CalibrationPoint], *, low: float, high: float
) -> list[extract_pb2.RemapPoint]:
    """The remap of a safe range from its measured points."""
    effects = [
        EffectPoint(strength=point.strength, effect=point.effect, error=point.effect_error)
        for point in points
        if point.strength
    ]
    knots = fit_remap(effects, low=low, high=high)
    return [extract_pb2.RemapPoint(position=position, strength=strength) for position, strength in knots]


def pair_with_baseline(condition: Condition, measured: Mapping[Condition, Measured]) -> tuple[Quality, float]:
    """The quality of a rendering with its distance from the unsteered baseline, and its effect, the difference of their readings."""
    ours, baseline = measured[condition], measured[condition.baseline]
    gap = np.asarray(ours.shape) - np.asarray(baseline.shape)
    distance_db = float(np.sqrt(np.square(gap).mean()))
    return replace(ours.quality, distance_db=distance_db), ours.reading - baseline.reading


def _measure_points(measured: Mapping[Condition, Measured], own: Levels | None) -> list[extract_pb2.CalibrationPoint]:
    by_strength: dict[float, list[Condition]] = {}
    for condition in measured:
        if condition.seed == SEED:
            by_strength.setdefault(condition.strength, []).append(condition)
    others = _spectra([one for condition, one in measured.items() if condition.seed != SEED])
    return [
        _measure_point(strength, by_strength[strength], measured, others, own if strength > 0 else None)
        for strength in sorted(by_strength)
    ]


def _measure_point(
    strength: float,
    conditions: Sequence[Condition],
    measured: Mapping[Condition, Measured],
    others: Array,
    own: Levels | None,
) -> extract_pb2.CalibrationPoint:
    renderings = [pair_with_baseline(one, measured) for one in conditions]
    quality = mean_quality([one for one, _ in renderings])
    baselines = [measured[one.baseline] for one in conditions]
    failed = failed_gates(quality, mean_quality([baseline.quality for baseline in baselines]), own) if strength else []
    broken = [
        bool(failed_gates(one, baseline.quality, own)) for (one, _), baseline in zip(renderings, baselines, strict=True)
    ]
    effects = [effect for _, effect in renderings]
    if strength and any(broken):
        failed = failed or [SINGLE_CLIPS]
    return extract_pb2.CalibrationPoint(
        strength=strength,
        rms=quality.rms,
        clipped_share=quality.clipped_share,
        silent_share=quality.silent_share,
        flatness=quality.flatness,
        distance_db=quality.distance_db,
        passed=not failed,
        failed_gates=failed,
        effect=float(np.mean(effects)),
        effect_error=float(np.std(effects, ddof=1) / np.sqrt(len(effects))) if len(effects) > 1 else 0.0,
        log_likelihood=quality.log_likelihood,
        repetition=quality.repetition,
        failed_clips=sum(broken) if strength else 0,
        clip_count=len(renderings),
        frechet_ratio=frechet_ratio(_spectra([measured[one] for one in conditions]), _spectra(baselines), others),
    )


def _spectra(measured: Sequence[Measured]) -> Array:
    """The points of the Frechet distance, `[renderings, bands]`: the spectrum's shape in dB, without level, which has its own gate."""
    return np.array([one.shape for one in measured])


def _outwards(points: Sequence[extract_pb2.CalibrationPoint], sign: int) -> list[extract_pb2.CalibrationPoint]:
    return sorted((point for point in points if point.strength * sign > 0), key=lambda point: abs(point.strength))


def _knee(points: Sequence[extract_pb2.CalibrationPoint], sign: int) -> tuple[float, str]:
    """The end of one side and its reason: outwards from zero while every strength passes and the effect still grows.

    Effects are made monotone first, because the effects of few renderings are noisy. The end is the first strength whose effect is within a
    tenth of the largest; a larger push has no more effect. Where no effect stands out from chance (two standard errors), or none is left
    after they are monotone, only the gates decide, and the reason says so.
    """
    inside, why = [], "every strength that was tried holds"
    outwards = _outwards(points, sign)
    for place, point in enumerate(outwards):
        if not point.passed and not _is_chance(point, outwards[place + 1 :]):
            gates = ", ".join(point.failed_gates)
            fault = (
                f"{point.failed_clips} of {point.clip_count} clips break" if point.failed_clips else "the mean breaks"
            )
            why = f"at {point.strength:g} {fault} ({gates})"
            break
        inside.append(point)
    if not inside:
        return 0.0, f"closed: {why}" if why.startswith("at") else "closed: nothing was tried"
    rising = isotonic([point.effect * sign for point in inside])
    if rising[-1] <= 0 or not any(point.effect * sign > 2 * point.effect_error for point in inside):
        return inside[-1].strength, f"{why}; no effect stands out from chance"
    reached = next(
        point for point, effect in zip(inside, rising, strict=True) if effect >= rising[-1] / KNEE_GROWTH_MIN
    )
    if reached is not inside[-1]:
        why = f"beyond {reached.strength:g} the effect no longer grows"
    return reached.strength, why


def _is_chance(point: extract_pb2.CalibrationPoint, farther: Sequence[extract_pb2.CalibrationPoint]) -> bool:
    """True where one rendering alone breaks here, while all hold at some larger strength."""
    is_single = list(point.failed_gates) == [SINGLE_CLIPS] and point.failed_clips == 1
    return is_single and any(one.passed for one in farther)


def _last_faithful(points: Sequence[extract_pb2.CalibrationPoint], end: float) -> float:
    """The last strength inside the range up to which the Frechet distance is that of unsteered music; 0 where none is."""
    reached = 0.0
    for point in _outwards(points, 1 if end > 0 else -1) if end else ():
        if abs(point.strength) > abs(end) + 1e-9 or not 0.0 < point.frechet_ratio <= FRECHET_RATIO_MAX:
            break
        reached = point.strength
    return reached

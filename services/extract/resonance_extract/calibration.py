"""Calibration: from renderings at several strengths on both sides of zero to the safe range, its reasons, and the slider's remap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from resonance.v1 import extract_pb2
from resonance_extract.quality import Quality, failed_gates, mean_of
from resonance_extract.remap import remap_of
from resonance_extract.renderings import Condition, Measured

PROTOTYPE_LAMBDA_MAX = 4.0
# A farther strength must have at least a tenth more effect to be worth what it costs.
KNEE_GROWTH_MIN = 1.1
PROTOTYPE_RMS_MIN, PROTOTYPE_RMS_MAX = 0.03, 0.35


def calibration_of(measured: Mapping[Condition, Measured], *, norm_max: float) -> extract_pb2.Calibration:
    """The widest range around zero in which every measured strength passed and the effect still grows, each side for itself; a side that
    fails at once is 0.

    Gates are asked of the mean over prompts. `norm_max` is the largest layer's norm in residual standard deviations, for the first
    prototype's figure.
    """
    points = _points(measured)
    low, high = _knee(points, -1), _knee(points, 1)
    steered = [point for point in points if point.strength]
    remap = remap_of([point.strength for point in steered], [point.effect for point in steered], low=low, high=high)
    return extract_pb2.Calibration(
        strength_min=low,
        strength_max=high,
        points=points,
        prototype_upper=min(PROTOTYPE_LAMBDA_MAX, max(1.0, 3.2 / max(norm_max, 1e-6))),
        remap=[extract_pb2.RemapPoint(position=position, strength=strength) for position, strength in remap],
        window_min=_last_in_window(points, -1),
        window_max=_last_in_window(points, 1),
    )


def paired(condition: Condition, measured: Mapping[Condition, Measured]) -> tuple[Quality, float]:
    """The quality of a rendering with its distance from the unsteered twin, and its effect: how far it lies beyond the twin."""
    ours, twin = measured[condition], measured[condition.twin]
    gap = np.asarray(ours.shape) - np.asarray(twin.shape)
    distance_db = float(np.sqrt(np.square(gap).mean()))
    return replace(ours.quality, distance_db=distance_db), ours.projection - twin.projection


def _points(measured: Mapping[Condition, Measured]) -> list[extract_pb2.CalibrationPoint]:
    by_strength: dict[float, list[tuple[Quality, float]]] = {}
    for condition in measured:
        by_strength.setdefault(condition.strength, []).append(paired(condition, measured))
    unsteered = mean_of([quality for quality, _ in by_strength[0.0]])
    return [
        _point(strength, by_strength[strength], unsteered if strength else None) for strength in sorted(by_strength)
    ]


def _point(
    strength: float, renderings: Sequence[tuple[Quality, float]], unsteered: Quality | None
) -> extract_pb2.CalibrationPoint:
    quality = mean_of([one for one, _ in renderings])
    failed = [] if unsteered is None else failed_gates(quality, unsteered)
    return extract_pb2.CalibrationPoint(
        strength=strength,
        rms=quality.rms,
        clipped_share=quality.clipped_share,
        silent_share=quality.silent_share,
        flatness=quality.flatness,
        distance_db=quality.distance_db,
        passed=not failed,
        failed_gates=failed,
        effect=float(np.mean([effect for _, effect in renderings])),
        log_likelihood=quality.log_likelihood,
        repetition=quality.repetition,
    )


def _outwards(points: Sequence[extract_pb2.CalibrationPoint], sign: int) -> list[extract_pb2.CalibrationPoint]:
    return sorted((point for point in points if point.strength * sign > 0), key=lambda point: abs(point.strength))


def _knee(points: Sequence[extract_pb2.CalibrationPoint], sign: int) -> float:
    """How far it is worth going: outwards from zero while every strength passes, as far as the effect still grows.

    Beyond the strength of the largest effect a push only wears the music out. Where no strength has an effect in the direction's own
    sense, only the gates speak.
    """
    inside = []
    for point in _outwards(points, sign):
        if not point.passed:
            break
        inside.append(point)
    reached, best = (inside[-1].strength if inside else 0.0), 0.0
    for point in inside:
        if point.effect * sign > best * KNEE_GROWTH_MIN and point.effect * sign > 0:
            reached, best = point.strength, point.effect * sign
    return reached


def _last_in_window(points: Sequence[extract_pb2.CalibrationPoint], sign: int) -> float:
    """What the first prototype would have called safe: white noise at the right level passes."""
    reached = 0.0
    for point in _outwards(points, sign):
        if not PROTOTYPE_RMS_MIN <= point.rms <= PROTOTYPE_RMS_MAX:
            break
        reached = point.strength
    return reached

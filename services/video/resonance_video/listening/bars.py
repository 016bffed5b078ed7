"""Bars: the phase of the beats at which chords, bass and sections change."""

from __future__ import annotations

import numpy as np

from resonance_video.listening.features import FEATURE_RATE_HZ, Features, Wide

METER = 4
# Bars are said only where this many of them agree on the phase by this share of a deviation.
_BARS_MIN = 4
_CONTEXT_S = 0.45


def find_downbeats(features: Features, beats_s: Wide, boundaries_s: Wide | None = None) -> tuple[Wide, int, float]:
    """Downbeats, beats per bar, and the lead of the chosen phase over the second best, in standard errors."""
    if len(beats_s) < METER * _BARS_MIN:
        return np.zeros(0), METER, 0.0
    evidence = _evidence(features, beats_s)
    if boundaries_s is not None and len(boundaries_s):
        evidence = evidence + _near_boundaries(beats_s, boundaries_s)
    phase, lead = _phase(evidence, METER)
    return beats_s[phase::METER], METER, lead


def _evidence(features: Features, beats_s: Wide) -> Wide:
    """For each beat how much chroma, bass and timbre change at it, in units of their deviations."""
    at = np.clip(np.round(beats_s * FEATURE_RATE_HZ).astype(int), 0, features.frame_count - 1)
    beat = max(4, int(np.median(np.diff(at))))
    chroma = _change(features.chroma, at, min(2 * beat, round(0.9 * FEATURE_RATE_HZ)))
    timbre = _change(features.mel, at, beat)
    bass = np.array([features.bass_flux[max(0, frame - 2) : frame + 3].max() for frame in at])
    low = _change(np.log(features.low + 1e-4)[:, None], at, beat)
    return 1.2 * _standard(chroma) + 0.5 * _standard(timbre) + 0.6 * _standard(bass) + 0.2 * _standard(low)


def _change(values: Wide, at: Wide, width: int) -> Wide:
    """Distance between the means of `width` frames before and after each place."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    end = len(values)
    before = (sums[at] - sums[np.maximum(at - width, 0)]) / np.maximum(at - np.maximum(at - width, 0), 1)[:, None]
    after_end = np.minimum(at + width, end)
    after = (sums[after_end] - sums[at]) / np.maximum(after_end - at, 1)[:, None]
    distance: Wide = np.linalg.norm(after - before, axis=1)
    return distance


def _near_boundaries(beats_s: Wide, boundaries_s: Wide) -> Wide:
    """Extra evidence at the beats nearest to section boundaries."""
    extra = np.zeros(len(beats_s))
    for boundary in boundaries_s:
        extra[int(np.argmin(np.abs(beats_s - boundary)))] += 2.5
    return extra


def _phase(evidence: Wide, meter: int) -> tuple[int, float]:
    means = np.array([evidence[phase::meter].mean() for phase in range(meter)])
    order = np.argsort(means)[::-1]
    error = evidence.std() / np.sqrt(len(evidence) / meter) + 1e-9
    return int(order[0]), float((means[order[0]] - means[order[1]]) / error)


def _standard(values: Wide) -> Wide:
    clipped = np.minimum(values, np.percentile(values, 97))
    standard: Wide = (clipped - clipped.mean()) / (clipped.std() + 1e-9)
    return standard

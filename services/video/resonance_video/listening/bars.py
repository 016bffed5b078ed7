"""Bars: the phase of the beats at which chords, bass and sections change."""

from __future__ import annotations

import numpy as np

from resonance_video.listening.features import FEATURE_RATE_HZ, Features, Wide
from resonance_video.listening.turns import find_turns, first_sound_s

METER = 4
# Bars are said only where this many of them agree on the phase by this share of a deviation.
_BARS_MIN = 4
_NEAR_S, _TURNS_SHARE = 0.1, 0.8
# Songs mostly begin on a bar: what the first sound counts, and how near to a beat it has to be, in beats.
_FIRST_GAIN, _NEAR_BEAT = 3.0, 0.25


def find_downbeats(features: Features, beats_s: Wide) -> tuple[Wide, int, float]:
    """Downbeats, beats per bar, and the lead of the chosen phase over the second best, in standard errors."""
    if len(beats_s) < METER * _BARS_MIN:
        return np.zeros(0), METER, 0.0
    evidence = _evidence(features, beats_s) + _at_turns(features, beats_s)
    phase, lead = _phase(evidence, METER, _first_phase(features, beats_s))
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


def _at_turns(features: Features, beats_s: Wide) -> Wide:
    """Extra evidence at the beats nearest to the turns of the song; together as much as a third of the bars would give."""
    at_s, weights = find_turns(features)
    extra = np.zeros(len(beats_s))
    for turn_s, weight in zip(at_s, weights, strict=True):
        nearest = int(np.argmin(np.abs(beats_s - turn_s)))
        if abs(beats_s[nearest] - turn_s) < _NEAR_S:
            extra[nearest] += weight
    return extra * (_TURNS_SHARE * len(beats_s) / METER / max(float(extra.sum()), 1e-9))


def _first_phase(features: Features, beats_s: Wide) -> int | None:
    """The phase at which the song's first sound would be a downbeat."""
    first_s = first_sound_s(features)
    if first_s is None:
        return None
    beat = float(np.median(np.diff(beats_s)))
    place = (first_s - beats_s[0]) / beat
    return round(place) % METER if abs(place - round(place)) < _NEAR_BEAT else None


def _phase(evidence: Wide, meter: int, first: int | None) -> tuple[int, float]:
    means = np.array([evidence[phase::meter].mean() for phase in range(meter)])
    if first is not None:
        means[first] += _FIRST_GAIN
    order = np.argsort(means)[::-1]
    error = evidence.std() / np.sqrt(len(evidence) / meter) + 1e-9
    return int(order[0]), float((means[order[0]] - means[order[1]]) / error)


def _standard(values: Wide) -> Wide:
    clipped = np.minimum(values, np.percentile(values, 97))
    standard: Wide = (clipped - clipped.mean()) / (clipped.std() + 1e-9)
    return standard

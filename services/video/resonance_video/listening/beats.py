"""Beats: tempo from the autocorrelation of onsets under a prior, then metricon's decoder around it, and the measured pulse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonance_video.listening.features import FEATURE_RATE_HZ, Features, Wide, smoothed
from resonance_video.listening.turns import find_turns, first_sound_s

BPM_MIN, BPM_MAX = 45.0, 210.0
# A pulse below this is none: the song gets no beats.
PULSE_MIN = 0.5
# Tempos of songs: log-normal around this one, width in octaves; narrower where words tell the tempo.
USUAL_BPM, USUAL_WIDTH = 108.0, 0.85
_TOLD_WIDTH = 0.45
_KNOWN_WIDTH = 0.03
_GRID: Wide = np.geomspace(BPM_MIN, BPM_MAX, 480)
_MULTIPLES = ((1.0, 1.0), (2.0, 1.0), (4.0, 1.2), (0.5, 0.4), (8.0, 0.6))
_SHUFFLES = 64
# How far the constant tempo may lie from the first estimate, and how well its beats have to meet the onsets.
_BEND, _STEADY_MIN = 0.02, 0.7
_TURNS_PER_S, _FIRST_WEIGHT = 1.6, 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """Beats in seconds, their tempo and how clear they are, from 0 to 1. No beats: no pulse."""

    beats_s: Wide
    tempo_bpm: float | None
    clarity: float


NO_BEATS: Wide = np.zeros(0)


def find_pulse(features: Features, *, known_bpm: float | None = None, told_bpm: float | None = None) -> Pulse:
    """The beats of a song. `known_bpm` is the tempo of a take of ours, `told_bpm` one that its words name."""
    if features.is_silent or features.frame_count < 2 * FEATURE_RATE_HZ:
        return Pulse(beats_s=NO_BEATS, tempo_bpm=None, clarity=0.0)
    envelope = _envelope(features.flux)
    found = _autocorrelation(envelope)
    bpm = _tempo(found, known_bpm=known_bpm, told_bpm=told_bpm)
    tracked = _decode(envelope, bpm, width=_KNOWN_WIDTH if known_bpm else 0.12)
    beats = _steady(features, envelope, bpm, tracked)
    clarity = _clarity(envelope, found, beats, bpm)
    if clarity < PULSE_MIN or len(beats) < 4:
        return Pulse(beats_s=NO_BEATS, tempo_bpm=None, clarity=min(clarity, 1.0))
    tempo = 60.0 / float(np.median(np.diff(beats)))
    return Pulse(beats_s=beats, tempo_bpm=tempo, clarity=min(clarity, 1.0))


def _envelope(flux: Wide) -> Wide:
    """Onset strength above its surroundings, in units of its deviation."""
    above = np.maximum(flux - smoothed(flux, 1.0), 0)
    return above / (above.std() + 1e-4)


def _autocorrelation(envelope: Wide) -> Wide:
    """Of the envelope without its mean, unbiased, one at lag zero."""
    blurred = np.convolve(envelope - envelope.mean(), np.hanning(7)[1:-1], mode="same")
    size = len(blurred)
    full = np.fft.irfft(np.square(np.abs(np.fft.rfft(blurred, 2 * size))))[:size]
    unbiased: Wide = full / np.arange(size, 0, -1)
    return unbiased / (unbiased[0] + 1e-12)


def _tempo(found: Wide, *, known_bpm: float | None, told_bpm: float | None) -> float:
    """The tempo with the best fit under the prior; near the known tempo where there is one."""
    centre, width = (known_bpm, _KNOWN_WIDTH) if known_bpm else (told_bpm, _TOLD_WIDTH) if told_bpm else (0, 0)
    centre, width = (centre, width) if centre else (USUAL_BPM, USUAL_WIDTH)
    prior = np.exp(-0.5 * np.square(np.log2(_GRID / centre) / width))
    return float(_GRID[np.argmax((_fit(found) + 0.02) * prior)])


def _fit(found: Wide) -> Wide:
    """For each tempo of the grid, the weighted autocorrelation at multiples of its beat."""
    lags = 60 / _GRID * FEATURE_RATE_HZ
    total, weights = np.zeros(len(_GRID)), np.zeros(len(_GRID))
    for multiple, weight in _MULTIPLES:
        inside = lags * multiple < 0.6 * len(found)
        total += weight * inside * np.interp(lags * multiple, np.arange(len(found)), found)
        weights += weight * inside
    fit: Wide = np.maximum(total / np.maximum(weights, 1e-9), 0)
    return fit


def _decode(envelope: Wide, bpm: float, *, width: float) -> Wide:
    """Beats by metricon's state space, tempo held within `width` of `bpm`."""
    from metricon import Activations, BeatTracker

    peak = np.percentile(envelope, 99) + 1e-6
    likelihood = np.clip(envelope / peak, 0.005, 0.98)
    tracker = BeatTracker(
        min_bpm=bpm * (1 - width), max_bpm=bpm * (1 + width), fps=round(FEATURE_RATE_HZ), transition_lambda=100
    )
    activations = Activations.from_activations(likelihood.astype(np.float32), fps=round(FEATURE_RATE_HZ))
    beats: Wide = np.asarray(tracker.track(activations, snap="center").times, dtype=np.float64)
    return beats


def _steady(features: Features, envelope: Wide, bpm: float, tracked: Wide) -> Wide:
    """Beats of one constant tempo where they meet the onsets nearly as well as the tracked ones, which may run after syncopation.

    The place of the grid is decided by onsets, bass and changes of harmony together.
    """
    accents = _accents(features, envelope)
    frames = len(accents)
    best, best_score = tracked, -1.0
    rough = 60 / bpm * FEATURE_RATE_HZ
    count = int(frames / rough)
    if count < 8:
        return tracked
    for period in rough * np.linspace(1 - _BEND, 1 + _BEND, 2 * int(_BEND * rough * count) + 1):
        phases = np.arange(0.0, period, 1.0)
        beats = phases[:, None] + np.arange(int((frames - 1) / period))[None, :] * period
        scores = np.interp(beats, np.arange(frames), accents).mean(axis=1)
        if scores.max() > best_score:
            best_score = float(scores.max())
            first = float(phases[np.argmax(scores)])
            best = np.arange(first, frames - 0.25 * period, period) / FEATURE_RATE_HZ
    if len(tracked) < 4:
        return best
    seconds = np.arange(frames) / FEATURE_RATE_HZ
    blurred = np.convolve(envelope, np.hanning(7)[1:-1], mode="same")
    met = float(np.interp(best, seconds, blurred).mean()) / (float(np.interp(tracked, seconds, blurred).mean()) + 1e-9)
    return best if met >= _STEADY_MIN else tracked


def _accents(features: Features, envelope: Wide) -> Wide:
    """Onsets of all bands and of the bass, and changes of harmony, blurred over 60 ms."""
    bass = np.maximum(features.bass_flux - smoothed(features.bass_flux, 1.0), 0)
    width = round(0.35 * FEATURE_RATE_HZ)
    sums = np.concatenate([np.zeros((1, 12)), np.cumsum(features.chroma, axis=0)])
    at = np.arange(features.frame_count)
    before = sums[at] - sums[np.maximum(at - width, 0)]
    after = sums[np.minimum(at + width, features.frame_count)] - sums[at]
    change = np.linalg.norm(after - before, axis=1)
    total = (
        np.minimum(envelope, 4.0)
        + 0.8 * np.minimum(bass / (bass.std() + 1e-4), 4.0)
        + 0.8 * change / (change.std() + 1e-6)
    )
    accents: Wide = np.convolve(total, np.hanning(5)[1:-1] / 2, mode="same")
    return accents + _turns(features)


def _turns(features: Features) -> Wide:
    """Bumps at the turns of the song, so high that together they count as much as a third of all beats."""
    at_s, weights = find_turns(features)
    bumps = np.zeros(features.frame_count)
    if not len(at_s):
        return bumps
    frames = np.arange(features.frame_count) / FEATURE_RATE_HZ
    for turn_s, weight in zip(at_s, weights, strict=True):
        bumps += weight * np.exp(-0.5 * np.square((frames - turn_s) / 0.04))
    first_s = first_sound_s(features)
    if first_s is not None:
        bumps += _FIRST_WEIGHT * np.exp(-0.5 * np.square((frames - first_s) / 0.05))
    height = _TURNS_PER_S * features.frame_count / FEATURE_RATE_HZ / float(weights.sum())
    return bumps * min(height, 40.0)


def _clarity(envelope: Wide, found: Wide, beats: Wide, bpm: float) -> float:
    """Beat contrast against shifted beats, times the periodicity: about 1 for drums, near 0 for pads and noise."""
    if len(beats) < 4:
        return 0.0
    blurred = np.convolve(envelope, np.hanning(5)[1:-1], mode="same")
    frames = np.arange(len(blurred)) / FEATURE_RATE_HZ
    at_beats = float(np.interp(beats, frames, blurred).mean())
    shifts = np.linspace(0.0, 60 / bpm, _SHUFFLES, endpoint=False)
    elsewhere = float(np.mean([np.interp(beats + shift, frames, blurred).mean() for shift in shifts]))
    contrast = (at_beats - elsewhere) / (at_beats + elsewhere + 1e-6)
    lag = 60 / bpm * FEATURE_RATE_HZ
    periodicity = max(
        float(np.interp(lag * times, np.arange(len(found)), found))
        for times in (1, 2, 4)
        if lag * times < len(found) - 1
    )
    return float(np.clip(2.0 * np.sqrt(max(contrast, 0) * max(periodicity, 0)), 0, 1))

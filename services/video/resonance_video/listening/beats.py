"""Beats: tempo from the autocorrelation of onsets under a prior, then metricon's decoder around it, and the measured pulse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonance_video.listening.features import FEATURE_RATE_HZ, Features, Wide, smoothed

BPM_MIN, BPM_MAX = 45.0, 210.0
# A pulse below this is none: the song gets no beats.
PULSE_MIN = 0.5
# Tempos of songs: log-normal around this one, width in octaves; narrower where words tell the tempo.
USUAL_BPM, USUAL_WIDTH = 112.0, 0.85
_TOLD_WIDTH = 0.3
_KNOWN_WIDTH = 0.03
_GRID: Wide = np.geomspace(BPM_MIN, BPM_MAX, 480)
_MULTIPLES = ((1.0, 1.0), (2.0, 1.0), (4.0, 1.2), (0.5, 0.4), (8.0, 0.6))
_SHUFFLES = 64


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
    beats = _decode(envelope, bpm, width=_KNOWN_WIDTH if known_bpm else 0.12)
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

"""Tempo of a take: autocorrelation of its onset envelope, summed over the beat's multiples.

With numpy alone: librosa's tempo compiles for seconds of CPU in every process, and errs more often on this music.
"""

from __future__ import annotations

import numpy as np

from resonance_generate.takes.spectra import Samples, Wide, log_bands

HOP_S = 0.01
BPM_MIN, BPM_MAX = 40.0, 240.0
# A take's pulse is steady from here on: the autocorrelation at the beat and at twice the beat, half their sum.
STEADY_MIN = 0.2
_GRID: Wide = np.geomspace(BPM_MIN, BPM_MAX, 720)
# Multiples of the beat that agree with it, and how much each counts.
_MULTIPLES = ((0.25, 0.5), (0.5, 0.7), (1.0, 1.0), (2.0, 1.0), (4.0, 1.5))
# Without a tempo that was asked for, beats near this one are likelier (log-normal, in octaves).
_USUAL_BPM, _USUAL_WIDTH = 105.0, 0.7
_OCTAVES = (0.25, 0.5, 1.0, 2.0, 4.0)
_LAG_SHARE_MAX = 0.6
_SILENCE = 1e-4


def hear_tempo(samples: Samples, sample_rate_hz: int, told_bpm: float | None = None) -> tuple[float | None, float]:
    """Beats per minute of mono samples, or None without a steady pulse, and the pulse's clarity from 0 to 1.

    The tempo is found without `told_bpm`; of its octaves the one nearest to `told_bpm` is returned, because in which octave the beat lies
    is a matter of taste also for listeners (McKinney and Moelants 2006).
    """
    envelope = _onset_envelope(samples, sample_rate_hz)
    if np.abs(samples).max(initial=0.0) < _SILENCE or len(envelope) * HOP_S * _LAG_SHARE_MAX < 60 / BPM_MAX * 4:
        return None, 0.0
    found = _autocorrelation(envelope)
    bpm = float(_GRID[np.argmax(_fit(found) * _usual(_GRID))])
    clarity = _clarity(found, bpm)
    if clarity < STEADY_MIN:
        return None, clarity
    if told_bpm is not None:
        octaves = [bpm * octave for octave in _OCTAVES]
        bpm = min(octaves, key=lambda octave: abs(np.log(octave / told_bpm)))
    return round(bpm, 1), clarity


def _onset_envelope(samples: Samples, sample_rate_hz: int) -> Wide:
    """Mean rise of the bands' levels from frame to frame, every 10 ms."""
    levels = log_bands(samples, sample_rate_hz, window_s=0.064, hop_s=HOP_S)
    return np.maximum(np.diff(levels, axis=0), 0).mean(axis=1)


def _autocorrelation(envelope: Wide) -> Wide:
    """Of the envelope without its mean: unbiased, one at lag zero."""
    centred = envelope - envelope.mean()
    size = len(centred)
    full = np.fft.irfft(np.square(np.abs(np.fft.rfft(centred, 2 * size))))[:size]
    unbiased: Wide = full / np.arange(size, 0, -1)
    return unbiased / (unbiased[0] + 1e-12)


def _fit(found: Wide) -> Wide:
    """For each tempo of the grid, how well its beat and the beat's multiples agree with the autocorrelation."""
    beats = 60 / _GRID / HOP_S
    lag_max = _LAG_SHARE_MAX * len(found)
    total, weights = np.zeros(len(_GRID)), np.zeros(len(_GRID))
    for multiple, weight in _MULTIPLES:
        is_inside = beats * multiple <= lag_max
        total += weight * is_inside * np.interp(beats * multiple, np.arange(len(found)), found)
        weights += weight * is_inside
    fit: Wide = np.where(weights > 0, total / np.maximum(weights, 1e-9), -1.0)
    return np.maximum(fit, 0)


def _usual(bpm: Wide) -> Wide:
    weight: Wide = np.exp(-0.5 * np.square(np.log2(bpm / _USUAL_BPM) / _USUAL_WIDTH))
    return weight


def _clarity(found: Wide, bpm: float) -> float:
    """Half the sum of the autocorrelation at the beat and at twice the beat, within a frame of them; the best of the beat's octaves."""
    best = 0.0
    for octave in (0.5, 1.0, 2.0):
        lag = 60 / bpm / HOP_S * octave
        if 2 * lag + 2 < len(found):
            near = [max(found[round(place) - 1 : round(place) + 2]) for place in (lag, 2 * lag)]
            best = max(best, 0.5 * sum(near))
    return float(np.clip(best, 0.0, 1.0))

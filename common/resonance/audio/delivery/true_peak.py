"""True peak after ITU-R BS.1770-5, annex 2: the signal between its samples, at four times the rate."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

OVERSAMPLING = 4
# Samples of the signal on each side that an interpolated one depends on.
REACH = 16


def _phases() -> NDArray[np.float64]:
    """The three phases between two samples of a windowed sinc, `[phase, taps]`; each passes a constant unchanged."""
    places = np.arange(-REACH + 1, REACH + 1)
    rows = []
    for phase in range(1, OVERSAMPLING):
        distance = places - phase / OVERSAMPLING
        taps = np.sinc(distance) * np.cos(np.pi * distance / (2 * REACH + 1)) ** 2
        rows.append(taps / taps.sum())
    return np.array(rows)


_PHASES = _phases()


def peaks(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest magnitude at and after each sample, up to the next, over all channels.

    `samples` `[channels, n + 2 REACH]` carry REACH samples of context on each side; the answer is `[n]`.
    """
    inner = samples[:, REACH : samples.shape[1] - REACH]
    highest = np.abs(inner).max(axis=0)
    for taps in _PHASES:
        for channel in samples:
            between = np.convolve(channel[1:], taps[::-1], "valid")[: len(highest)]
            np.maximum(highest, np.abs(between), out=highest)
    return highest


def true_peak_db(samples: NDArray[np.float64] | NDArray[np.float32]) -> float:
    """The true peak of whole samples `[channels, samples]` in dBTP; minus infinity for silence."""
    whole = np.pad(np.asarray(samples, dtype=np.float64), ((0, 0), (REACH, REACH)))
    highest = float(peaks(whole).max(initial=0.0))
    return 20 * math.log10(highest) if highest > 0 else -math.inf

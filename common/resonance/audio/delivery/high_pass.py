"""High-pass below the lowest note: removes the offset that codecs leave (DC).

Two first-order sections at 8 Hz in a row: nothing is left of a constant, a slow drift is left to a thousandth, and A0 (27.5 Hz, the
lowest note of a piano) loses 0.7 dB.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

CORNER_HZ = 8.0
_SECTIONS = 2


class HighPass:
    """The filter of `[channels, samples]` that come in whole hops.

    `offset` `[channels]` is taken off before the filter, so that a constant offset makes no step at the first sample.
    """

    def __init__(self, sample_rate_hz: int, hop: int, offset: NDArray[np.float64]) -> None:
        self._hop = hop
        self._pole = math.exp(-2 * math.pi * CORNER_HZ / sample_rate_hz)
        self._decay = self._pole ** np.arange(1, hop + 1)
        self._offset = offset[:, None]
        self._states = np.zeros((_SECTIONS, len(offset)))

    def push(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """The filtered samples, as many as came."""
        filtered = samples - self._offset
        for section in range(_SECTIONS):
            filtered = filtered - self._low_pass(filtered, self._states[section])
        return filtered

    def _low_pass(self, samples: NDArray[np.float64], state: NDArray[np.float64]) -> NDArray[np.float64]:
        """`y[n] = p y[n-1] + (1-p) x[n]`, hop by hop: within a hop the recursion is a weighted running sum."""
        hops = samples.reshape(len(samples), -1, self._hop)
        low = np.cumsum(hops / self._decay, axis=2) * self._decay * (1 - self._pole)
        for index in range(hops.shape[1]):
            low[:, index] += state[:, None] * self._decay
            state[:] = low[:, index, -1]
        return low.reshape(samples.shape)

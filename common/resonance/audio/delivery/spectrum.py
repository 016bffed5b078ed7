"""Short-time spectra that come and go in hops, and add up to the signal again.

Frames of two hops under the square root of a Hann window, before and after: unchanged spectra give back the very signal.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Spectra = NDArray[np.complex128]


class SpectralFrames:
    """The signal `[channels, whole hops]` through `change`, which may alter spectra `[channels, frames, bins]` in place.

    What comes out is one hop behind what went in.
    """

    def __init__(self, channel_count: int, hop: int, change: Callable[[Spectra], None]) -> None:
        self._hop = hop
        self._change = change
        self._window = np.sqrt(0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop))
        self._before = np.zeros((channel_count, 1, hop))
        self._tail = np.zeros((channel_count, 1, hop))
        self._is_first = True

    def push(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """The samples that are complete."""
        hops = samples.reshape(len(samples), -1, self._hop)
        if not hops.shape[1]:
            return samples
        firsts = np.concatenate([self._before, hops[:, :-1]], axis=1)
        self._before = hops[:, -1:].copy()
        spectra = np.fft.rfft(np.concatenate([firsts, hops], axis=2) * self._window, axis=2)
        self._change(spectra)
        frames = np.fft.irfft(spectra, 2 * self._hop, axis=2) * self._window
        tails = np.concatenate([self._tail, frames[:, :-1, self._hop :]], axis=1)
        self._tail = frames[:, -1:, self._hop :].copy()
        out = (frames[:, :, : self._hop] + tails).reshape(samples.shape)
        if self._is_first:  # the hop before the first sample
            self._is_first = False
            return out[:, self._hop :]
        return out

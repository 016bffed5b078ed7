"""Spectra of mono samples with numpy: band levels, power spectrograms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Wide = NDArray[np.float64]
_BANDS = 40
_BAND_MIN_HZ = 60.0
_FLOOR = 1e-7
_BLOCK_FRAMES = 1024


def power_spectrogram(
    samples: Samples, sample_rate_hz: int, *, window_s: float, hop_s: float
) -> tuple[NDArray[np.float32], Wide]:
    """Power `[frames, bins]` under a Hann window, and the bins' frequencies. It works in blocks, so that a minute needs little memory."""
    size, hop = round(window_s * sample_rate_hz), round(hop_s * sample_rate_hz)
    padded = np.pad(samples, (size // 2, size))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[: max(1, len(samples)) : hop]
    shape = np.hanning(size).astype(np.float32)
    blocks = [
        np.square(np.abs(np.fft.rfft(windows[start : start + _BLOCK_FRAMES] * shape, axis=1))).astype(np.float32)
        for start in range(0, len(windows), _BLOCK_FRAMES)
    ]
    return np.concatenate(blocks), np.fft.rfftfreq(size, 1 / sample_rate_hz).astype(np.float64)


def log_bands(samples: Samples, sample_rate_hz: int, *, window_s: float, hop_s: float) -> Wide:
    """Levels in decibels `[frames, bands]` of bands that are spaced evenly in pitch, 80 dB at most below the loudest."""
    power, frequencies = power_spectrogram(samples, sample_rate_hz, window_s=window_s, hop_s=hop_s)
    edges = np.geomspace(_BAND_MIN_HZ, sample_rate_hz / 2, _BANDS + 1)
    bands = np.digitize(frequencies, edges) - 1
    members = np.zeros((len(frequencies), _BANDS), np.float32)
    inside = (bands >= 0) & (bands < _BANDS)
    members[np.flatnonzero(inside), bands[inside]] = 1
    members = members[:, members.any(axis=0)]  # low bands narrower than a bin are empty
    energy = (power @ members).astype(np.float64)
    levels: Wide = 10 * np.log10(energy + _FLOOR)
    return np.maximum(levels, levels.max() - 80.0)

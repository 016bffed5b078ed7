"""Clip audio features: level, brightness, low share, onsets, tempo, chroma.

They are computed with numpy alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Wide = NDArray[np.float64]
HOP_S = 0.01
_TEMPO_MIN_BPM, _TEMPO_MAX_BPM = 50.0, 200.0
_STEADY_MIN = 0.15
_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])

# The columns of a clip's features. `tempo_bpm` is 0 where no steady beat was found; the twelve chroma shares come last.
COLUMNS = ("loudness_dbfs", "brightness_hz", "low_share", "onsets_per_s", "tempo_bpm")
COLUMN_COUNT = len(COLUMNS) + 12


def read_meters(samples: Array, *, sample_rate_hz: int) -> Array:
    """The features `[COLUMN_COUNT]` of a mono clip of at least a tenth of a second."""
    power, frequencies = _spectrogram(samples, sample_rate_hz, window_s=0.064, hop_s=HOP_S)
    mean = power.mean(axis=0) + 1e-12
    flux = _flux(power)
    level = float(np.sqrt(np.square(samples, dtype=np.float64).mean()))
    features = [
        20 * np.log10(max(level, 1e-5)),
        float((mean * frequencies).sum() / mean.sum()),
        float(mean[(frequencies > 20) & (frequencies < 150)].sum() / mean.sum()),
        _onsets(flux) / (len(samples) / sample_rate_hz),
        _tempo(flux),
        *_chroma(samples, sample_rate_hz),
    ]
    return np.asarray(features, dtype=np.float32)


def minor_margin(chroma: Wide) -> float:
    """Correlation with the best minor key less that with the best major key, by the profiles of Krumhansl and Kessler (1982)."""
    if float(chroma.std()) < 1e-9:
        return 0.0
    fits = [
        max(float(np.corrcoef(np.roll(profile, key), chroma)[0, 1]) for key in range(12))
        for profile in (_MINOR, _MAJOR)
    ]
    return fits[0] - fits[1]


def _spectrogram(samples: Array, rate: int, *, window_s: float, hop_s: float) -> tuple[Wide, Wide]:
    """Power `[frames, bins]`, and the bins' frequencies."""
    size, hop = round(window_s * rate), round(hop_s * rate)
    padded = np.pad(samples.astype(np.float64), (size // 2, size))
    starts = np.arange(0, max(1, len(samples) - 1), hop)
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[starts] * np.hanning(size)
    power: Wide = np.square(np.abs(np.fft.rfft(windows, axis=1)))
    frequencies: Wide = np.fft.rfftfreq(size, 1 / rate).astype(np.float64)
    return power, frequencies


def _flux(power: Wide) -> Wide:
    """Spectral flux `[frames - 1]`: the mean rise of the bins' levels from frame to frame. Onsets are its peaks."""
    levels = np.log1p(1000 * power)
    rises = np.maximum(levels[1:] - levels[:-1], 0).mean(axis=1) if len(levels) > 1 else np.zeros(1)
    found: Wide = rises
    return found


def _onsets(flux: Wide) -> int:
    """Counts the peaks of the flux that stand out of their neighbourhood, at least 50 ms apart."""
    if len(flux) < 3 or flux.max() < 1e-6:
        return 0
    width = 25
    local = np.convolve(flux, np.ones(2 * width + 1) / (2 * width + 1), mode="same")
    is_peak = (flux[1:-1] > flux[:-2]) & (flux[1:-1] >= flux[2:])
    places = np.flatnonzero(is_peak & (flux[1:-1] > 1.5 * local[1:-1] + 0.05 * flux.max()))
    count, last = 0, -10
    for place in places:
        if place - last >= 5:
            count, last = count + 1, int(place)
    return count


def _tempo(flux: Wide) -> float:
    """Tempo in beats a minute by the flux's autocorrelation, weighted towards 110 (log-normal, as Ellis 2007); 0 without a steady beat."""
    centred = flux - flux.mean()
    size = len(centred)
    slow, fast = round(60 / _TEMPO_MIN_BPM / HOP_S), round(60 / _TEMPO_MAX_BPM / HOP_S)
    if size < 2 * slow or float(np.abs(centred).max()) < 1e-6:
        return 0.0
    full = np.fft.irfft(np.square(np.abs(np.fft.rfft(centred, 2 * size))))[:size] / np.arange(size, 0, -1)
    lags = np.arange(fast, slow + 1)
    strength = full[lags] / max(full[0], 1e-12)
    weight = np.exp(-0.5 * np.square(np.log2(60 / (lags * HOP_S) / 110) / 0.9))
    best = int(np.argmax(strength * weight))
    return float(60 / (lags[best] * HOP_S)) if strength[best] > _STEADY_MIN else 0.0


def _chroma(samples: Array, rate: int) -> Wide:
    """The share of each pitch class between 100 and 2000 Hz, `[12]`, C first. Each frame counts alike, and amplitudes by their root."""
    power, frequencies = _spectrogram(samples, rate, window_s=0.256, hop_s=0.128)
    inside = (frequencies > 100) & (frequencies < 2000)
    classes = np.round(12 * np.log2(frequencies[inside] / 261.626)).astype(int) % 12
    amplitudes = np.sqrt(power[:, inside])
    amplitudes /= np.maximum(amplitudes.max(axis=1, keepdims=True), 1e-3)
    shares = np.zeros(12)
    np.add.at(shares, classes, amplitudes.sum(axis=0))
    shares /= np.maximum(np.bincount(classes, minlength=12), 1)  # high pitch classes have more bins
    return shares / max(float(shares.sum()), 1e-12)

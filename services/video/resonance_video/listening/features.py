"""Features of a song at 50 frames a second: onset strength, chroma, bands and loudness.

With numpy alone: librosa compiles for seconds in each process, and processes that compile at once spoil each other's cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Wide = NDArray[np.float64]
Samples = NDArray[np.float32]

SAMPLE_RATE_HZ = 22_050
HOP = 441
FEATURE_RATE_HZ = SAMPLE_RATE_HZ / HOP
_WINDOW = 2048
_MELS = 80
_MEL_HZ = (30.0, 10_000.0)
_TONE_CENTRE_HZ, _TONE_OCTAVES = 440.0, 2.0
_BLOCK = 1024
_LOW_HZ, _HIGH_HZ = 200.0, 2000.0
_FLOOR = 1e-5
SILENCE = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Arrays of one length, `[frames]` or `[frames, bands]`.

    `flux` is the mean rise of log-mel bands, `bass_flux` that of the bands below 200 Hz, `mel` log-mel levels, `chroma` pitch classes that
    sum to one, `level` the root mean square, `low`, `mid` and `high` root mean squares of three bands.
    """

    flux: Wide
    bass_flux: Wide
    mel: Wide
    chroma: Wide
    level: Wide
    low: Wide
    mid: Wide
    high: Wide

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return len(self.flux)

    @property
    def is_silent(self) -> bool:
        """True where no frame is louder than -80 dB."""
        return float(self.level.max(initial=0.0)) < SILENCE


def read_features(samples: Samples) -> Features:
    """Features of mono samples at SAMPLE_RATE_HZ, read in blocks, so that memory does not grow with the spectrum."""
    mel_bank, tone_bank = _mel_bank(), _tone_bank()
    hertz = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE_HZ)
    bands = np.stack([hertz < _LOW_HZ, (hertz >= _LOW_HZ) & (hertz < _HIGH_HZ), hertz >= _HIGH_HZ, hertz >= 0])
    mels, chromas, levels = [], [], []
    for power in _power(samples):
        mels.append(np.log10(_FLOOR + np.sqrt(power @ mel_bank.T)))
        chromas.append(power @ tone_bank.T)
        levels.append(np.sqrt(power @ bands.T))
    mel, chroma, level = np.concatenate(mels), np.concatenate(chromas), np.concatenate(levels)
    rise = np.maximum(np.diff(_loudest_near(mel), axis=0, prepend=mel[:1]), 0)
    return Features(
        flux=rise.mean(axis=1),
        bass_flux=rise[:, _mel_centres()[1:-1] < _LOW_HZ].mean(axis=1),
        mel=mel,
        chroma=chroma / (chroma.sum(axis=1, keepdims=True) + 1e-9),
        level=level[:, 3],
        low=level[:, 0],
        mid=level[:, 1],
        high=level[:, 2],
    )


def _power(samples: Samples) -> Iterator[Wide]:
    """Power spectra in blocks `[frames, bins]`; frame n is centred on sample n * HOP."""
    count = 1 + len(samples) // HOP
    padded = np.pad(samples, (_WINDOW // 2, _WINDOW + HOP))
    window = np.hanning(_WINDOW + 1)[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP][:count]
    for start in range(0, count, _BLOCK):
        spectrum = np.fft.rfft(frames[start : start + _BLOCK] * window, axis=1)
        yield np.square(np.abs(spectrum) * (4 / _WINDOW))


def _mel_centres() -> Wide:
    """Edges and centres of the mel bands in hertz (O'Shaughnessy 1987)."""
    mels = np.linspace(2595 * np.log10(1 + _MEL_HZ[0] / 700), 2595 * np.log10(1 + _MEL_HZ[1] / 700), _MELS + 2)
    centres: Wide = 700 * (10 ** (mels / 2595) - 1)
    return centres


def _mel_bank() -> Wide:
    """Triangular bands `[bands, bins]` of equal area."""
    hertz, edges = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE_HZ), _mel_centres()
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (hertz - low) / (centre - low), (high - hertz) / (high - centre)
    bank: Wide = np.maximum(np.minimum(rising, falling), 0) * 2 / (high - low)
    # Bands that are narrower than a bin hear the nearest one.
    for band in np.flatnonzero(bank.sum(axis=1) == 0):
        bank[band, np.argmin(np.abs(hertz - edges[band + 1]))] = 2 / (edges[band + 2] - edges[band])
    return bank


def _tone_bank() -> Wide:
    """Pitch classes `[12, bins]`, C first, in equal temperament at 440 Hz; the outer octaves count less."""
    hertz = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE_HZ)[1:]
    pitch = 12 * np.log2(hertz / 440) + 9
    apart = (pitch[None, :] - np.arange(12)[:, None] + 6) % 12 - 6
    weight = np.exp(-0.5 * np.square(np.log2(hertz / _TONE_CENTRE_HZ) / _TONE_OCTAVES))
    bank = np.exp(-0.5 * np.square(apart / 0.5)) * weight
    return np.concatenate([np.zeros((12, 1)), bank], axis=1)


def resampled(signal: Wide, rate_hz: float, count: int, *, offset_s: float = 0.0) -> Wide:
    """The signal of the feature rate at `count` frames of another rate, linearly interpolated."""
    times = np.arange(count) / rate_hz + offset_s
    values: Wide = np.interp(times, np.arange(len(signal)) / FEATURE_RATE_HZ, signal)
    return values


def smoothed(signal: Wide, seconds: float, rate_hz: float = FEATURE_RATE_HZ) -> Wide:
    """Moving average with a Hann window of that length; ends are held."""
    width = max(3, round(seconds * rate_hz) | 1)
    window = np.hanning(width + 2)[1:-1]
    padded = np.pad(signal, width // 2, mode="edge")
    values: Wide = np.convolve(padded, window / window.sum(), mode="valid")
    return values


def _loudest_near(mel: Wide) -> Wide:
    """Each band's maximum over its neighbours, so that vibrato is no onset (superflux, Böck and Widmer 2013)."""
    padded = np.pad(mel, ((0, 0), (1, 1)), mode="edge")
    loudest: Wide = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    return loudest

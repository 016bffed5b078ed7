"""Features of a song at 50 frames a second: onset strength, chroma, bands and loudness, through librosa."""

from __future__ import annotations

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
    """Features of mono samples at SAMPLE_RATE_HZ."""
    import librosa
    import librosa.filters as filters

    spectrum = np.abs(librosa.stft(samples, n_fft=_WINDOW, hop_length=HOP)).astype(np.float64) / _WINDOW * 4
    power = np.square(spectrum)
    bank = filters.mel(sr=SAMPLE_RATE_HZ, n_fft=_WINDOW, n_mels=_MELS, fmin=30, fmax=10_000)
    mel = np.log10(_FLOOR + np.sqrt(bank.astype(np.float64) @ power)).T
    tones = filters.chroma(sr=SAMPLE_RATE_HZ, n_fft=_WINDOW, tuning=0.0).astype(np.float64)
    chroma = (tones @ power).T
    rise = np.maximum(np.diff(_loudest_near(mel), axis=0, prepend=mel[:1]), 0)
    hertz = librosa.fft_frequencies(sr=SAMPLE_RATE_HZ, n_fft=_WINDOW)
    centres = librosa.mel_frequencies(n_mels=_MELS, fmin=30, fmax=10_000)
    return Features(
        flux=rise.mean(axis=1),
        bass_flux=rise[:, centres < _LOW_HZ].mean(axis=1),
        mel=mel,
        chroma=chroma / (chroma.sum(axis=1, keepdims=True) + 1e-9),
        level=_rms(power),
        low=_rms(power[hertz < _LOW_HZ]),
        mid=_rms(power[(hertz >= _LOW_HZ) & (hertz < _HIGH_HZ)]),
        high=_rms(power[hertz >= _HIGH_HZ]),
    )


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


def _rms(power: Wide) -> Wide:
    rms: Wide = np.sqrt(power.sum(axis=0))
    return rms

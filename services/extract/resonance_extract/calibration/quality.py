"""Quality gates of audio: level, clipping, silence, noise, repetition, likelihood.

The likelihood is that under the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resonance_extract.directions.statistics import Levels

Array = NDArray[np.float32]
_WINDOW = 1024
_SILENCE = 1e-3  # -60 dBFS
# One held tone scores 1; music of the embedded model 0.1 to 0.5, depending on the length of its notes.
REPETITION_RISE_MAX = 0.4
# Nats per token under the unsteered model; with a vocabulary of 1024 chance is -6.9.
LIKELIHOOD_DROP_MAX = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Measurements of one take, or their means over several."""

    rms: float
    clipped_share: float
    silent_share: float
    flatness: float
    distance_db: float
    repetition: float = 0.0
    log_likelihood: float = 0.0


def measure(samples: Array, unsteered: Array, *, sample_rate_hz: int) -> Quality:
    """Measures a take against its unsteered baseline, both mono float in [-1, 1].

    `flatness` is the geometric over the arithmetic mean of the power spectrum, averaged over windows (1 is white noise);
    `distance_db` is the root mean square difference of the two mean spectra in dB, each without its own level.
    """
    windows = samples[: len(samples) // (tenth := sample_rate_hz // 10) * tenth].reshape(-1, tenth)
    levels = np.sqrt(np.square(windows, dtype=np.float64).mean(axis=1))
    power, baseline = _spectra(samples), _spectra(unsteered)
    flatness = np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)
    gap = _shape(power) - _shape(baseline)
    return Quality(
        rms=float(np.sqrt(np.square(samples, dtype=np.float64).mean())),
        clipped_share=float((np.abs(samples) >= 0.999).mean()),
        silent_share=float((levels < _SILENCE).mean()),
        flatness=float(flatness.mean()),
        distance_db=float(np.sqrt(np.square(gap).mean())),
        repetition=_repetition(samples, tenth),
    )


def mean_quality(qualities: Sequence[Quality]) -> Quality:
    """The mean over takes."""
    names = ("rms", "clipped_share", "silent_share", "flatness", "distance_db", "repetition", "log_likelihood")
    return Quality(**{name: float(np.mean([getattr(one, name) for one in qualities])) for name in names})


def failed_gates(quality: Quality, unsteered: Quality, own: Levels | None = None) -> list[str]:
    """The gates that fail: a window of level, and the ways in which steering breaks music at the right level.

    The window of level is widened for the unsteered baseline and for the levels of the music that the rendering is pushed towards (`own`).
    The distance is reported and is no gate, because a slider that removes the drums is meant to move the spectrum far.
    """
    least, most = min(0.03, unsteered.rms / 5), max(0.35, unsteered.rms * 2)
    if own is not None:
        least, most = min(least, own.quietest), max(most, own.loudest)
    gates = {
        "rms": least <= quality.rms <= most,
        "clipping": quality.clipped_share <= max(0.005, 2 * unsteered.clipped_share),
        "silence": quality.silent_share <= unsteered.silent_share + 0.4,
        "flatness": quality.flatness <= max(0.2, 2 * unsteered.flatness),
        "repetition": quality.repetition <= unsteered.repetition + REPETITION_RISE_MAX,
        "likelihood": quality.log_likelihood >= unsteered.log_likelihood - LIKELIHOOD_DROP_MAX,
    }
    return [name for name, holds in gates.items() if not holds]


def spectral_shape(samples: Array) -> NDArray[np.float64]:
    """The mean spectrum of a take in dB over 32 bands, less its own mean, so that level does not count."""
    return _shape(_spectra(samples))


def _repetition(samples: Array, tenth: int) -> float:
    """The share of tenths of a second whose magnitude spectrum is nearly the previous one (cosine above 0.98); 1 for one held tone."""
    windows = samples[: len(samples) // tenth * tenth].reshape(-1, tenth)
    if len(windows) < 2:
        return 0.0
    spectra = np.abs(np.fft.rfft(windows * np.hanning(tenth), axis=1)) + 1e-6
    spectra /= np.linalg.norm(spectra, axis=1, keepdims=True)
    return float(((spectra[1:] * spectra[:-1]).sum(axis=1) > 0.98).mean())


def _shape(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean spectrum in dB over 32 bands, less its own mean."""
    bands = np.array_split(power.mean(axis=0), 32)
    levels: NDArray[np.float64] = 10 * np.log10(np.array([band.mean() for band in bands]))
    return levels - levels.mean()


def _spectra(samples: Array) -> NDArray[np.float64]:
    """Power spectra `[windows, bins]` with a floor that keeps logarithms finite."""
    count = max(1, len(samples) // _WINDOW)
    padded = np.zeros(count * _WINDOW)
    padded[: min(len(samples), len(padded))] = samples[: len(padded)]
    windows = padded.reshape(count, _WINDOW) * np.hanning(_WINDOW)
    power: NDArray[np.float64] = np.square(np.abs(np.fft.rfft(windows, axis=1))) + 1e-9
    return power

"""Is it still music? Cheap gates on rendered audio: level, clipping, silence, noise, distance from the unsteered take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
_WINDOW = 1024
_SILENCE = 1e-3  # -60 dBFS


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What was measured of one or several takes."""

    rms: float
    clipped_share: float
    silent_share: float
    flatness: float
    distance_db: float


def measure(samples: Array, unsteered: Array, *, sample_rate_hz: int) -> Quality:
    """Measures a take against its unsteered twin, both mono float in [-1, 1].

    `flatness` is the geometric over the arithmetic mean of the power spectrum, averaged over windows (1 is white noise);
    `distance_db` is the root mean square difference of the two mean spectra in dB, each without its own level: louder is not farther.
    """
    windows = samples[: len(samples) // (tenth := sample_rate_hz // 10) * tenth].reshape(-1, tenth)
    levels = np.sqrt(np.square(windows, dtype=np.float64).mean(axis=1))
    power, twin = _spectra(samples), _spectra(unsteered)
    flatness = np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)
    gap = _shape(power) - _shape(twin)
    return Quality(
        rms=float(np.sqrt(np.square(samples, dtype=np.float64).mean())),
        clipped_share=float((np.abs(samples) >= 0.999).mean()),
        silent_share=float((levels < _SILENCE).mean()),
        flatness=float(flatness.mean()),
        distance_db=float(np.sqrt(np.square(gap).mean())),
    )


def mean_of(qualities: Sequence[Quality]) -> Quality:
    """The mean over takes."""
    names = ("rms", "clipped_share", "silent_share", "flatness", "distance_db")
    return Quality(**{name: float(np.mean([getattr(one, name) for one in qualities])) for name in names})


def failed_gates(quality: Quality, unsteered: Quality) -> list[str]:
    """The gates that do not hold: the first prototype's window of level, widened to what the unsteered music itself needs, and the
    ways in which steering breaks music that level does not see. The distance is told and is no gate: a slider that takes the
    drums away moves the spectrum far, and is meant to."""
    gates = {
        "rms": min(0.03, unsteered.rms / 3) <= quality.rms <= max(0.35, unsteered.rms * 2),
        "clipping": quality.clipped_share <= max(0.005, 2 * unsteered.clipped_share),
        "silence": quality.silent_share <= unsteered.silent_share + 0.4,
        "flatness": quality.flatness <= max(0.2, 2 * unsteered.flatness),
    }
    return [name for name, holds in gates.items() if not holds]


def _shape(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean spectrum in dB over 32 bands, with its own mean taken away."""
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

"""Key of a take: its pitch classes compared with the profiles of all 24 keys.

The method is that of Krumhansl and Schmuckler (Krumhansl 1990). The profiles are Aarden's (2003), from melodies of the Essen collection:
they were right more often on our renderings than those of Krumhansl, Temperley and Albrecht.
"""

from __future__ import annotations

import numpy as np

from resonance_generate.musical.keys import Key
from resonance_generate.takes.spectra import Samples, Wide, power_spectrogram

_MAJOR = (
    17.7661,
    0.145624,
    14.9265,
    0.160186,
    19.8049,
    11.3587,
    0.291248,
    22.062,
    0.145624,
    8.15494,
    0.232998,
    4.95122,
)
_MINOR = (18.2648, 0.737619, 14.0499, 16.8599, 0.702494, 14.4362, 0.702494, 18.6161, 4.56621, 1.93186, 7.37619, 1.75623)
_PROFILES = np.array([[np.roll(profile, tonic) for tonic in range(12)] for profile in (_MAJOR, _MINOR)]).reshape(24, 12)
_LOW_HZ, _HIGH_HZ = 60.0, 1000.0
_MIDDLE_C_HZ = 261.6256
# Frames further than this below the loudest count less: reverberation and noise between notes.
_QUIET = 1e-2
_SILENCE = 1e-4
_SECONDS_MIN = 3.0
# Logistic fit of "the key was right" on 160 renderings of known key: correlation with the best key, and its lead over the second best.
_BIAS, _PER_CORRELATION, _PER_LEAD = -1.15, 0.58, 7.41
# Below this correlation the sound has no key (drums alone, noise), and below this confidence it is as likely a neighbouring one.
CORRELATION_MIN, CONFIDENCE_MIN = 0.5, 0.4


def hear_key(samples: Samples, sample_rate_hz: int) -> tuple[Key | None, float]:
    """The key of mono samples, or None where no key fits, and the confidence that it is right, from 0 to 1."""
    if len(samples) < _SECONDS_MIN * sample_rate_hz or np.abs(samples).max(initial=0.0) < _SILENCE:
        return None, 0.0
    fits = correlations(pitch_classes(samples, sample_rate_hz))
    second, best = np.sort(fits)[-2:]
    confidence = 1 / (1 + np.exp(-(_BIAS + _PER_CORRELATION * best + _PER_LEAD * (best - second))))
    if best < CORRELATION_MIN or confidence < CONFIDENCE_MIN:
        return None, float(confidence)
    place = int(np.argmax(fits))
    return Key(place % 12, place >= 12), float(confidence)


def pitch_classes(samples: Samples, sample_rate_hz: int) -> Wide:
    """Share of each pitch class between 60 and 1000 Hz, C first, `[12]`, from the peaks of the spectra; each frame counts alike."""
    power, frequencies = power_spectrogram(samples, sample_rate_hz, window_s=0.512, hop_s=0.256)
    inside = (frequencies > _LOW_HZ) & (frequencies < _HIGH_HZ)
    levels = np.sqrt(power[:, inside].astype(np.float64))
    is_peak = np.zeros_like(levels, bool)
    is_peak[:, 1:-1] = (levels[:, 1:-1] > levels[:, :-2]) & (levels[:, 1:-1] >= levels[:, 2:])
    pitches = 12 * np.log2(frequencies[inside] / _MIDDLE_C_HZ)
    in_tune = np.square(np.cos(np.pi * (pitches - np.round(pitches))))
    levels = levels / np.maximum(levels.max(axis=1, keepdims=True), _QUIET * max(levels.max(), 1e-9))
    shares = np.zeros(12)
    np.add.at(shares, np.round(pitches).astype(int) % 12, (np.where(is_peak, levels, 0) * in_tune).sum(axis=0))
    return shares / max(float(shares.sum()), 1e-12)


def correlations(shares: Wide) -> Wide:
    """Correlation of the shares `[12]` with each key's profile, `[24]`: C major to B major, then C minor to B minor; 0 for even shares."""
    if float(shares.std()) < 1e-9:
        return np.zeros(24)
    found: Wide = np.corrcoef(np.vstack([shares, _PROFILES]))[0, 1:]
    return found

"""The tempo that a beat tracker hears in a take (librosa's tempogram, Grosche et al. 2010)."""

from __future__ import annotations

import numpy as np

_SECONDS_MIN = 3.0
_SECONDS_HEARD = 60.0
_PULSE_MIN = 0.1


def tempo_of(pcm: bytes, sample_rate_hz: int) -> float | None:
    """Beats per minute of mono 16-bit PCM; None where the take is too short or has no pulse to speak of."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768.0
    samples = samples[: int(_SECONDS_HEARD * sample_rate_hz)]
    if len(samples) < _SECONDS_MIN * sample_rate_hz or np.abs(samples).max() < 1e-3:
        return None
    import librosa  # compiles on import; takes that nobody measures should not pay for it

    onsets = librosa.onset.onset_strength(y=samples, sr=sample_rate_hz)
    if onsets.std() < _PULSE_MIN:
        return None
    tempo = librosa.feature.tempo(onset_envelope=onsets, sr=sample_rate_hz)
    return round(float(tempo[0]), 1)

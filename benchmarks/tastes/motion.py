"""Harmonic motion: chroma change from one second to the next."""

from __future__ import annotations

import librosa
import numpy as np
from librosa.effects import harmonic as harmonic_part

from .sound import RATE_HZ, Audio

_HOP = 512


def harmonic_motion(audio: Audio) -> float:
    """The median cosine distance of the chroma (constant Q) of the harmonic part from second to second, of mono audio at 16 kHz; nan
    where nothing sounds in two neighbouring seconds."""
    harmonic = harmonic_part(audio)
    chroma = librosa.feature.chroma_cqt(y=harmonic, sr=RATE_HZ, hop_length=_HOP, norm=None, tuning=0.0)
    edges = np.arange(0, len(audio) / RATE_HZ, 1.0)[1:] * RATE_HZ / _HOP
    seconds = np.stack([part.mean(axis=1) for part in np.split(chroma, edges.astype(int), axis=1) if part.size])
    norms = np.linalg.norm(seconds, axis=1)
    sounding = (norms[:-1] > 1e-6) & (norms[1:] > 1e-6)
    likeness = np.sum(seconds[:-1] * seconds[1:], axis=1)[sounding] / (norms[:-1] * norms[1:])[sounding]
    return float(np.median(1 - likeness)) if len(likeness) else float("nan")

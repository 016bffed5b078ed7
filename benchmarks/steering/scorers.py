"""Clip scores: slider attributes measured on audio, independently of steering."""

from __future__ import annotations

import warnings
from typing import Final

import librosa
import numpy as np
from model.training.meters import HOP, RATE_HZ, loudness, minor_margin, tempo
from numpy.typing import NDArray

from .judges import TAUGHT, Judges
from .transcriber import transcribe

Audio = NDArray[np.float32]

# Slider -> the scores that speak for it. Each is standardised over unsteered clips, then their mean is taken.
OWN: Final[dict[str, tuple[str, ...]]] = {
    "energy": ("loudness_lufs", "onset_strength"),
    "tempo": ("tempo_octaves",),
    "bass_resonance": ("low_share",),
    "harmonic_complexity": ("rich_harmony", "polyphony"),
    "instrument_density": ("many_players", "onsets_per_s", "notes_per_s", "spectral_spread_hz"),
    "vocal_presence": ("voice",),
    "emotional_tension": ("tension", "roughness"),
}


def score_clip(audio: Audio, judges: Judges | None) -> dict[str, float]:
    """All scores of one mono clip at 16 kHz. Without judges what they are taught is NaN, and tempo is the tracker's alone."""
    spectrum = np.abs(librosa.stft(audio, n_fft=1024, hop_length=HOP)) ** 2
    frequencies = librosa.fft_frequencies(sr=RATE_HZ, n_fft=1024)
    strength = librosa.onset.onset_strength(y=audio, sr=RATE_HZ, hop_length=HOP)
    onsets = librosa.onset.onset_detect(onset_envelope=strength, sr=RATE_HZ, hop_length=HOP)
    mean = spectrum.mean(1) + 1e-12
    fine = np.abs(librosa.stft(audio, n_fft=4096, hop_length=1024)) ** 2
    chroma = librosa.feature.chroma_stft(S=fine, sr=RATE_HZ, n_fft=4096, tuning=0.0)
    bpm = max(tempo(strength), 20.0) if judges is None else judges.tempo_bpm(audio)
    centroid = float((mean * frequencies).sum() / mean.sum())
    notes = transcribe(audio)
    return {
        "polyphony": notes.polyphony,
        "notes_per_s": notes.notes_per_s,
        "loudness_lufs": loudness(audio),
        "onset_strength": float(strength.mean()),
        "tempo_octaves": float(np.log2(bpm)),
        "low_share": float(mean[(frequencies > 20) & (frequencies < 150)].sum() / mean.sum()),
        "chroma_entropy": _entropy(chroma.mean(1)),
        "chroma_notes": float((chroma > 0.5).sum(0).mean()),
        "onsets_per_s": len(onsets) * RATE_HZ / len(audio),
        "spectral_spread_hz": float(np.sqrt((mean * (frequencies - centroid) ** 2).sum() / mean.sum())),
        "roughness": roughness(fine.mean(1)),
        "minor_margin": _margin(audio),
        **(dict.fromkeys(TAUGHT, float("nan")) if judges is None else judges.log_odds(audio)),
    }


def roughness(power: NDArray[np.floating]) -> float:
    """Sensory dissonance of the 30 strongest partials of a mean power spectrum (Plomp and Levelt 1965, Sethares 1993), per energy."""
    frequencies = np.fft.rfftfreq(2 * (len(power) - 1), 1 / RATE_HZ)
    amplitude = np.sqrt(np.asarray(power, np.float64))
    peaks = np.flatnonzero((amplitude[1:-1] > amplitude[:-2]) & (amplitude[1:-1] >= amplitude[2:])) + 1
    peaks = peaks[(frequencies[peaks] > 50) & (frequencies[peaks] < 4000)]
    peaks = peaks[np.argsort(amplitude[peaks])[-30:]]
    f, a = frequencies[peaks], amplitude[peaks]
    low = np.minimum(f[:, None], f[None])
    gap = np.abs(f[:, None] - f[None]) * 0.24 / (0.0207 * low + 18.96)
    pairs = np.minimum(a[:, None], a[None]) * (np.exp(-3.51 * gap) - np.exp(-5.75 * gap))
    return float(pairs.sum() / (a.sum() + 1e-12))


def _margin(audio: Audio) -> float:
    """librosa warns where a clip is silent; the gates say so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        margin = minor_margin(audio)
    return margin if np.isfinite(margin) else 0.0


def _entropy(shares: NDArray[np.floating]) -> float:
    shares = shares / (shares.sum() + 1e-12)
    return float(-(shares * np.log2(shares + 1e-12)).sum())

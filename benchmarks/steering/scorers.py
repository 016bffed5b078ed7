"""The scorers: what each slider should change, measured on audio by means that the steering has never seen."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import librosa
import numpy as np
from model.training.compose import compose
from model.training.listener import features
from model.training.meters import HOP, RATE_HZ, loudness, minor_margin, tempo
from numpy.typing import NDArray

from .transcriber import transcribe

Audio = NDArray[np.float32]
LESSONS: Final = 400
LESSONS_FIRST_SEED: Final = 8_000_000  # nobody else has rendered these
Judge = Callable[[NDArray[np.float32]], float]

# Slider -> the scores that speak for it. Each is standardised over unsteered clips, then their mean is taken.
OWN: Final[dict[str, tuple[str, ...]]] = {
    "energy": ("loudness_lufs", "onset_strength"),
    "tempo": ("tempo_octaves",),
    "bass_resonance": ("low_share",),
    "harmonic_complexity": ("chroma_entropy", "polyphony"),
    "instrument_density": ("onsets_per_s", "notes_per_s", "spectral_spread_hz"),
    "vocal_presence": ("voice",),
    "emotional_tension": ("roughness", "minor_margin"),
}


def scores_of(audio: Audio, judge: Judge | None) -> dict[str, float]:
    """All scores of one mono clip at 16 kHz."""
    spectrum = np.abs(librosa.stft(audio, n_fft=1024, hop_length=HOP)) ** 2
    frequencies = librosa.fft_frequencies(sr=RATE_HZ, n_fft=1024)
    strength = librosa.onset.onset_strength(y=audio, sr=RATE_HZ, hop_length=HOP)
    onsets = librosa.onset.onset_detect(onset_envelope=strength, sr=RATE_HZ, hop_length=HOP)
    mean = spectrum.mean(1) + 1e-12
    fine = np.abs(librosa.stft(audio, n_fft=4096, hop_length=1024)) ** 2
    chroma = librosa.feature.chroma_stft(S=fine, sr=RATE_HZ, n_fft=4096, tuning=0.0)
    bpm = max(tempo(strength), 20.0)
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
        "voice": float("nan") if judge is None else judge(features(audio)),
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


def teach_voice(codec: Any, folder: Path) -> tuple[Judge | None, float]:
    """A judge of voices (log-odds), and its AUC on lessons that did not teach it. None where FluidSynth is not installed.

    Logistic regression on the listener's spectral features, taught by pieces of our composer that nobody else has rendered, heard through
    the model's codec, with and without a choir.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    path = folder / "lessons.npz"
    if not path.exists():
        try:
            heard, has_voice = _lessons(codec)
        except OSError:
            return None, float("nan")
        np.savez(path, heard=heard, has_voice=has_voice)
    lessons = np.load(path)
    heard, has_voice = lessons["heard"], lessons["has_voice"]
    split = len(heard) * 3 // 4
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000, class_weight="balanced"))
    model.fit(heard[:split], has_voice[:split])
    auc = float(roc_auc_score(has_voice[split:], model.decision_function(heard[split:])))
    return lambda one: float(model.decision_function(one[None])[0]), auc


def _lessons(codec: Any) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    from model.training.render import render_piece
    from model.training.synth import Synth

    synth, heard, has_voice = Synth(), [], []
    for seed in range(LESSONS_FIRST_SEED, LESSONS_FIRST_SEED + LESSONS):
        piece = compose(seed)
        heard.append(features(through(codec, render_piece(synth, piece)[: 5 * RATE_HZ])))
        has_voice.append("choir" in piece.labels.instruments)
    return np.stack(heard), np.array(has_voice)


def through(codec: Any, audio: Audio) -> Audio:
    """The audio as its codec tokens sound."""
    import torch

    with torch.inference_mode():
        stream = codec.open_stream()
        samples = stream.finish(codec.encode(torch.from_numpy(np.ascontiguousarray(audio))))
    found: Audio = samples[0].float().numpy()
    return found


def _margin(audio: Audio) -> float:
    """librosa warns where a clip is silent; the gates say so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        margin = minor_margin(audio)
    return margin if np.isfinite(margin) else 0.0


def _entropy(shares: NDArray[np.floating]) -> float:
    shares = shares / (shares.sum() + 1e-12)
    return float(-(shares * np.log2(shares + 1e-12)).sum())

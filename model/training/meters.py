"""Independent meters: beat, loudness, bass, mode, harmony, offsets, collapse."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import librosa
import numpy as np
import pyloudnorm
from librosa.effects import harmonic as harmonic_part
from librosa.onset import onset_detect, onset_strength
from numpy.typing import NDArray

RATE_HZ: Final = 16_000
HOP: Final = 160
HELD_MAX_S: Final = 3.0
STILL_MIN_S: Final = 5.0  # of one sound, however often it is struck, is a bore
MOTION_MIN: Final = 0.10  # real orchestral music's median; renderings of our composer have 0.18
OFFSET_MAX: Final = 0.01  # of full scale: what a highpass at the exit would otherwise have to take away
FIRST_SAMPLE_MAX: Final = 0.02  # a clip that does not begin at zero begins with a click
_CHROMA_HOP: Final = 512
_STILL_WINDOW_S: Final = 0.32
_STILL_DB: Final = 3.0
_MAJOR: Final = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR: Final = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])

Audio = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the meters say about one clip."""

    loudness_lufs: float
    bass_share: float
    centroid_hz: float
    onsets_per_s: float
    pulse_clarity: float
    tempo_bpm: float
    minor_margin: float
    collapse: str
    still_s: float
    motion: float
    offset: float
    first_sample: float


def read(audio: Audio) -> Reading:
    """All meters over one mono clip at 16 kHz."""
    spectrum = np.abs(librosa.stft(audio, n_fft=1024, hop_length=HOP)) ** 2
    frequencies = librosa.fft_frequencies(sr=RATE_HZ, n_fft=1024)
    strength = onset_strength(y=audio, sr=RATE_HZ, hop_length=HOP)
    onsets = onset_detect(onset_envelope=strength, sr=RATE_HZ, hop_length=HOP)
    mean = spectrum.mean(1) + 1e-12
    return Reading(
        loudness_lufs=loudness(audio),
        bass_share=float(mean[(frequencies > 25) & (frequencies < 140)].sum() / mean.sum()),
        centroid_hz=float((mean * frequencies).sum() / mean.sum()),
        onsets_per_s=len(onsets) * RATE_HZ / len(audio),
        pulse_clarity=pulse_clarity(strength),
        tempo_bpm=tempo(strength),
        minor_margin=minor_margin(audio),
        collapse=collapse(audio, spectrum),
        still_s=still_s(audio),
        motion=motion(audio),
        offset=abs(float(np.mean(audio, dtype=np.float64))),
        first_sample=abs(float(audio[0])),
    )


def motion(audio: Audio) -> float:
    """How much the harmony moves: mean cosine distance between the chroma of one second and of the next, 0 for one chord throughout.

    The chroma is that of a constant-Q transform of the harmonic part (median filtering), averaged over whole seconds. Renderings of our
    composer read 0.18 in the median, real orchestral music 0.10, one chord held or struck again and again 0.01.
    """
    if len(audio) < 2 * RATE_HZ:
        return 0.0
    harmonic = harmonic_part(audio)
    chroma = librosa.feature.chroma_cqt(y=harmonic, sr=RATE_HZ, hop_length=_CHROMA_HOP, tuning=0.0)
    edges = [round(second * RATE_HZ / _CHROMA_HOP) for second in range(len(audio) // RATE_HZ + 1)]
    seconds = np.stack([chroma[:, start:end].mean(1) for start, end in pairwise(edges)])
    unit = seconds / (np.linalg.norm(seconds, axis=1, keepdims=True) + 1e-9)
    return float(np.mean(1 - (unit[1:] * unit[:-1]).sum(1)))


def loudness(audio: Audio) -> float:
    """Integrated loudness (ITU-R BS.1770); silence is -70."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = pyloudnorm.Meter(RATE_HZ).integrated_loudness(np.asarray(audio, np.float64))
    return float(max(value, -70.0))


def autocorrelation(strength: NDArray[np.floating]) -> NDArray[np.float64]:
    """Of the onset envelope, mean removed, unbiased, one at lag zero."""
    centred = np.asarray(strength, np.float64) - strength.mean()
    size = len(centred)
    full = np.fft.irfft(np.abs(np.fft.rfft(centred, 2 * size)) ** 2)[:size]
    unbiased = full / np.arange(size, 0, -1)
    return unbiased / (unbiased[0] + 1e-12)


def pulse_clarity(strength: NDArray[np.floating]) -> float:
    """Autocorrelation at the best period between 0.2 and 2 s plus that at twice the period: 2 is a perfect machine."""
    found = autocorrelation(strength)
    lags = np.arange(20, min(201, len(found) // 2))
    return float((found[lags] + found[2 * lags]).max())


def tempo(strength: NDArray[np.floating]) -> float:
    """The beat whose quarters, halves, doubles and fourfolds agree best with the envelope's autocorrelation, mildly near 100.

    Over renderings of known tempo the octave-free answer is right for all (within 4 %); librosa's tracker errs for 11 % of
    them with drums and 32 % without. Which octave is the beat, a loop of one bar leaves open: see `evaluate`.
    """
    found = autocorrelation(strength)
    bpm = 45 * 1.005 ** np.arange(320)
    lags = 100 * 60 / bpm
    levels = ((0.25, 0.5), (0.5, 0.7), (1, 1.0), (2, 1.0), (4, 1.5))
    fit = sum(weight * np.interp(lags * level, np.arange(len(found)), found) for level, weight in levels)
    return float(bpm[np.argmax(fit * np.exp(-0.5 * (np.log2(bpm / 100) / 0.7) ** 2))])


def same_tempo(tracked: float, asked: float, octaves: bool) -> bool:
    """Within 4 %, with `octaves` also at half or double."""
    return any(abs(tracked * factor / asked - 1) < 0.04 for factor in ((0.5, 1.0, 2.0) if octaves else (1.0,)))


def folded(tracked: float, asked: float) -> float:
    """The octave of the tracked tempo nearest to the asked one."""
    if tracked <= 0:
        return 0.0
    return min((tracked / 2, tracked, tracked * 2), key=lambda value: abs(np.log(value / asked)))


def minor_margin(audio: Audio) -> float:
    """Correlation with the best minor key profile less that with the best major one."""
    chroma = librosa.feature.chroma_stft(y=audio, sr=RATE_HZ, n_fft=4096, hop_length=1024).mean(1)
    fits = [
        max(float(np.corrcoef(np.roll(profile, key), chroma)[0, 1]) for key in range(12))
        for profile in (_MINOR, _MAJOR)
    ]
    return fits[0] - fits[1]


def collapse(audio: Audio, spectrum: NDArray[np.floating]) -> str:
    """ "" for music; else silence (most seconds never above -50 dB), noise (flat), drone (still all along) or held (see `held_s`)."""
    frames = librosa.util.frame(audio, frame_length=1600, hop_length=1600)
    level = 10 * np.log10(np.mean(frames**2, axis=0) + 1e-10)
    loudest = level[: len(level) // 10 * 10].reshape(-1, 10).max(1)  # of each second: a lone drum is no silence
    if np.mean(loudest < -50) > 0.5:
        return "silence"
    sounding = spectrum[:, spectrum.sum(0) > 1e-4 * spectrum.sum(0).max()]  # a rest is flat, too
    if np.median(librosa.feature.spectral_flatness(S=np.sqrt(sounding))[0]) > 0.4:
        return "noise"
    shapes = np.log(librosa.feature.melspectrogram(S=spectrum, sr=RATE_HZ, n_mels=40)[:, ::20] + 1e-6)
    if float(np.abs(np.diff(shapes, axis=1)).mean()) < 0.08:
        return "drone"
    return "held" if held_s(audio) > HELD_MAX_S else ""


def held_s(audio: Audio) -> float:
    """The longest stretch in which nothing starts, in seconds. Renderings: 1.5 s at most."""
    start, end = held_stretch(audio)
    return float((end - start) * 0.02)


def held_stretch(audio: Audio) -> tuple[int, int]:
    """Its first and last frame of 20 ms: no rise of 2 dB, mean over bands, within 100 ms."""
    bands = librosa.feature.melspectrogram(y=audio, sr=RATE_HZ, n_fft=1024, hop_length=320, n_mels=48)
    level = 10 * np.log10(bands + 1e-7)
    rise = np.maximum(level[:, 5:] - level[:, :-5], 0).mean(0)
    starts = np.flatnonzero(np.concatenate([[True], rise >= 2.0, [True]]))
    longest = int(np.diff(starts).argmax())
    return int(starts[longest]), int(starts[longest + 1])


def still_s(audio: Audio) -> float:
    """The longest stretch of one sound, in seconds: windows of a third of a second whose log-mel spectra all lie within 3 dB of each other.

    One chord chugged in sixteenths is full of onsets and yet stands still; chords, drums and melodies that change do not.
    """
    bands = librosa.feature.melspectrogram(y=audio, sr=RATE_HZ, n_fft=1024, hop_length=320, n_mels=40)
    level = 10 * np.log10(bands + 1e-7 * bands.max() + 1e-9)
    size = round(_STILL_WINDOW_S * 50)
    count = level.shape[1] // size
    means = level[:, : count * size].reshape(40, count, size).mean(2).T
    heard = np.clip((means - means.max() + 60) / 60, 0, 1)  # bands 60 dB down say nothing
    weights = np.maximum(heard[:, None], heard[None])
    gaps = (np.abs(means[:, None] - means[None]) * weights).sum(2) / (weights.sum(2) + 1e-9)
    longest = start = 0
    for end in range(count):
        while gaps[start : end + 1, end].max() >= _STILL_DB:
            start += 1
        longest = max(longest, end + 1 - start)
    return longest * _STILL_WINDOW_S

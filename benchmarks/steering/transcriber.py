"""Note transcriber: simultaneous pitches and note onset count.

Pitches are found by harmonic summation and cancellation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import librosa
import numpy as np
from numpy.typing import NDArray

RATE_HZ: Final = 16_000
WINDOW: Final = 4096
HOP: Final = 800  # 50 ms
LOWEST_KEY, HIGHEST_KEY = 33, 96  # 55 Hz, below which two semitones share a bin, to 2093 Hz
PARTIALS: Final = 10
VOICES_MAX: Final = 6
# A pitch counts while its salience is at least this share of the frame's strongest, and the frame this share of the clip's loudest.
SALIENCE_MIN: Final = 0.32
FRAME_MIN: Final = 0.03
NOTE_FRAMES_MIN: Final = 2
_TUNING: Final = 2 ** (0.4 / 12)  # how far a partial may lie from where it should
Roll = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcription:
    """Which keys sound when: `roll` `[frames, keys]` from LOWEST_KEY on, 50 ms a frame."""

    roll: Roll
    duration_s: float

    @property
    def polyphony(self) -> float:
        """The mean number of keys at once while anything sounds; 0 in silence."""
        counts = self.roll.sum(axis=1)
        return float(counts[counts > 0].mean()) if counts.any() else 0.0

    @property
    def notes_per_s(self) -> float:
        """Notes that begin, a second."""
        begun = self.roll[1:] & ~self.roll[:-1]
        return float(begun.sum() + self.roll[0].sum()) / self.duration_s


def transcribe(audio: NDArray[np.float32]) -> Transcription:
    """The notes of mono audio at 16 kHz.

    Per frame (Klapuri 2006): the magnitude spectrum is compressed by a square root; a key's salience is the sum over its first ten partials
    of the largest bin within 0.4 semitones of where it should be, weighted by 0.85 to the power of the partial's number. The most salient
    key is taken, its partials are taken away but for what a neighbour of theirs may keep, and so on while the next is salient enough, six
    times at most. Keys that sound for one frame alone are dropped, gaps of one frame are closed. A key whose
    partials all belong to a lower one (an octave, a twelfth) is missed; drums have no keys, but their noise can be heard as some.
    """
    spectrum = np.sqrt(np.abs(librosa.stft(audio, n_fft=WINDOW, hop_length=HOP)).T)  # [frames, bins]
    bins, weights = _partials()
    loudest = float(spectrum.sum(axis=1).max()) + 1e-9
    floor = np.median(spectrum, axis=1, keepdims=True)  # broad noise is no partial of a note
    rest = np.maximum(spectrum - 2 * floor, 0.0)
    roll = np.zeros((len(spectrum), HIGHEST_KEY - LOWEST_KEY + 1), dtype=bool)
    is_open = spectrum.sum(axis=1) > FRAME_MIN * loudest
    first = np.zeros(len(spectrum))
    for _ in range(VOICES_MAX):
        salience = (rest[:, bins].max(axis=3) * weights).sum(axis=2)  # [frames, keys]
        best = salience.argmax(axis=1)
        size = salience[np.arange(len(salience)), best]
        first = np.maximum(first, size)
        is_open = is_open & (size >= SALIENCE_MIN * first) & (size > 1e-6)
        if not is_open.any():
            break
        for frame in np.flatnonzero(is_open):
            roll[frame, best[frame]] = True
            rest[frame, bins[best[frame]].ravel()] *= 0.1
    return Transcription(roll=_steady(roll), duration_s=len(audio) / RATE_HZ)


def _partials() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Bins `[keys, partials, width]` of every key's partials, and the partials' weights `[partials]`."""
    keys = np.arange(LOWEST_KEY, HIGHEST_KEY + 1)
    frequencies = 440.0 * 2 ** ((keys - 69) / 12)
    partials = frequencies[:, None] * np.arange(1, PARTIALS + 1)
    per_bin = RATE_HZ / WINDOW
    low = np.floor(partials / _TUNING / per_bin + 0.5)
    high = np.ceil(partials * _TUNING / per_bin - 0.5)
    width = int((high - low).max()) + 1
    bins = np.minimum(low[..., None] + np.arange(width), np.maximum(high, low)[..., None])
    audible = bins < WINDOW // 2
    weights = 0.85 ** np.arange(PARTIALS)
    return np.where(audible, bins, 0).astype(np.int64), weights


def _steady(roll: Roll) -> Roll:
    """Gaps of one frame closed, and what sounds for one frame alone dropped."""
    before, after = np.zeros_like(roll), np.zeros_like(roll)
    before[1:], after[:-1] = roll[:-1], roll[1:]
    roll = roll | (before & after)
    before[1:], after[:-1] = roll[:-1], roll[1:]
    return roll & (before | after)

"""Mix of speech and music: levels, ducking, peaks.

The music is lowered while a sentence is spoken, by a gain that follows the sentences' own times: it is down when a sentence begins,
and back after it. Elsewhere it is not touched.
"""

from __future__ import annotations

from collections.abc import Sequence

import av
import numpy as np
from numpy.typing import NDArray

from resonance.audio.loudness import loudness_lufs

Samples = NDArray[np.float32]

# Loudness (BS.1770) of the music and of the speech in the mix: speech lies about 8 dB above the lowered music.
MUSIC_LUFS = -16.0
SPEECH_LUFS = -18.0
DUCKING_DB = 10.0
FALL_S, RISE_S = 0.25, 0.6
# The music stays down between sentences that follow each other so soon.
HOLD_S = 1.2
_PEAK_MAX = 10 ** (-1.0 / 20)
_SILENT_LUFS = -60.0


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Mono samples at another rate."""
    if from_hz == to_hz:
        return samples
    resampler = av.AudioResampler(format="flt", layout="mono", rate=to_hz)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32)[None], format="flt", layout="mono")
    frame.sample_rate = from_hz
    parts = [part.to_ndarray()[0] for given in (frame, None) for part in resampler.resample(given)]
    return np.concatenate(parts)[: round(len(samples) * to_hz / from_hz)].astype(np.float32)


def ducking_gain(
    spoken_s: Sequence[tuple[float, float]], *, sample_count: int, sample_rate_hz: int
) -> NDArray[np.float32]:
    """Gain of the music, `[samples]`: -DUCKING_DB under speech and 1 elsewhere; ramps are straight in decibels.

    Args:
        spoken_s: start and end of each sentence, in rising order.
        sample_count: length of the music.
        sample_rate_hz: its rate.
    """
    times, depths = [0.0], [0.0]
    for start_s, end_s in _joined(spoken_s):
        times += [max(start_s - FALL_S, times[-1]), max(start_s, times[-1]), end_s, end_s + RISE_S]
        depths += [0.0, DUCKING_DB, DUCKING_DB, 0.0]
    at_s = np.arange(sample_count) / sample_rate_hz
    gain: NDArray[np.float32] = (10.0 ** (-np.interp(at_s, times, depths) / 20.0)).astype(np.float32)
    return gain


def mix(
    music: NDArray[np.int16],
    spoken: Sequence[tuple[float, Samples]],
    *,
    sample_rate_hz: int,
) -> NDArray[np.int16]:
    """Music with speech over it, of the same shape.

    Args:
        music: `[samples, channels]`.
        spoken: of each sentence its start in seconds and its samples, mono at the same rate.
        sample_rate_hz: rate of both.
    """
    bed = music.astype(np.float32) / 32768.0
    bed *= _gain_to(MUSIC_LUFS, bed.mean(axis=1), sample_rate_hz)
    voice = np.zeros(len(bed), np.float32)
    for start_s, samples in spoken:
        first = round(start_s * sample_rate_hz)
        part = samples[: max(0, len(voice) - first)]
        voice[first : first + len(part)] += part
    voice *= _gain_to(SPEECH_LUFS, np.concatenate([samples for _, samples in spoken]), sample_rate_hz)
    times = [(start_s, start_s + len(samples) / sample_rate_hz) for start_s, samples in spoken]
    bed *= ducking_gain(times, sample_count=len(bed), sample_rate_hz=sample_rate_hz)[:, None]
    mixed = bed + voice[:, None]
    mixed *= min(1.0, _PEAK_MAX / max(float(np.abs(mixed).max()), 1e-9))
    return np.round(mixed * 32767.0).astype(np.int16)


def _joined(spoken_s: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for start_s, end_s in spoken_s:
        if joined and start_s - joined[-1][1] < HOLD_S:
            joined[-1] = (joined[-1][0], end_s)
        else:
            joined.append((start_s, end_s))
    return joined


def _gain_to(target_lufs: float, samples: Samples, sample_rate_hz: int) -> float:
    """The factor that brings mono samples to the loudness; 1 for silence."""
    measured = loudness_lufs(samples, sample_rate_hz)
    return 1.0 if measured < _SILENT_LUFS else float(10 ** ((target_lufs - measured) / 20))

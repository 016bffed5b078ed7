"""Described sound: the song, lowered while the shots' summaries are spoken over it, as a WAV file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from resonance.audio.speech_mix import mix, resample
from resonance.audio.wav import wav_header


def write_described_sound(song: Path, spoken: Sequence[Mapping[str, Any]], target: Path) -> None:
    """Writes the song with the spoken summaries over it, in 16 bits, at the song's rate, mono or stereo.

    Args:
        song: the song. It is untrusted: call this in a child process alone.
        spoken: `path` of a mono WAV file and `start_s` for each summary, in the order of time.
        target: the WAV file.
    """
    music, rate_hz = _read(song, channels_max=2)
    placed = []
    for one in spoken:
        samples, voice_hz = _read(Path(one["path"]), channels_max=1)
        voice = samples[:, 0].astype(np.float32) / 32768.0
        placed.append((float(one["start_s"]), resample(voice, voice_hz, rate_hz)))
    mixed = mix(music, placed, sample_rate_hz=rate_hz)
    count, channels = mixed.shape
    with target.open("wb") as file:
        file.write(wav_header(sample_rate_hz=rate_hz, channel_count=channels, sample_count=count))
        file.write(mixed.astype("<i2").tobytes())


def _read(path: Path, *, channels_max: int) -> tuple[NDArray[np.int16], int]:
    """Samples of a sound file, `[samples, channels]`, and their rate."""
    parts: list[NDArray[np.int16]] = []
    with av.open(str(path), metadata_errors="ignore") as container:
        stream = container.streams.audio[0]
        channels = min(stream.channels, channels_max)
        layout = "mono" if channels == 1 else "stereo"
        resampler = av.AudioResampler(format="s16", layout=layout, rate=stream.rate)
        for frame in container.decode(stream):
            parts += [part.to_ndarray().reshape(-1, channels) for part in resampler.resample(frame)]
        parts += [part.to_ndarray().reshape(-1, channels) for part in resampler.resample(None)]
        return np.concatenate(parts), int(stream.rate)

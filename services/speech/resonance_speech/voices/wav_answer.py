"""WAV files that servers answer with, as samples."""

from __future__ import annotations

import io
import wave

import numpy as np

from resonance_speech.voices.voice import Samples

_BYTES_MAX = 50 * 1024 * 1024


class WrongWavError(Exception):
    """The answer is no WAV file of the expected form; the text says what came instead."""


def read_wav(data: bytes, *, rate_hz: int) -> Samples:
    """The samples `[samples]` of a mono 16-bit WAV file. Its header may have been written for a stream, with a length that is not true.

    Raises:
        WrongWavError: no WAV file, or one of another form or rate.
    """
    try:
        with wave.open(io.BytesIO(data[:_BYTES_MAX])) as file:
            is_expected = (file.getsampwidth(), file.getnchannels()) == (2, 1)
            found_hz = file.getframerate()
            frames = file.readframes(_BYTES_MAX // 2)
    except (wave.Error, EOFError) as failure:
        raise WrongWavError("no WAV file") from failure
    if not is_expected or found_hz != rate_hz:
        raise WrongWavError(f"{found_hz} Hz; mono 16-bit samples at {rate_hz} Hz are needed")
    return read_pcm(frames)


def read_pcm(data: bytes) -> Samples:
    """The samples `[samples]` of 16-bit little-endian PCM."""
    return np.frombuffer(data[: len(data) & ~1], "<i2").astype(np.float32) / 32768.0

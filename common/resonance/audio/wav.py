"""WAV: an exact header for a length that is known before the first sample, and 16-bit PCM."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

HEADER_BYTES = 44


def wav_header(*, sample_rate_hz: int, channel_count: int, sample_count: int) -> bytes:
    """The 44 bytes before `sample_count` samples per channel of 16-bit PCM (RIFF, Microsoft's WAVE format of 1991)."""
    data_bytes = sample_count * channel_count * 2
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + data_bytes,
        b"WAVE",
        b"fmt ",
        16,
        1,
        channel_count,
        sample_rate_hz,
        sample_rate_hz * channel_count * 2,
        channel_count * 2,
        16,
        b"data",
        data_bytes,
    )


def pcm16(samples: NDArray[np.float32]) -> bytes:
    """Float samples `[channels, samples]` as interleaved little-endian 16-bit PCM; values beyond [-1, 1] are clipped."""
    scaled = np.clip(samples, -1.0, 1.0) * np.float32(32767.0)
    return bytes(np.rint(scaled).T.astype("<i2").tobytes())

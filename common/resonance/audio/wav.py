"""WAV files: exact header, INFO texts, 16-bit PCM.

The header is exact for a length that is known before the first sample.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from resonance.errors import DataLoss

CHUNK_HEADER_BYTES = 8
_OPEN_LENGTH = 2**32 - 1


def wav_header(
    *,
    sample_rate_hz: int,
    channel_count: int,
    sample_count: int | None,
    info: Mapping[str, str] | None = None,
    trailer_bytes: int = 0,
) -> bytes:
    """The bytes before `sample_count` samples per channel of 16-bit PCM (RIFF, Microsoft's WAVE format of 1991).

    `info` are texts by the four letters of their INFO chunk, such as `ISFT` for the program. They stand before the samples, so that
    readers of a stream or of a cut file have them. Without texts the header has 44 bytes. With `sample_count` None both lengths are the
    open one, 2^32 - 1, which players read as "until the end".
    `trailer_bytes` are the bytes of the chunks that will follow the samples.
    """
    data_bytes = 0 if sample_count is None else sample_count * channel_count * 2
    frame_bytes = channel_count * 2
    form = struct.pack("<HHIIHH", 1, channel_count, sample_rate_hz, sample_rate_hz * frame_bytes, frame_bytes, 16)
    texts = b"".join(_chunk(name.encode("ascii"), text.encode() + b"\0") for name, text in (info or {}).items())
    chunks = _chunk(b"fmt ", form) + (_chunk(b"LIST", b"INFO" + texts) if texts else b"")
    riff_bytes = _OPEN_LENGTH if sample_count is None else 4 + len(chunks) + 8 + data_bytes + trailer_bytes
    riff = struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE")
    return riff + chunks + struct.pack("<4sI", b"data", _OPEN_LENGTH if sample_count is None else data_bytes)


def pcm_in(wav: bytes) -> bytes:
    """The samples of a whole WAV file. Raises DataLoss where it has none."""
    place = 12
    while place + 8 <= len(wav):
        name, size = struct.unpack_from("<4sI", wav, place)
        if name == b"data":
            return wav[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
    raise DataLoss("this is no WAV file with samples in it", reason="NO_SAMPLES")


def read_wav(wav: bytes) -> tuple[int, int, bytes, dict[str, str]]:
    """Sample rate, channels, 16-bit samples and INFO texts of a file that `wav_header` began. Raises DataLoss for another."""
    place, form, info = 12, None, {}
    while place + 8 <= len(wav):
        name, size = struct.unpack_from("<4sI", wav, place)
        body = wav[place + 8 : place + 8 + size]
        if name == b"fmt ":
            form = struct.unpack_from("<HHIIHH", body)
        elif name == b"LIST" and body[:4] == b"INFO":
            info = _read_info(body[4:])
        elif name == b"data" and form is not None and form[5] == 16:
            return form[2], form[1], body, info
        place += 8 + size + size % 2
    raise DataLoss("this is no WAV file with samples in it", reason="NO_SAMPLES")


def _read_info(body: bytes) -> dict[str, str]:
    place, texts = 0, {}
    while place + 8 <= len(body):
        name, size = struct.unpack_from("<4sI", body, place)
        texts[name.decode("ascii", "replace")] = (
            body[place + 8 : place + 8 + size].rstrip(b"\0").decode(errors="replace")
        )
        place += 8 + size + size % 2
    return texts


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack("<4sI", name, len(data)) + data + b"\0" * (len(data) % 2)


def pcm16(samples: NDArray[np.float32]) -> bytes:
    """Float samples `[channels, samples]` as interleaved little-endian 16-bit PCM; values beyond [-1, 1] are clipped."""
    scaled = np.clip(samples, -1.0, 1.0) * np.float32(32767.0)
    return bytes(np.rint(scaled).T.astype("<i2").tobytes())

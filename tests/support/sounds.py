"""Audio files for tests: tones in several codecs, faulty files.

PyAV makes them. A faulty file has one fault.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from resonance.audio.decode import DecodeLimits, decode_file
from resonance.settings import Settings

# extension -> (container, codec, rate)
KINDS = {
    "wav": ("wav", "pcm_s16le", 44_100),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "m4a": ("ipod", "aac", 44_100),
    "aac": ("adts", "aac", 44_100),
    "flac": ("flac", "flac", 44_100),
    "opus": ("ogg", "libopus", 48_000),
    "ogg": ("ogg", "vorbis", 44_100),
    "webm": ("webm", "libopus", 48_000),
    "mka": ("matroska", "libopus", 48_000),
    "aiff": ("aiff", "pcm_s16be", 44_100),
    "caf": ("caf", "alac", 44_100),
    "wv": ("wv", "wavpack", 44_100),
    "wma": ("asf", "wmav2", 44_100),
    "au": ("au", "pcm_s16be", 44_100),
    "w64": ("w64", "pcm_s16le", 44_100),
}


def tone(duration_s: float, rate_hz: int, *, pitch_hz: float = 440.0, level: float = 0.5) -> NDArray[np.float32]:
    """A sine, `[samples]`."""
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return (level * np.sin(2 * np.pi * pitch_hz * time_s)).astype(np.float32)


def write_sound(
    path: Path, *, duration_s: float = 2.0, pitch_hz: float = 440.0, level: float = 0.5, kind: str = ""
) -> Path:
    """Writes a stereo tone; the extension, or `kind`, chooses container and codec."""
    container, codec, rate_hz = KINDS[kind or path.suffix[1:]]
    mono = tone(duration_s, rate_hz, pitch_hz=pitch_hz, level=level)
    with av.open(str(path), "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=rate_hz, layout="stereo", options={"strict": "experimental"})
        if codec == "wmav2":
            stream.bit_rate = 128_000  # it has no usual one
        frame = av.AudioFrame.from_ndarray(np.stack([mono, mono]), "fltp", "stereo")
        frame.sample_rate = rate_hz
        context = stream.codec_context
        converter = av.AudioResampler(context.format.name, "stereo", rate_hz, frame_size=context.frame_size or 1024)
        for piece in [*converter.resample(frame), *converter.resample(None)]:
            piece.pts = None
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    return path


def write_float_wav(path: Path, samples: NDArray[np.float32], rate_hz: int = 32_000) -> Path:
    """A mono 32-bit float WAV of exactly these samples."""
    data = samples.astype("<f4").tobytes()
    path.write_bytes(float_wav_header(len(data), rate_hz=rate_hz) + data)
    return path


def write_stereo_wav(path: Path, channels: NDArray[np.float32], rate_hz: int = 32_000) -> Path:
    """A 32-bit float WAV of two channels `[2, samples]`."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("pcm_f32le", rate=rate_hz, layout="stereo")
        frame = av.AudioFrame.from_ndarray(channels.T.reshape(1, -1).astype(np.float32).copy(), "flt", "stereo")
        frame.sample_rate = rate_hz
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def write_many_channels(path: Path, channels: NDArray[np.float32], rate_hz: int = 32_000) -> Path:
    """A 16-bit WAV of any number of channels `[channels, samples]`, without a layout."""
    data = np.rint(channels.T * 32767).astype("<i2").tobytes()
    count = len(channels)
    form = struct.pack("<HHIIHH", 1, count, rate_hz, rate_hz * 2 * count, 2 * count, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def write_two_tracks(path: Path, *, default: int, pitches_hz: tuple[float, float] = (220.0, 440.0)) -> Path:
    """A Matroska file of two sound tracks in Opus, of which one is marked as default."""
    with av.open(str(path), "w", format="matroska") as output:
        streams: list[Any] = [output.add_stream("libopus", rate=48_000, layout="mono") for _ in pitches_hz]
        for index, stream in enumerate(streams):
            stream.disposition = av.stream.Disposition.default if index == default else av.stream.Disposition(0)
        for stream, pitch_hz in zip(streams, pitches_hz, strict=True):
            frame = av.AudioFrame.from_ndarray(tone(2.0, 48_000, pitch_hz=pitch_hz)[None], "fltp", "mono")
            frame.sample_rate = 48_000
            converter = av.AudioResampler(stream.codec_context.format.name, "mono", 48_000, frame_size=960)
            for piece in [*converter.resample(frame), *converter.resample(None)]:
                output.mux(stream.encode(piece))
            output.mux(stream.encode(None))
    return path


def id3_tag(byte_count: int) -> bytes:
    """An ID3v2 tag with a cover of so many bytes."""
    body = b"APIC" + struct.pack(">I", byte_count) + b"\0\0" + b"\xff" * byte_count
    size = bytes((len(body) >> shift) & 127 for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + body


def float_wav_header(data_bytes: int, *, rate_hz: int = 32_000, channels: int = 1) -> bytes:
    """The header of a 32-bit float WAV that claims `data_bytes` of samples."""
    frame_bytes = channels * 4
    form = struct.pack("<HHIIHH", 3, channels, rate_hz, (rate_hz * frame_bytes) & 0xFFFFFFFF, frame_bytes & 0xFFFF, 32)
    riff_bytes = (36 + data_bytes) & 0xFFFFFFFF
    head = b"RIFF" + struct.pack("<I", riff_bytes) + b"WAVEfmt " + struct.pack("<I", len(form)) + form
    return head + b"data" + struct.pack("<I", data_bytes & 0xFFFFFFFF)


def write_silent_video(path: Path) -> Path:
    """A video without any sound."""
    with av.open(str(path), "w", format="mp4") as output:
        stream: Any = output.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(5):
            output.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        output.mux(stream.encode(None))
    return path


def sound_bytes(kind: str, tmp_path: Path, **options: Any) -> bytes:
    """The bytes of `write_sound`."""
    path = write_sound(tmp_path / f"made.{kind}", **options)
    data = path.read_bytes()
    path.unlink()
    return data


def flac_bomb(duration_s: float) -> bytes:
    """A few kilobytes of FLAC that unpack to hours of silence."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="flac") as output:
        stream: Any = output.add_stream("flac", rate=96_000, layout="stereo")
        silence = np.zeros((1, 2 * 65_535), np.int16)
        stream.codec_context.options = {"frame_size": "65535"}
        for _ in range(round(duration_s * 96_000 / 65_535)):
            frame = av.AudioFrame.from_ndarray(silence, "s16", "stereo")
            frame.sample_rate = 96_000
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return buffer.getvalue()


async def prepare(folder: Path, data: bytes, rate_hz: int = 16_000) -> NDArray[np.float32]:
    """The samples that ingest makes of a file: decoded, mono, at one loudness, `[samples]` float32."""
    source = folder / "prepared.source"
    source.write_bytes(data)
    limits = DecodeLimits.of(Settings())
    return np.array(
        (await decode_file(source, folder / "prepared.pcm", sample_rate_hz=rate_hz, limits=limits)).samples()
    )

"""Encoders of delivered sound, over PyAV: bytes as soon as the container has them."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resonance.audio.delivery.formats import FileFormat

_OPTIONS = {
    # Without a Xing header the frames can go out as they are made; a kept file has one, with its length.
    ("mp3", True): {"write_xing": "0", "id3v2_version": "4"},
    ("mp3", False): {"id3v2_version": "4"},
    # A fragmented MP4 can be played while it grows; a kept one has its index in front.
    ("m4a", True): {"movflags": "empty_moov+default_base_moof+frag_every_frame", "use_editlist": "0"},
    ("m4a", False): {"movflags": "faststart"},
    ("opus", True): {"page_duration": "200000"},
}


class _Sink(io.RawIOBase):
    """A file that keeps what is written until it is fetched. A streamed one cannot be sought, so that muxers write ahead only."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def fetch(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


class Encoder:
    """One file in the making: samples in, encoded bytes out, tags first.

    `is_streamed` writes for a reader who has the beginning already; otherwise all bytes come at `finish`, with index and lengths.
    """

    def __init__(
        self,
        form: FileFormat,
        *,
        sample_rate_hz: int,
        channel_count: int,
        tags: Mapping[str, str],
        cover: bytes = b"",
        is_streamed: bool,
    ) -> None:
        import av  # only the processes that encode have it

        self._av = av
        self._rate, self._layout = sample_rate_hz, "stereo" if channel_count == 2 else "mono"
        # The index of an MP4 is moved to its front at the end, for which the muxer opens the file again by its name.
        self._folder = tempfile.TemporaryDirectory() if form.name == "m4a" and not is_streamed else None
        self._file: Any = _Sink() if is_streamed else io.BytesIO()
        if self._folder is not None:
            self._file = f"{self._folder.name}/sound.m4a"
        # FLAC and MP4 write their tags when the header is written, so that the order here matters.
        self._container: Any = av.open(
            self._file, "w", format=form.container, options=_OPTIONS.get((form.name, is_streamed), {})
        )
        self._container.metadata.update(tags)
        self._stream = self._container.add_stream(form.codec, rate=_rate(form, sample_rate_hz), layout=self._layout)
        if form.bit_rate:
            self._stream.bit_rate = form.bit_rate * channel_count // 2 if form.name != "mp3" else form.bit_rate
        if form.name == "opus":
            self._stream.metadata.update(tags)  # Ogg keeps comments in the stream
        self._picture = self._add_cover(form, cover) if cover and not is_streamed else None
        self._stream.codec_context.open()
        self._resampler = av.AudioResampler(
            format=self._stream.codec_context.format,
            layout=self._layout,
            rate=self._stream.codec_context.sample_rate,
            frame_size=self._stream.codec_context.frame_size or None,
        )
        self._position = 0
        if self._picture is not None:
            self._container.mux(self._picture)

    def push(self, samples: NDArray[np.floating[Any]]) -> bytes:
        """The bytes that are ready after these samples `[channels, samples]` in [-1, 1]."""
        pcm = np.rint(np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2")
        return self.push_pcm(pcm.T.tobytes())

    def push_pcm(self, pcm: bytes) -> bytes:
        """The bytes that are ready after this interleaved 16-bit PCM."""
        if pcm:
            frame = self._av.AudioFrame.from_ndarray(
                np.frombuffer(pcm, "<i2")[None, :], format="s16", layout=self._layout
            )
            frame.sample_rate = self._rate
            frame.pts = self._position
            self._position += frame.samples
            self._encode(self._resampler.resample(frame))
        return self._fetch()

    def finish(self) -> bytes:
        """The rest; all of a file that is not streamed."""
        self._encode(self._resampler.resample(None))
        self._container.mux(self._stream.encode(None))
        self._container.close()
        if self._folder is not None:
            with self._folder, open(self._file, "rb") as made:
                return made.read()
        return self._file.getvalue() if isinstance(self._file, io.BytesIO) else self._fetch()

    def _encode(self, frames: Any) -> None:
        for frame in frames:
            self._container.mux(self._stream.encode(frame))

    def _fetch(self) -> bytes:
        return self._file.fetch() if isinstance(self._file, _Sink) else b""

    def _add_cover(self, form: FileFormat, cover: bytes) -> Any:
        """The cover as an attached picture, where the container has a place for one."""
        if form.name not in ("mp3", "flac", "m4a"):
            return None
        with self._av.open(io.BytesIO(cover)) as source:
            picture = source.streams.video[0]
            stream = self._container.add_stream_from_template(picture)
            stream.disposition = self._av.stream.Disposition.attached_pic
            packet = next(packet for packet in source.demux(picture) if packet.size)
            packet.stream = stream
            return packet


def _rate(form: FileFormat, sample_rate_hz: int) -> int:
    """The least rate of the codec that holds the sound."""
    return min(
        (rate for rate in form.rates_hz if rate >= sample_rate_hz), default=max(form.rates_hz, default=sample_rate_hz)
    )

"""Encoder of scenes: MP4 with closed groups of pictures, and the finishing of each picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from numpy.typing import NDArray

from resonance_video.encoding import ENCODINGS, VideoCodec

Pixels = NDArray[np.uint8]
_BLOOM_SCALE = 8
_BLOOM_FROM, _BLOOM_GAIN = 150.0, 0.55
_GRAIN = 1.6
_BLACK, _LUMA_MAX = 16, 235


class SceneEncoder:
    """Writes pictures `[height, width, 4]` (RGBA) as one video. The same pictures give the same bytes."""

    def __init__(self, path: Path, *, width: int, height: int, fps: int, seed: int, codec: VideoCodec = "h264") -> None:
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        encoding = ENCODINGS[codec]
        self._stream = self._container.add_stream(encoding.encoder, rate=fps, options=dict(encoding.options))
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        context = self._stream.codec_context
        context.time_base = Fraction(1, fps)
        context.color_primaries = context.color_trc = context.colorspace = 1  # BT.709
        self._finish = Finish(width, height, seed)
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            for packet in self._stream.encode():
                self._container.mux(packet)
        self._container.close()

    def write(self, pixels: Pixels, *, fade: float, bloom: float) -> None:
        """Encodes one picture; `fade` is its brightness from 0 (black) to 1, `bloom` the strength of its glow."""
        frame = self._finish.frame(pixels, number=self._count, fade=fade, bloom=bloom)
        frame.pts = self._count
        self._count += 1
        for packet in self._stream.encode(frame):
            self._container.mux(packet)


class Finish:
    """Last touches in the YUV planes: bloom, vignette, grain, fades."""

    def __init__(self, width: int, height: int, seed: int) -> None:
        self._width, self._height = width, height
        self._vignette = _vignette(width, height).astype(np.uint16)
        self._chroma_vignette = _vignette(width // 2, height // 2)
        random = np.random.default_rng(seed)
        self._grain = np.round(random.standard_normal((height + 64, width + 64)) * _GRAIN).astype(np.int8)

    def frame(self, pixels: Pixels, *, number: int, fade: float, bloom: float) -> av.VideoFrame:
        """The finished picture as yuv420p in BT.709."""
        frame = _to_yuv(pixels, self._width, self._height)
        luma = _plane(frame, 0, self._height, self._width)
        glow = self._glow(frame, bloom * min(fade, 1.0))
        level = luma.astype(np.uint16)
        np.subtract(level, _BLACK, out=level, where=level > _BLACK)
        np.multiply(level, self._vignette, out=level)
        np.right_shift(level, 8, out=level)
        if fade < 1:
            np.multiply(level, np.uint16(256 * max(fade, 0.0)), out=level)
            np.right_shift(level, 8, out=level)
        signed = level.view(np.int16)
        if glow is not None:
            np.add(signed, glow, out=signed)
        dx, dy = (number * 37) % 64, (number * 53) % 64
        np.add(signed, self._grain[dy : dy + self._height, dx : dx + self._width], out=signed)
        np.add(signed, _BLACK, out=signed)
        np.clip(signed, _BLACK, _LUMA_MAX, out=signed)
        luma[:] = signed
        for index in (1, 2):
            chroma = _plane(frame, index, self._height // 2, self._width // 2)
            value = ((chroma.astype(np.int32) - 128) * self._chroma_vignette) >> 8
            chroma[:] = np.clip(((value * int(256 * min(fade, 1.0))) >> 8) + 128, 16, 240)
        return frame

    def _glow(self, frame: av.VideoFrame, bloom: float) -> NDArray[np.uint8] | None:
        """Light that spills from bright places, in steps of luma."""
        if bloom <= 0.01:
            return None
        wide, high = max(self._width // _BLOOM_SCALE, 8), max(self._height // _BLOOM_SCALE, 8)
        small = frame.reformat(width=wide, height=high, format="gray", interpolation="AREA")
        light = np.maximum(_plane(small, 0, high, wide).astype(np.float32) - _BLOOM_FROM, 0)
        for _ in range(3):
            light = _box(_box(light, 0), 1)
        blurred = np.clip(light * _BLOOM_GAIN * bloom * 2, 0, 90).astype(np.uint8)
        full = av.VideoFrame.from_ndarray(np.ascontiguousarray(blurred), format="gray")
        full = full.reformat(width=self._width, height=self._height, format="gray", interpolation="BILINEAR")
        return _plane(full, 0, self._height, self._width)


def _to_yuv(pixels: Pixels, width: int, height: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(pixels, format="rgba")
    return frame.reformat(
        width=width, height=height, format="yuv420p", dst_colorspace="ITU709", interpolation="BILINEAR"
    )


def _plane(frame: av.VideoFrame, index: int, height: int, width: int) -> NDArray[np.uint8]:
    plane = frame.planes[index]
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:height, :width]


def _vignette(width: int, height: int) -> NDArray[np.int32]:
    x = (np.arange(width) + 0.5) / width * 2 - 1
    y = (np.arange(height) + 0.5) / height * 2 - 1
    distance = np.sqrt(0.8 * np.square(x)[None, :] + 0.7 * np.square(y)[:, None])
    return np.round(256 * (1 - 0.42 * np.clip(distance - 0.45, 0, 1) ** 1.6)).astype(np.int32)


def _box(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Mean of five neighbours along an axis."""
    padded = np.pad(values, [(2, 2) if index == axis else (0, 0) for index in range(2)], mode="edge")
    count = values.shape[axis]
    parts = [np.take(padded, range(start, start + count), axis=axis) for start in range(5)]
    mean: NDArray[np.float32] = np.mean(parts, axis=0, dtype=np.float32)
    return mean

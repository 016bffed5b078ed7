"""Encoder of scenes: MP4 with closed groups of pictures, and the finishing of each picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.video.reformatter import Colorspace, VideoReformatter
from numpy.typing import NDArray

from resonance_video.encoding import ENCODINGS, VideoCodec

Pixels = NDArray[np.uint8]
_BLOOM_SCALE = 8
_BLOOM_FROM, _BLOOM_GAIN = 150.0, 0.55
_GRAIN = 1.6
_BLACK, _LUMA_MAX = 16, 235
_BAND = 64


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
        self._to_yuv, self._to_small, self._to_full = VideoReformatter(), VideoReformatter(), VideoReformatter()
        self._vignette = _vignette(width, height).astype(np.uint16)
        self._chroma_vignette = _vignette(width // 2, height // 2).astype(np.int16)
        random = np.random.default_rng(seed)
        grain = np.round(random.standard_normal((height + 64, width + 64)) * _GRAIN)
        self._grain = grain.astype(np.int16) + np.int16(_BLACK)

    def frame(self, pixels: Pixels, *, number: int, fade: float, bloom: float) -> av.VideoFrame:
        """The finished picture as yuv420p in BT.709."""
        rgba = av.VideoFrame.from_numpy_buffer(pixels, format="rgba")
        frame = self._to_yuv.reformat(
            rgba,
            width=self._width,
            height=self._height,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            interpolation="BILINEAR",
        )
        glow = self._glow(frame, bloom * min(fade, 1.0))
        luma = _plane(frame, 0, self._height, self._width)
        dx, dy = (number * 37) % 64, (number * 53) % 64
        grain = self._grain[dy : dy + self._height, dx : dx + self._width]
        share = int(256 * min(max(fade, 0.0), 1.0))
        # Bands of rows stay in the processor's cache from one operation to the next: half the time of whole planes.
        for top in range(0, self._height, _BAND):
            rows = slice(top, top + _BAND)
            light = None if glow is None else glow[rows]
            _finish_luma(luma[rows], self._vignette[rows], grain[rows], light, share)
        for index in (1, 2):
            chroma = _plane(frame, index, self._height // 2, self._width // 2)
            for top in range(0, self._height // 2, _BAND):
                rows = slice(top, top + _BAND)
                _finish_chroma(chroma[rows], self._chroma_vignette[rows], share)
        return frame

    def _glow(self, frame: av.VideoFrame, bloom: float) -> Pixels | None:
        """Light that spills from bright places, in steps of luma."""
        if bloom <= 0.01:
            return None
        wide, high = max(self._width // _BLOOM_SCALE, 8), max(self._height // _BLOOM_SCALE, 8)
        small = self._to_small.reformat(frame, width=wide, height=high, format="gray", interpolation="AREA")
        light = np.maximum(_plane(small, 0, high, wide).astype(np.float32) - _BLOOM_FROM, 0)
        for _ in range(3):
            light = _box(_box(light, 0), 1)
        blurred = np.clip(light * _BLOOM_GAIN * bloom * 2, 0, 90).astype(np.uint8)
        full = self._to_full.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(blurred), format="gray"),
            width=self._width,
            height=self._height,
            format="gray",
            interpolation="BILINEAR",
        )
        return _plane(full, 0, self._height, self._width)


def _finish_luma(
    luma: Pixels, vignette: NDArray[np.uint16], grain: NDArray[np.int16], glow: Pixels | None, fade: int
) -> None:
    """Darkens rows of luma towards the corners and by `fade` (of 256), and adds glow and grain, which has the black level in it."""
    level = np.maximum(luma, _BLACK).astype(np.uint16)
    level -= _BLACK
    level *= vignette
    level >>= 8
    if fade < 256:
        level *= np.uint16(fade)
        level >>= 8
    signed = level.view(np.int16)
    if glow is not None:
        signed += glow
    signed += grain
    np.clip(signed, _BLACK, _LUMA_MAX, out=signed)
    luma[:] = signed


def _finish_chroma(chroma: Pixels, vignette: NDArray[np.int16], fade: int) -> None:
    """Takes colour away from rows of chroma as `_finish_luma` takes light."""
    value = chroma.astype(np.int16)
    value -= 128
    value *= vignette
    value >>= 8
    if fade < 256:
        value *= np.int16(fade)
        value >>= 8
    value += 128
    np.clip(value, 16, 240, out=value)
    chroma[:] = value


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
    mean: NDArray[np.float32] = np.zeros_like(values)
    for start in range(5):
        mean += padded[start : start + count] if axis == 0 else padded[:, start : start + count]
    mean /= np.float32(5)
    return mean

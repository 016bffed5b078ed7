"""Finishing child: `python -m resonance_video.scenes.foreign_worker ORDER` makes a scene of an untrusted picture or clip."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from resonance.audio import confinement
from resonance.errors import InvalidInput, ResonanceError
from resonance_video.fitting import SceneSpec, normalise
from resonance_video.models import ShotMove
from resonance_video.scenes.procedural.encoder import SceneEncoder

Pixels = NDArray[np.uint8]
_CPU_S_MAX, _MEMORY_BYTES_MAX, _FILE_BYTES_MAX = 600.0, 4 << 30, 512 << 20
_PIXELS_MAX = 64_000_000
# The most that the camera moves over a picture, as a share of it.
_ZOOM, _PAN = 0.14, 0.10


def main() -> None:
    """Prints the answer as one line of JSON; empty where the files are written."""
    os.nice(5)  # generation comes before drawing
    confinement.leave_network()
    confinement.die_with_parent()
    confinement.limit_resources(cpu_s=_CPU_S_MAX, memory_bytes=_MEMORY_BYTES_MAX, file_bytes=_FILE_BYTES_MAX)
    av.logging.set_level(av.logging.PANIC)
    order = json.loads(Path(sys.argv[1]).read_text())
    answer: dict[str, Any] = {}
    try:
        (_fit if order["is_clip"] else _move_over)(order)
    except ResonanceError as failure:
        answer = {"reason": failure.reason, "message": failure.message}
    except (av.FFmpegError, OSError, ValueError) as failure:
        answer = {"reason": "NOT_READABLE", "message": f"it cannot be read: {failure}"}
    print(json.dumps(answer), flush=True)


def _fit(order: dict[str, Any]) -> None:
    """A clip, at the size, rate and length of its shot, and its middle picture."""
    spec = SceneSpec(
        width=order["width"],
        height=order["height"],
        fps=order["fps"],
        frame_count=order["frames"],
        codec=order["codec"],
    )
    normalise(Path(order["source"]), Path(order["video"]), spec)
    with av.open(order["video"]) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number == order["frames"] // 2:
                _write_png(frame.to_ndarray(format="rgb24"), Path(order["still"]))
                return


def _move_over(order: dict[str, Any]) -> None:
    """A picture with the camera's move over it, and the picture itself."""
    picture = _read_picture(Path(order["source"]))
    width, height, frames = order["width"], order["height"], order["frames"]
    window, video = _Window(picture, width, height), Path(order["video"])
    with SceneEncoder(
        video, width=width, height=height, fps=order["fps"], seed=order["seed"], codec=order["codec"]
    ) as encoder:
        for number in range(frames):
            share = number / max(frames - 1, 1)
            left, top, wide, high = camera_window(
                ShotMove(order["move"]), share, picture.width, picture.height, width / height, order["seed"]
            )
            pixels = window.draw(left, top, wide, high)
            encoder.write(pixels, fade=1.0, bloom=0.0)
            if number == frames // 2:
                _write_png(pixels[:, :, :3], Path(order["still"]))


def camera_window(
    move: ShotMove, share: float, width: int, height: int, aspect: float, seed: int
) -> tuple[float, float, float, float]:
    """The part of a picture that is seen at a share of the shot: left, top, width and height in its pixels; moves are eased at both ends.

    The window has the film's aspect and never leaves the picture.
    """
    eased = share * share * (3 - 2 * share)
    zoom = {ShotMove.PUSH: eased, ShotMove.PULL: 1 - eased, ShotMove.STILL: 0.0}.get(move, 0.5)
    base_wide, base_high = (width, width / aspect) if width / height < aspect else (height * aspect, height)
    scale = 1 - _ZOOM * zoom
    wide, high = base_wide * scale, base_high * scale
    x = y = 0.5
    if move is ShotMove.PAN:
        x += (1 if seed % 2 else -1) * _PAN * (2 * eased - 1) * 4
    if move is ShotMove.RISE:
        y -= _PAN * (2 * eased - 1) * 4
    return (width - wide) * min(max(x, 0.0), 1.0), (height - high) * min(max(y, 0.0), 1.0), wide, high


def _read_picture(path: Path) -> av.VideoFrame:
    with av.open(str(path), metadata_errors="ignore") as container:
        if not container.streams.video:
            raise InvalidInput("it has no picture", reason="NOT_READABLE")
        stream = container.streams.video[0]
        if stream.width * stream.height > _PIXELS_MAX:
            raise InvalidInput(f"the picture has {stream.width} x {stream.height} pixels", reason="TOO_LARGE")
        for frame in container.decode(video=0):
            picture: av.VideoFrame = frame.reformat(format="rgba")
            return picture
    raise InvalidInput("it has no picture", reason="NOT_READABLE")


class _Window:
    """Windows of one picture at the film's size, between pixels where they must be."""

    def __init__(self, picture: av.VideoFrame, width: int, height: int) -> None:
        import skia

        array = np.ascontiguousarray(picture.to_ndarray())
        self._image = skia.Image.fromarray(array, colorType=skia.kRGBA_8888_ColorType)
        self._whole = skia.Rect.MakeWH(width, height)
        self._sampling = skia.SamplingOptions(skia.CubicResampler.Mitchell())
        self._pixels: Pixels = np.zeros((height, width, 4), np.uint8)
        self._surface = skia.Surface(self._pixels)
        self._rect = skia.Rect.MakeXYWH

    def draw(self, left: float, top: float, wide: float, high: float) -> Pixels:
        """The pixels of a window; they are overwritten by the next."""
        canvas = self._surface.getCanvas()
        canvas.drawImageRect(self._image, self._rect(left, top, wide, high), self._whole, self._sampling)
        return self._pixels


def _write_png(pixels: Pixels, path: Path) -> None:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    codec = av.codec.CodecContext.create("png", "w")
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, "rgb24"
    path.write_bytes(b"".join(bytes(packet) for packet in (*codec.encode(frame), *codec.encode(None))))


if __name__ == "__main__":
    main()

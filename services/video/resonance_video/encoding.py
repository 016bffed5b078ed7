"""Encoding of all scenes: one codec with closed groups of pictures, so that packets of different scenes can be joined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

VideoCodec = Literal["h264", "av1", "vp9"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoEncoding:
    """An encoder of PyAV with its options, and the names by which a decoder tells its files."""

    encoder: str
    options: Mapping[str, str]
    decoders: tuple[str, ...]


# One thread each: with more, an encoder's output may depend on the machine. Pictures are coded in the order in which they are shown (no
# B-frames, low delay), so that a packet's time is its picture's. A group of pictures has 48 frames and needs no other group.
# x264's `ultrafast` with CABAC and deblocking takes less than half the time of `veryfast` here, because motion search finds nothing in the
# grain. At crf 21 its PSNR is 0.6 dB above that of `veryfast` at 20, and its files are 1.3 to 1.8 times as large.
ENCODINGS: dict[VideoCodec, VideoEncoding] = {
    "h264": VideoEncoding(
        encoder="libx264",
        options={
            "preset": "ultrafast",
            "crf": "21",
            "threads": "1",
            "bf": "0",
            "x264-params": "open-gop=0:scenecut=0:keyint=48:min-keyint=48:sliced-threads=0:cabac=1:no-deblock=0",
        },
        decoders=("h264", "libx264"),
    ),
    "av1": VideoEncoding(
        encoder="libsvtav1",
        options={"preset": "9", "crf": "32", "g": "48", "svtav1-params": "lp=1:pred-struct=1:scd=0:irefresh-type=2"},
        decoders=("av1", "libdav1d", "libsvtav1"),
    ),
    "vp9": VideoEncoding(
        encoder="libvpx-vp9",
        options={
            "deadline": "realtime",
            "cpu-used": "7",
            "crf": "32",
            "b:v": "0",
            "threads": "1",
            "lag-in-frames": "0",
            "auto-alt-ref": "0",
            "g": "48",
        },
        decoders=("vp9", "libvpx-vp9"),
    ),
}

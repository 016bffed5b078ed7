"""Encoding of all scenes: H.264 with closed groups of pictures, so that packets of different scenes can be joined."""

from __future__ import annotations

# One thread: with more, x264's output depends on the machine. No B-frames: a packet's time is its picture's.
X264 = {
    "preset": "veryfast",
    "crf": "20",
    "threads": "1",
    "bf": "0",
    "x264-params": "open-gop=0:scenecut=0:keyint=48:min-keyint=48:sliced-threads=0",
}

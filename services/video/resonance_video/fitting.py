"""Fitting of scenes: checked, and where they are foreign scaled, cropped, resampled and encoded alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.filter

from resonance.errors import InvalidInput
from resonance_video.encoding import ENCODINGS, VideoCodec

# A clip that is shorter than its shot may be slowed by this share.
STRETCH_MAX = 1.10


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSpec:
    """What a scene of a film has to be."""

    width: int
    height: int
    fps: int
    frame_count: int
    codec: VideoCodec = "h264"


def is_alike(path: Path, spec: SceneSpec) -> bool:
    """True where the file can be joined by copying its packets.

    Raises:
        InvalidInput: the file is no video.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        return (
            context.name in ENCODINGS[spec.codec].decoders
            and (context.width, context.height, context.pix_fmt) == (spec.width, spec.height, "yuv420p")
            and not context.has_b_frames
            and stream.average_rate == spec.fps
            and stream.frames == spec.frame_count
        )


def normalise(source: Path, target: Path, spec: SceneSpec, *, calm: bool = False) -> None:
    """Writes a foreign scene as one of ours: size by cropping to the middle, rate by the nearest frame, length by trimming or slowing.

    `calm` puts ffmpeg's `photosensitivity` filter over it.

    Raises:
        InvalidInput: the clip cannot be read, or is shorter than its shot by more than the stretch that is allowed.
    """
    frames, duration_s = _read_times(source)
    wanted_s = spec.frame_count / spec.fps
    if duration_s * STRETCH_MAX < wanted_s:
        raise InvalidInput(f"the clip has {duration_s:.2f} s; its shot needs {wanted_s:.2f} s", reason="CLIP_TOO_SHORT")
    speed = min(1.0, duration_s / wanted_s)
    wanted = [number / spec.fps * speed for number in range(spec.frame_count)]
    with _opened(source) as container, av.open(str(target), "w", format="mp4") as out:
        graph, feed, drain = _graph(container.streams.video[0], spec, calm=calm)
        encoding = ENCODINGS[spec.codec]
        stream = out.add_stream(encoding.encoder, rate=spec.fps, options=dict(encoding.options))
        stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, "yuv420p"
        number = 0
        for index, frame in enumerate(container.decode(video=0)):
            feed.push(frame)
            picture = drain.pull()
            following = frames[index + 1] if index + 1 < len(frames) else float("inf")
            while number < len(wanted) and wanted[number] < following - 1e-6:
                picture.pts = number
                picture.time_base = 1 / stream.codec_context.framerate
                for packet in stream.encode(picture):
                    out.mux(packet)
                number += 1
        for packet in stream.encode():
            out.mux(packet)
    del graph


def _read_times(source: Path) -> tuple[list[float], float]:
    with _opened(source) as container:
        times = [float(frame.time or 0.0) for frame in container.decode(video=0)]
    if not times:
        raise InvalidInput("the clip has no picture", reason="NO_VIDEO")
    first = times[0]
    gap = (times[-1] - first) / (len(times) - 1) if len(times) > 1 else 1 / 24
    return [at - first for at in times], times[-1] - first + gap


def _graph(stream: av.VideoStream, spec: SceneSpec, *, calm: bool) -> tuple[Any, Any, Any]:
    graph = av.filter.Graph()
    feed = graph.add_buffer(template=stream)
    steps = [
        ("scale", f"{spec.width}:{spec.height}:force_original_aspect_ratio=increase"),
        ("crop", f"{spec.width}:{spec.height}"),
        ("setsar", "1"),
        *([("photosensitivity", "frames=30:threshold=1")] if calm else []),
        ("format", "yuv420p"),
    ]
    before = feed
    for name, options in steps:
        node = graph.add(name, options)
        before.link_to(node)
        before = node
    drain = graph.add("buffersink")
    before.link_to(drain)
    graph.configure()
    return graph, feed, drain


def _opened(path: Path) -> av.container.InputContainer:
    try:
        container = av.open(str(path), metadata_errors="ignore")
    except (av.FFmpegError, OSError) as failure:
        raise InvalidInput(f"the scene {path.name} cannot be read: {failure}", reason="NOT_VIDEO") from None
    if not container.streams.video:
        container.close()
        raise InvalidInput(f"the scene {path.name} has no video track", reason="NO_VIDEO")
    return container

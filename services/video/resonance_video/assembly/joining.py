"""Joining: packets of the scenes on one time line, with sound tracks, in one MP4 or QuickTime file."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
from av.stream import Disposition

SoundForm = Literal["flac", "aac", "pcm"]
_TIMESCALE = 90_000
_AAC_BITS = 256_000
_COPIED = ("aac",)
# FLAC's order of channels. WAV files often name no layout.
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_CODECS = {"flac": "flac", "aac": "aac"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundTrack:
    """A sound track of a film: a sound file, and the form in which it is kept. `flac` and `pcm` keep every sample.

    `disposition` is what players read: which track they play by themselves, and which one describes the picture.
    """

    source: Path
    form: SoundForm
    title: str = ""
    disposition: Disposition | None = None


def join(
    scenes: Sequence[Path],
    tracks: Sequence[SoundTrack],
    out: Path,
    *,
    fps: int,
    duration_s: Fraction,
    tags: Mapping[str, str],
) -> None:
    """Writes the film: the scenes' packets as they are, and the sound tracks. The ending of `out` is `.mp4` or `.mov`.

    The last picture is shortened so that all tracks end together. AAC packets of a song are copied into an AAC track; an MP3's
    never are, because MP4 loses its trim.
    """
    options = {"movflags": "+faststart", "video_track_timescale": str(_TIMESCALE)}
    with ExitStack() as stack:
        container = stack.enter_context(av.open(str(out), "w", format=out.suffix[1:], options=options))
        with av.open(str(scenes[0])) as first:
            video = container.add_stream_from_template(first.streams.video[0], opaque=True)  # no encoder is opened
        opened = [(stack.enter_context(av.open(str(track.source))), track) for track in tracks]
        streams = [_add_sound(container, source.streams.audio[0], track) for source, track in opened]
        container.metadata.update(tags)
        packets = [_video_packets(scenes, video, fps, duration_s)] + [
            _sound_packets(source, stream, track) for (source, track), stream in zip(opened, streams, strict=True)
        ]
        for packet in heapq.merge(*packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)


def _add_sound(container: av.container.OutputContainer, sound: av.AudioStream, track: SoundTrack) -> av.AudioStream:
    if _is_copied(sound, track):
        audio = container.add_stream_from_template(sound)
    else:
        is_aac = track.form == "aac"
        is_short = sound.format.bits <= 16 and "flt" not in sound.format.name
        codec = _CODECS.get(track.form) or ("pcm_s16le" if is_short else "pcm_s24le")
        audio = container.add_stream(codec, rate=sound.rate)
        audio.layout = _LAYOUTS.get(min(sound.channels, 2) if is_aac else sound.channels, "stereo")
        if is_aac:
            audio.bit_rate = _AAC_BITS
        else:
            audio.format = "s16" if is_short else "s32"
    if track.title:
        audio.metadata["handler_name"] = audio.metadata["title"] = track.title
    if track.disposition is not None:
        audio.disposition = track.disposition
    return audio


def _is_copied(sound: av.AudioStream, track: SoundTrack) -> bool:
    return track.form == "aac" and sound.codec_context.name in _COPIED


def _video_packets(
    scenes: Sequence[Path], video: av.VideoStream, fps: int, duration_s: Fraction
) -> Iterator[av.Packet]:
    number = 0
    step = Fraction(_TIMESCALE, fps)
    for place, scene in enumerate(scenes):
        with av.open(str(scene)) as source:
            stream = source.streams.video[0]
            packets = [packet for packet in source.demux(stream) if packet.size]
            for index, packet in enumerate(packets):
                start = round(number * step)
                end = round((number + 1) * step)
                if place == len(scenes) - 1 and index == len(packets) - 1:
                    end = max(start + 1, round(duration_s * _TIMESCALE))
                packet.stream = video
                packet.time_base = Fraction(1, _TIMESCALE)
                packet.pts = packet.dts = start
                packet.duration = end - start
                number += 1
                yield packet


def _sound_packets(
    source: av.container.InputContainer, audio: av.AudioStream, track: SoundTrack
) -> Iterator[av.Packet]:
    sound = source.streams.audio[0]
    if _is_copied(sound, track):
        for packet in source.demux(sound):
            if packet.dts is not None:
                packet.stream = audio
                yield packet
        return
    resampler = av.AudioResampler(format=audio.format.name, layout=audio.layout, rate=audio.rate)
    at = 0
    for frame in source.decode(sound):
        for part in resampler.resample(frame):
            part.pts, part.time_base = at, Fraction(1, audio.rate)
            at += part.samples
            yield from audio.encode(part)
    for part in resampler.resample(None):
        part.pts, part.time_base = at, Fraction(1, audio.rate)
        at += part.samples
        yield from audio.encode(part)
    yield from audio.encode(None)

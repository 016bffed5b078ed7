"""Joining: packets of the scenes on one time line, with the song's own samples, in one MP4."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import av

_TIMESCALE = 90_000
_SHARE_BITS = 256_000
_COPIED = ("aac",)
# FLAC's order of channels. WAV files often name no layout.
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


def join(
    scenes: list[Path],
    song: Path,
    out: Path,
    *,
    fps: int,
    duration_s: Fraction,
    tags: Mapping[str, str],
    is_share: bool,
) -> None:
    """Writes the film: the scenes' packets as they are, and the sound without loss, or as AAC for sharing.

    The last picture is shortened so that both tracks end together. The song's AAC packets are copied into a version for sharing; an MP3's
    never are, because MP4 loses its trim.
    """
    options = {"movflags": "+faststart", "video_track_timescale": str(_TIMESCALE)}
    with av.open(str(out), "w", format="mp4", options=options) as container, av.open(str(song)) as source:
        with av.open(str(scenes[0])) as first:
            video = container.add_stream_from_template(first.streams.video[0])
        sound = source.streams.audio[0]
        audio = _add_sound(container, sound, is_share=is_share)
        container.metadata.update(tags)
        pictures = _video_packets(scenes, video, fps, duration_s)
        sounds = _sound_packets(source, sound, audio, is_share=is_share)
        for packet in _interleaved(pictures, sounds):
            container.mux(packet)


def _add_sound(container: av.container.OutputContainer, sound: av.AudioStream, *, is_share: bool) -> av.AudioStream:
    if is_share and sound.codec_context.name in _COPIED:
        return container.add_stream_from_template(sound)
    audio = container.add_stream("aac" if is_share else "flac", rate=sound.rate)
    audio.layout = _LAYOUTS.get(min(sound.channels, 2) if is_share else sound.channels, "stereo")
    if is_share:
        audio.bit_rate = _SHARE_BITS
    else:
        audio.format = "s16" if sound.format.bits <= 16 and "flt" not in sound.format.name else "s32"
    return audio


def _video_packets(scenes: list[Path], video: av.VideoStream, fps: int, duration_s: Fraction) -> Iterator[av.Packet]:
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
    source: av.container.InputContainer, sound: av.AudioStream, audio: av.AudioStream, *, is_share: bool
) -> Iterator[av.Packet]:
    if is_share and sound.codec_context.name in _COPIED:
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


def _interleaved(first: Iterator[av.Packet], second: Iterator[av.Packet]) -> Iterator[av.Packet]:
    """Packets of two streams in the order of their times."""
    one, other = next(first, None), next(second, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one.dts * one.time_base <= other.dts * other.time_base):
            assert one is not None
            yield one
            one = next(first, None)
        else:
            yield other
            other = next(second, None)

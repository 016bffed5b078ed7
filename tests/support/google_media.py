"""Files that the server of Google's models sends: pictures, clips, spoken sentences and songs, real and small."""

from __future__ import annotations

import io
import wave

import av
import numpy as np


def picture(aspect: str) -> bytes:
    """A PNG of the aspect: a red disc on blue."""
    wide, high = (int(part) * 40 for part in aspect.split(":"))
    rows, columns = np.mgrid[0:high, 0:wide]
    inside = (rows - high / 2) ** 2 + (columns - wide / 2) ** 2 < (min(wide, high) / 3) ** 2
    pixels = np.where(inside[..., None], (200, 40, 40), (30, 40, 120)).astype(np.uint8)
    codec = av.codec.CodecContext.create("png", "w")
    codec.width, codec.height, codec.pix_fmt = wide, high, "rgb24"
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    return b"".join(bytes(packet) for packet in (*codec.encode(frame), *codec.encode(None)))


def clip(aspect: str, seconds: float) -> bytes:
    """An MP4 with sound, 30 pictures a second."""
    wide, high = (int(part) * 20 // 2 * 2 for part in aspect.split(":"))
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = wide, high, "yuv420p"
        sound = container.add_stream("aac", rate=48_000)
        for number in range(round(seconds * 30)):
            pixels = np.full((high, wide, 3), 60 + number % 100, np.uint8)
            for packet in video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 4800 * 2), np.int16), format="s16", layout="stereo")
        silence.sample_rate = 48_000
        for packet in (*sound.encode(silence), *video.encode(), *sound.encode(None)):
            container.mux(packet)
    return file.getvalue()


def speech(rate_hz: int) -> bytes:
    """A WAV file of half a second, mono."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate_hz)
        sound.writeframes((np.sin(np.arange(rate_hz // 2) * 0.1) * 9000).astype("<i2").tobytes())
    return file.getvalue()


def song(seconds: float = 4.0) -> bytes:
    """An MP3 at 44.1 kHz in stereo."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=44_100)
        stream.layout = "stereo"
        at_s = np.arange(round(seconds * 44_100)) / 44_100
        tone = (np.sin(at_s * 2 * np.pi * 330) * 9000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.stack([tone, tone]), format="s16p", layout="stereo")
        frame.sample_rate = 44_100
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return file.getvalue()

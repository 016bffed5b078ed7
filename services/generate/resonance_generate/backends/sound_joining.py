"""Joining of sound: a short tail is held back, so that what comes after a loss is faded over it."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

from resonance.v1 import audio_pb2

Stereo = NDArray[np.int16]
# The tail delays all sound by this much.
FADE_S = 0.1


class SoundJoiner:
    """Passes 16-bit stereo samples through, FADE_S late. After `restart` the held tail is faded into the next samples, with equal power."""

    def __init__(self, *, rate_hz: int) -> None:
        self._fade = round(FADE_S * rate_hz)
        self._tail: Stereo = np.zeros((0, 2), np.int16)
        self._incoming: Stereo | None = None

    def push(self, pcm: bytes) -> bytes:
        """Takes interleaved samples; returns those that are certain."""
        samples = np.frombuffer(pcm[: len(pcm) // 4 * 4], "<i2").reshape(-1, 2)
        if self._incoming is not None:
            samples = np.concatenate([self._incoming, samples])
            if len(samples) < len(self._tail):
                self._incoming = samples
                return b""
            samples, self._incoming = _faded(self._tail, samples), None
            self._tail = np.zeros((0, 2), np.int16)
        joined = np.concatenate([self._tail, samples])
        keep = min(self._fade, len(joined))
        self._tail = joined[len(joined) - keep :]
        return joined[: len(joined) - keep].astype("<i2").tobytes()

    def restart(self) -> None:
        """Says that the next samples come from elsewhere."""
        self._incoming = np.zeros((0, 2), np.int16)

    def rest(self) -> bytes:
        """The tail, faded out."""
        ramp = np.linspace(1, 0, len(self._tail))[:, None]
        rest, self._tail = self._tail * ramp, np.zeros((0, 2), np.int16)
        return np.round(rest).astype("<i2").tobytes()


class StereoResampler:
    """16-bit samples of a format as stereo at another rate; `ratio` is the new rate against the old."""

    def __init__(self, form: audio_pb2.AudioFormat, rate_hz: int) -> None:
        self.ratio = rate_hz / form.sample_rate_hz
        self._rate_hz, self._channels = form.sample_rate_hz, form.channel_count
        self._layout = "mono" if form.channel_count == 1 else "stereo"
        self._resampler = av.AudioResampler(format="s16", layout="stereo", rate=rate_hz)

    def push(self, pcm: bytes) -> bytes:
        """The next samples; a few stay inside until the next call."""
        samples = np.frombuffer(pcm, "<i2").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=self._layout)
        frame.sample_rate = self._rate_hz
        return b"".join(bytes(part.planes[0])[: part.samples * 4] for part in self._resampler.resample(frame))


def _faded(tail: Stereo, samples: Stereo) -> Stereo:
    """Samples whose beginning is faded in over the tail."""
    angle = np.linspace(0, np.pi / 2, len(tail))[:, None]
    mixed = tail * np.cos(angle) + samples[: len(tail)] * np.sin(angle)
    over = np.clip(np.round(mixed), -32768, 32767).astype(np.int16)
    return np.concatenate([over, samples[len(tail) :]])

"""Mastering: level, peaks, offset and edges of delivered sound.

Two renditions of the same samples. The *kept* one is levelled by the loudness of the whole take. The *live* one is heard while the
music is made: its gain follows the loudness so far. Both go through the same high-pass, fades, watermark and limiter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resonance.audio.delivery.causal_gain import CausalGain
from resonance.audio.delivery.high_pass import HighPass
from resonance.audio.delivery.limiter import Limiter
from resonance.audio.delivery.spectrum import Spectra, SpectralFrames
from resonance.audio.delivery.watermark import HOP_S, Embedder
from resonance.audio.loudness import LoudnessMeter, integrated_lufs, k_weighting_power

FADE_S = 0.005
# A limiter on interpolated peaks lets a hundredth of a decibel through, and 16 bits round.
CEILING_DBTP = -1.1
# Codecs move peaks: encoders of lossy formats get more room.
LOSSY_CEILING_DBTP = -2.0
# Sound below this loudness is silence and is not raised, like a silent track on the way in (level.SILENCE_LUFS).
SILENCE_LUFS = -55.0
GAIN_DB_MAX = 30.0
_OFFSET_S = 0.16
_LOOP_AROUND_S = 1.0  # more than the filter, the limiter and a frame of the watermark remember
_LEVEL_ROUNDS = 8
_LEVEL_STEP = 1.5  # more than the error, because the limiter takes a part of each step
_LEVEL_ERROR_LU = 0.1
_KEPT_SLAB_HOPS = 64
_FULL_SCALE = 32767.0

Samples = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mastering:
    """The choices: the target loudness in LUFS (None: no levelling), the peak ceiling, key and payload of the watermark (None: none)."""

    target_lufs: float | None = -16.0
    ceiling_dbtp: float = CEILING_DBTP
    watermark_key: str = ""
    watermark_payload: bytes | None = None


class LiveMaster:
    """The live rendition of 16-bit PCM that comes in pieces.

    It has as many samples as came in, whatever the pieces were: the work is done hop by hop from the first sample on.
    """

    def __init__(self, mastering: Mastering, *, sample_rate_hz: int, channel_count: int) -> None:
        self._front = _Front(mastering, sample_rate_hz, channel_count, slab_hops=1)
        self._channel_count = channel_count
        self._gain = (
            CausalGain(mastering.target_lufs, sample_rate_hz, self._front.hop)
            if mastering.target_lufs is not None
            else None
        )
        self._limiter = Limiter(sample_rate_hz, channel_count, mastering.ceiling_dbtp)
        self._fade = fade_in(sample_rate_hz)

    def push(self, pcm: bytes) -> bytes:
        """The samples that are ready, interleaved 16-bit PCM."""
        return _to_pcm(self._advance(self._front.push(_to_samples(pcm, self._channel_count))))

    def finish(self) -> bytes:
        """The samples that are still held back, faded out."""
        ready = [self._advance(self._front.finish(), is_last=True), self._limiter.finish()]
        # The limiter alone holds back more than a fade lasts.
        return _to_pcm(faded_out(np.concatenate(ready, axis=1), self._fade))

    def _advance(self, samples: Samples, *, is_last: bool = False) -> Samples:
        if self._gain is None:
            return self._limiter.push(samples)
        ready = [samples[:, :0]]
        # Hop by hop: the gain hears what the limiter did to the hop before.
        for start in range(0, samples.shape[1], self._front.hop):
            hop = samples[:, start : start + self._front.hop]
            ends = is_last and start + hop.shape[1] == samples.shape[1]
            levelled = self._gain.apply(hop, self._front.powers_of(hop.shape[1]), is_last=ends)
            limited = self._limiter.push(levelled)
            self._gain.make_up(float(np.square(levelled).sum()), float(np.square(limited).sum()))
            ready.append(limited)
        return np.concatenate(ready, axis=1)


def master_kept(pcm: bytes, mastering: Mastering, *, sample_rate_hz: int, channel_count: int) -> Samples:
    """The kept rendition of a whole take, `[channels, samples]` in [-1, 1]."""
    front = _Front(mastering, sample_rate_hz, channel_count, slab_hops=_KEPT_SLAB_HOPS)
    clean = np.concatenate([front.push(_to_samples(pcm, channel_count)), front.finish()], axis=1)
    fade = fade_in(sample_rate_hz)
    gain_db = 0.0
    if mastering.target_lufs is not None:
        measured = loudness_lufs(clean, sample_rate_hz)
        if measured >= SILENCE_LUFS:
            gain_db = min(GAIN_DB_MAX, mastering.target_lufs - measured)
    for _ in range(_LEVEL_ROUNDS):
        limiter = Limiter(sample_rate_hz, channel_count, mastering.ceiling_dbtp)
        limited = np.concatenate([limiter.push(clean * 10 ** (gain_db / 20)), limiter.finish()], axis=1)
        if mastering.target_lufs is None or gain_db in (0.0, GAIN_DB_MAX):
            break
        # The limiter takes loudness from music with high peaks, which a second gain gives back.
        error = mastering.target_lufs - loudness_lufs(limited, sample_rate_hz)
        if abs(error) < _LEVEL_ERROR_LU:
            break
        gain_db = min(GAIN_DB_MAX, gain_db + _LEVEL_STEP * error)
    return faded_out(limited, fade)


def master_loop(pcm: bytes, mastering: Mastering, *, sample_rate_hz: int, channel_count: int) -> Samples:
    """The kept rendition of a loop: mastered between a whole turn before it and one after it, so that its end goes on into its beginning.

    It has no fades. The filter, the watermark and the limiter at its ends hear what comes next when it is played again.
    """
    frame_bytes = 2 * channel_count
    length = len(pcm) // frame_bytes
    turns = math.ceil(_LOOP_AROUND_S * sample_rate_hz / max(1, length))
    around = master_kept(pcm * (2 * turns + 1), mastering, sample_rate_hz=sample_rate_hz, channel_count=channel_count)
    return around[:, turns * length : (turns + 1) * length]


def loudness_lufs(samples: Samples, sample_rate_hz: int) -> float:
    """Integrated loudness of `[channels, samples]`: the powers of the channels add up (BS.1770)."""
    powers = []
    for channel in samples:
        meter = LoudnessMeter(sample_rate_hz)
        meter.add(channel)
        powers.append(meter.block_powers())
    return integrated_lufs(np.sum(powers, axis=0))


def fade_in(sample_rate_hz: int) -> Samples:
    """The weights of a fade of 5 ms, a raised cosine that begins at 0."""
    count = max(2, round(FADE_S * sample_rate_hz))
    return 0.5 - 0.5 * np.cos(np.pi * np.arange(count) / count)


def faded_out(samples: Samples, fade: Samples) -> Samples:
    """The samples `[channels, samples]` with their end faded to 0."""
    count = min(len(fade), samples.shape[1])
    out = samples.copy()
    if count:
        out[:, -count:] *= fade[:count][::-1]
    return out


class _Front:
    """High-pass, fade-in and watermark. Whole slabs of hops are worked on, so that pieces of any size give the same samples."""

    def __init__(self, mastering: Mastering, sample_rate_hz: int, channel_count: int, *, slab_hops: int) -> None:
        self.hop = round(HOP_S * sample_rate_hz)
        self._rate = sample_rate_hz
        self._slab = slab_hops * self.hop
        self._waiting = np.zeros((channel_count, 0))
        self._begins = True
        self._offset_count = round(_OFFSET_S * sample_rate_hz)
        self._high_pass: HighPass | None = None
        self._came = self._went = 0
        self._powers: list[float] = []
        self._weights = _k_weights(sample_rate_hz, self.hop)
        self._is_measured = slab_hops == 1
        self._embedder = (
            Embedder(sample_rate_hz, self.hop, key=mastering.watermark_key, payload=mastering.watermark_payload)
            if mastering.watermark_payload is not None
            else None
        )
        self._frames = SpectralFrames(channel_count, self.hop, self._change)

    def push(self, samples: Samples) -> Samples:
        self._came += samples.shape[1]
        self._waiting = np.concatenate([self._waiting, samples], axis=1)
        if self._high_pass is None:
            if self._waiting.shape[1] < self._offset_count:
                return samples[:, :0]
            self._begin()
        used = self._waiting.shape[1] // self._slab * self._slab
        slabs = [self._work(self._waiting[:, start : start + self._slab]) for start in range(0, used, self._slab)]
        self._waiting = self._waiting[:, used:]
        return np.concatenate(slabs, axis=1) if slabs else samples[:, :0]

    def finish(self) -> Samples:
        if self._high_pass is None:
            self._begin()
        left = self._came - self._went
        # One hop more pushes the last frame out.
        padding = -self._waiting.shape[1] % self._slab + self._slab
        out = self.push(np.pad(self._waiting[:, :0], ((0, 0), (0, padding))))
        return out[:, :left]

    def powers_of(self, sample_count: int) -> list[float]:
        """K-weighted mean squares of the hops that were handed out last."""
        count = math.ceil(sample_count / self.hop)
        powers, self._powers = self._powers[:count], self._powers[count:]
        return powers

    def _begin(self) -> None:
        head = self._waiting[:, : self._offset_count]
        offset = head.mean(axis=1) if head.shape[1] else np.zeros(len(self._waiting))
        self._high_pass = HighPass(self._rate, self.hop, offset)

    def _work(self, slab: Samples) -> Samples:
        assert self._high_pass is not None
        clean = self._high_pass.push(slab)
        if self._begins:
            self._begins = False
            fade = fade_in(self._rate)
            clean[:, : len(fade)] *= fade
        out = self._frames.push(clean)
        self._went += out.shape[1]
        return out

    def _change(self, spectra: Spectra) -> None:
        if self._is_measured:
            power = (spectra.real**2 + spectra.imag**2) * self._weights
            self._powers += power.sum(axis=(0, 2)).tolist()
        if self._embedder is not None:
            self._embedder.apply(spectra)


def _k_weights(sample_rate_hz: int, hop: int) -> NDArray[np.float64]:
    """Weights that turn the squared spectrum of a frame into its K-weighted mean square."""
    width = 2 * hop
    both_sides = np.full(hop + 1, 2.0)
    both_sides[[0, -1]] = 1.0
    window_power = 0.5  # the mean square of the root of a Hann window
    return (
        both_sides
        * k_weighting_power(np.fft.rfftfreq(width, 1 / sample_rate_hz), sample_rate_hz)
        / (width**2 * window_power)
    )


def _to_samples(pcm: bytes, channel_count: int) -> Samples:
    return np.frombuffer(pcm, "<i2").reshape(-1, channel_count).T.astype(np.float64) / _FULL_SCALE


def _to_pcm(samples: Samples) -> bytes:
    return bytes(np.rint(np.clip(samples, -1.0, 1.0) * _FULL_SCALE).T.astype("<i2").tobytes())

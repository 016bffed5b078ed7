"""Detection of the watermark: the position by correlation, then the payload by the largest Walsh code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resonance.audio.delivery import watermark
from resonance.audio.delivery.watermark import BANDS, SLOTS, Pattern

RATE_HZ = 16_000
_HOP = round(watermark.HOP_S * RATE_HZ)
_FRAMES_A_SLOT = round(watermark.SLOT_S * RATE_HZ) // _HOP
_PERIOD = SLOTS * _FRAMES_A_SLOT
_FIRST_BIN = round(watermark.LOW_HZ * 2 * _HOP / RATE_HZ)
_BINS_A_BAND = round(watermark.BAND_HZ * 2 * _HOP / RATE_HZ)
SECONDS_MIN = watermark.PERIOD_S
# Unmarked music reached 3.9 at most, before its checksum was looked at: docs/decisions/watermark.md.
SCORE_MIN = 4.2
_CANDIDATES = 4  # positions whose payload is tried, best first


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The best position found. `score` is the correlation in standard deviations of unmarked sound.

    `is_marked` asks for both: a score that unmarked music does not reach, and a payload whose checksum is right.
    """

    score: float
    payload: bytes
    is_checksum_right: bool

    @property
    def is_marked(self) -> bool:
        return self.is_checksum_right and self.score >= SCORE_MIN


def detect(samples: NDArray[np.float32] | NDArray[np.float64], *, key: str = "") -> Finding:
    """The finding in mono samples `[samples]` at RATE_HZ, of which a few seconds suffice."""
    pattern = Pattern.of(key or watermark.PUBLIC_KEY)
    folded = _fold(_whitened(_levels(samples)))
    scores = _sync_scores(pattern, folded)
    findings = [_read(pattern, folded, scores, int(shift)) for shift in np.argsort(-scores)[:_CANDIDATES]]
    return next((finding for finding in findings if finding.is_marked), findings[0])


def _read(pattern: Pattern, folded: NDArray[np.float64], scores: NDArray[np.float64], shift: int) -> Finding:
    """The payload, if the pattern begins at this frame."""
    symbols = _symbols(pattern, np.roll(folded, -shift, axis=0))
    payload = bytes(symbols[: watermark.PAYLOAD_BYTES])
    return Finding(
        score=float(scores[shift]),
        payload=payload,
        is_checksum_right=watermark.with_checksum(payload) == bytes(symbols),
    )


def _levels(samples: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Levels of the bands in decibels, `[frames, bands]`."""
    window = np.sqrt(0.5 - 0.5 * np.cos(np.pi * np.arange(2 * _HOP) / _HOP))
    padded = np.concatenate([np.zeros(_HOP), samples, np.zeros(_HOP + -len(samples) % _HOP)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * _HOP)[::_HOP]
    spectra = np.fft.rfft(frames * window, axis=1)[:, _FIRST_BIN : _FIRST_BIN + BANDS * _BINS_A_BAND]
    power = (spectra.real**2 + spectra.imag**2).reshape(len(spectra), BANDS, _BINS_A_BAND).sum(axis=2)
    loudest = power.max(initial=0.0)
    return 10 * np.log10(power + 1e-7 * loudest + 1e-12)


def _whitened(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whitened levels: each less its local mean over time and frequency, over its local standard deviation, clipped to 2.5."""
    rest = levels - _mean_along(levels, 0, 3 * _FRAMES_A_SLOT // 2)
    rest = rest - _mean_along(rest, 1, 5)
    spread = np.sqrt(_mean_along(rest**2, 0, 8 * _FRAMES_A_SLOT)) + 0.1
    return np.clip(rest / spread, -2.5, 2.5)


def _mean_along(values: NDArray[np.float64], axis: int, reach: int) -> NDArray[np.float64]:
    """Mean over a window of `reach` on each side, shortened at the edges."""
    moved = np.moveaxis(values, axis, 0)
    sums = np.concatenate([np.zeros((1, *moved.shape[1:])), np.cumsum(moved, axis=0)])
    places = np.arange(len(moved))
    low, high = np.maximum(places - reach, 0), np.minimum(places + reach + 1, len(moved))
    counts = (high - low).reshape(-1, *[1] * (moved.ndim - 1))
    return np.moveaxis((sums[high] - sums[low]) / counts, 0, axis)


def _fold(rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum over all periods, frame by frame of one period, `[frames, bands]`."""
    padded = np.zeros((-len(rest) % _PERIOD + len(rest), BANDS))
    padded[: len(rest)] = rest
    return padded.reshape(-1, _PERIOD, BANDS).sum(axis=0)


def _sync_scores(pattern: Pattern, folded: NDArray[np.float64]) -> NDArray[np.float64]:
    """The correlation with the fixed tiles at each shift in frames, `[frames]`, in standard deviations over the shifts."""
    tiles = np.zeros(SLOTS * BANDS)
    tiles[pattern.sync_tiles] = pattern.sync_chips
    chips = np.repeat(tiles.reshape(SLOTS, BANDS), _FRAMES_A_SLOT, axis=0)
    spectrum = np.fft.rfft(folded, axis=0) * np.conj(np.fft.rfft(chips, axis=0))
    scores = np.fft.irfft(spectrum.sum(axis=1), _PERIOD)
    # The spread of what unmarked sound gives: a robust one over all shifts, of which the right one is a single peak.
    scores -= np.median(scores)
    return scores / (1.4826 * float(np.median(np.abs(scores))) + 1e-9)


def _symbols(pattern: Pattern, folded: NDArray[np.float64]) -> list[int]:
    tiles = folded.reshape(SLOTS, _FRAMES_A_SLOT, BANDS).sum(axis=1).reshape(-1)
    codes = np.array([watermark.walsh(value) for value in range(watermark.CODE_LENGTH)])
    chips = tiles[pattern.symbol_tiles] * pattern.symbol_chips
    return [int(np.argmax(codes @ row)) for row in chips]

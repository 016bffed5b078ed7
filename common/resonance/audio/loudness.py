"""Loudness after ITU-R BS.1770-5: K-weighting, momentary blocks, gated integrated loudness.

numpy alone: the confined decoder, `extract` and `generate` measure with it, and only some of them have SciPy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

# BS.1770-5, annex 1: blocks of 400 ms that overlap by three quarters, an absolute gate, and a relative one below what passed it.
BLOCK_S = 0.4
STEP_S = 0.1
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
_OFFSET_LUFS = -0.691
# The filters' impulse response is cut where less than 1e-6 of it is left: the high-pass at 38 Hz has died away after 0.15 s.
_RESPONSE_S = 0.25
_SEGMENT = 1 << 16

Samples = NDArray[np.float32] | NDArray[np.float64]


class LoudnessMeter:
    """Block powers of a mono signal that comes in pieces; memory does not grow with its length but for one number every 100 ms."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._response = _impulse_response(sample_rate_hz)
        self._size = 1 << (_SEGMENT + len(self._response) - 1).bit_length()
        self._spectrum = np.fft.rfft(self._response, self._size)
        self._tail = np.zeros(len(self._response) - 1)
        self._step = round(STEP_S * sample_rate_hz)
        self._steps: list[float] = []
        self._rest = np.zeros(0)
        self._sample_count = 0

    def add(self, samples: Samples) -> None:
        """Takes in the next samples `[samples]`."""
        for start in range(0, len(samples), _SEGMENT):
            squares = np.square(self._k_weighted(samples[start : start + _SEGMENT]))
            self._sample_count += len(squares)
            squares = np.concatenate([self._rest, squares])
            whole = len(squares) // self._step * self._step
            self._steps += squares[:whole].reshape(-1, self._step).sum(axis=1).tolist()
            self._rest = squares[whole:]

    def block_powers(self) -> NDArray[np.float64]:
        """Mean squares in blocks of 400 ms, one every 100 ms, `[blocks]`; a signal shorter than a block is one block."""
        count = round(BLOCK_S / STEP_S)
        if len(self._steps) < count:
            total = sum(self._steps) + float(self._rest.sum())
            return np.array([total / max(1, self._sample_count)])
        return np.convolve(self._steps, np.ones(count), "valid") / (count * self._step)

    def _k_weighted(self, samples: Samples) -> NDArray[np.float64]:
        """K-weighting by overlap-add over segments."""
        whole = np.fft.irfft(np.fft.rfft(samples, self._size) * self._spectrum, self._size)
        whole = whole[: len(samples) + len(self._tail)]
        whole[: len(self._tail)] += self._tail
        self._tail = whole[len(samples) :].copy()
        return whole[: len(samples)]


def block_powers(samples: Samples, sample_rate_hz: int) -> NDArray[np.float64]:
    """Block powers of whole mono samples `[samples]`; a power `p` is `-0.691 + 10 log10(p)` LUFS."""
    meter = LoudnessMeter(sample_rate_hz)
    meter.add(samples)
    return meter.block_powers()


def to_lufs(power: float) -> float:
    """Loudness of a K-weighted mean square; minus infinity for silence."""
    return _OFFSET_LUFS + 10 * math.log10(power) if power > 0 else -math.inf


def to_power(lufs: float) -> float:
    """The K-weighted mean square of a loudness; 0 for minus infinity."""
    return float(10 ** ((lufs - _OFFSET_LUFS) / 10))


def integrated_lufs(powers: NDArray[np.float64]) -> float:
    """Gated loudness of a whole signal from its block powers; minus infinity where no block passes the absolute gate."""
    loud = powers[powers > to_power(ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return -math.inf
    gate = to_power(to_lufs(float(loud.mean())) + RELATIVE_GATE_LU)
    return to_lufs(float(loud[loud > gate].mean()))


def loudness_lufs(samples: Samples, sample_rate_hz: int) -> float:
    """Integrated loudness of mono samples `[samples]`."""
    return integrated_lufs(block_powers(samples, sample_rate_hz))


def k_weighting_power(frequencies_hz: NDArray[Any], sample_rate_hz: int) -> NDArray[np.float64]:
    """The power response of K-weighting at these frequencies."""
    turns = np.exp(-2j * np.pi * frequencies_hz / sample_rate_hz)
    response = np.ones(len(frequencies_hz))
    for numerator, denominator in (_shelf(sample_rate_hz), _high_pass(sample_rate_hz)):
        ratio = np.polyval(numerator[::-1], turns) / np.polyval(denominator[::-1], turns)
        response = response * (ratio.real**2 + ratio.imag**2)
    return response


def _impulse_response(sample_rate_hz: int) -> NDArray[np.float64]:
    """The two filters of K-weighting in a row: the head's high shelf, then the high-pass (RLB)."""
    impulse = np.zeros(round(_RESPONSE_S * sample_rate_hz))
    impulse[0] = 1.0
    for numerator, denominator in (_shelf(sample_rate_hz), _high_pass(sample_rate_hz)):
        impulse = _biquad(impulse, numerator, denominator)
    return impulse


def _biquad(
    samples: NDArray[np.float64], b: tuple[float, float, float], a: tuple[float, float, float]
) -> NDArray[np.float64]:
    """A second-order filter in direct form I, sample by sample: only ever run over an impulse response."""
    out = np.zeros_like(samples)
    x1 = x2 = y1 = y2 = 0.0
    for index, x0 in enumerate(samples.tolist()):
        y0 = b[0] * x0 + b[1] * x1 + b[2] * x2 - a[1] * y1 - a[2] * y2
        x1, x2, y1, y2 = x0, x1, y0, y1
        out[index] = y0
    return out


def _shelf(sample_rate_hz: int) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """The shelf of +4 dB above 1.7 kHz, from the analogue prototype behind the standard's 48 kHz coefficients (libebur128)."""
    k = math.tan(math.pi * 1681.974450955533 / sample_rate_hz)
    q, gain = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band = gain**0.4996667741545416
    scale = 1 + k / q + k * k
    b = ((gain + band * k / q + k * k) / scale, 2 * (k * k - gain) / scale, (gain - band * k / q + k * k) / scale)
    return b, (1.0, 2 * (k * k - 1) / scale, (1 - k / q + k * k) / scale)


def _high_pass(sample_rate_hz: int) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """The high-pass at 38 Hz, from the same prototype."""
    k = math.tan(math.pi * 38.13547087602444 / sample_rate_hz)
    q = 0.5003270373238773
    scale = 1 + k / q + k * k
    return (1.0, -2.0, 1.0), (1.0, 2 * (k * k - 1) / scale, (1 - k / q + k * k) / scale)

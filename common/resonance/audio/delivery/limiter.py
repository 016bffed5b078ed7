"""Look-ahead limiter on true peaks.

The gain is decided in steps of a millisecond: the least gain that the next milliseconds need, released slowly, and averaged over the
look-ahead. A mean over steps each of which is low enough for the present one is low enough itself, so that no peak passes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from resonance.audio.delivery import true_peak

STEP_S = 0.001
LOOK_AHEAD_STEPS = 5
_RELEASE_S = 0.06
_STEP_MIN = 8


class Limiter:
    """The limiter of `[channels, samples]`. What comes out is a few milliseconds behind what went in."""

    def __init__(self, sample_rate_hz: int, channel_count: int, ceiling_db: float) -> None:
        self._step = max(_STEP_MIN, round(STEP_S * sample_rate_hz))
        self._ceiling = 10 ** (ceiling_db / 20)
        self._keep = math.exp(-self._step / sample_rate_hz / _RELEASE_S)
        self._unmeasured = np.zeros((channel_count, true_peak.REACH))  # context before the first sample is silence
        self._unreleased = np.zeros((channel_count, 0))
        self._needs: list[float] = []  # the gain that each unreleased step needs, as far as it is measured
        self._lows: list[float] = []  # the last steps' gains before they are averaged
        self._gain = 1.0  # at the beginning of the first unreleased step

    def push(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """The samples that are ready."""
        self._unmeasured = np.concatenate([self._unmeasured, samples], axis=1)
        self._unreleased = np.concatenate([self._unreleased, samples], axis=1)
        step_count = (self._unmeasured.shape[1] - 2 * true_peak.REACH) // self._step
        if step_count > 0:
            used = step_count * self._step
            highest = true_peak.peaks(self._unmeasured[:, : used + 2 * true_peak.REACH])
            self._unmeasured = self._unmeasured[:, used:]
            worst = highest.reshape(step_count, self._step).max(axis=1)
            self._needs += np.minimum(1.0, self._ceiling / np.maximum(worst, 1e-9)).tolist()
        return self._release()

    def finish(self) -> NDArray[np.float64]:
        """The samples that are still held back."""
        left = self._unreleased.shape[1]
        padding = (LOOK_AHEAD_STEPS + 3) * self._step + 2 * true_peak.REACH
        return self.push(np.zeros((len(self._unreleased), padding)))[:, :left]

    def _release(self) -> NDArray[np.float64]:
        gains: list[float] = []  # at the boundaries of steps
        count = len(self._needs) - LOOK_AHEAD_STEPS - 1
        if count > 0 and not self._lows:
            self._gain = min(self._needs[: LOOK_AHEAD_STEPS + 1])
            self._lows = [self._gain] * (LOOK_AHEAD_STEPS + 1)
        for index in range(count):
            # The boundary after step `index` holds for both of its sides and for what comes within the look-ahead.
            wanted = min(self._needs[index : index + LOOK_AHEAD_STEPS + 2])
            recovering = 1.0 - (1.0 - self._lows[-1]) * self._keep
            self._lows = [*self._lows[1:], min(wanted, recovering)]
            gains.append(sum(self._lows) / len(self._lows))
        if not gains:
            return self._unreleased[:, :0]
        self._needs = self._needs[count:]
        starts = np.array([self._gain, *gains[:-1]])[:, None]
        ends = np.array(gains)[:, None]
        self._gain = gains[-1]
        ramp = np.arange(self._step) / self._step
        gain = (starts + (ends - starts) * ramp).reshape(-1)
        released = self._unreleased[:, : len(gain)] * gain
        self._unreleased = self._unreleased[:, len(gain) :]
        return released

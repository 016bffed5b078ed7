"""Gain that follows the loudness so far: levels music while it is made.

The loudness is the mean power of the last seconds, gated like an integrated one, with the loudness of an ordinary take as prior.
The gain starts from the first hops, before which nothing is sent. It moves quickly for three seconds and slowly afterwards, so that
the music's own dynamics stay.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from resonance.audio.loudness import BLOCK_S, RELATIVE_GATE_LU, to_lufs, to_power

# The median of takes of the embedded model, and how many seconds of music it weighs as much as.
PRIOR_LUFS, PRIOR_S = -20.0, 0.1
# Hops heard before the first sample is sent: less than the first chunk of a take.
OPENING_HOPS = 9
MEMORY_S = 20.0
FAST_S, FAST_DB_S, SLOW_DB_S = 3.0, 4.0, 1.0
GAIN_DB_MIN, GAIN_DB_MAX = -20.0, 24.0
LOST_DB_MAX = 8.0
_FLOOR_LUFS = -55.0


class CausalGain:
    """The gain of successive hops."""

    def __init__(self, target_lufs: float, sample_rate_hz: int, hop: int) -> None:
        self._target = target_lufs
        self._hop = hop
        self._hop_s = hop / sample_rate_hz
        self._keep = math.exp(-self._hop_s / MEMORY_S)
        self._weight = PRIOR_S
        self._power = PRIOR_S * to_power(PRIOR_LUFS)
        self._time_s = 0.0
        self._block: deque[float] = deque(maxlen=round(BLOCK_S / self._hop_s))  # gates are for blocks of 400 ms
        self._gain_db: float | None = None
        self._limiter_in = self._limiter_out = self._lost_db = 0.0
        self._opening: list[float] = []
        self._held: NDArray[np.float64] | None = None

    def apply(
        self, samples: NDArray[np.float64], powers: Sequence[float], *, is_last: bool = False
    ) -> NDArray[np.float64]:
        """The samples `[channels, samples]` with their gain; one power for each hop of them, the last may be shorter.

        The first OPENING_HOPS are held back until they are all there, or `is_last` says that no more will come.
        """
        if self._gain_db is None:
            self._opening += powers
            self._held = samples if self._held is None else np.concatenate([self._held, samples], axis=1)
            if len(self._opening) < OPENING_HOPS and not is_last:
                return samples[:, :0]
            samples, powers = self._held, self._opening
            self._begin(powers[:OPENING_HOPS])
        gains = []
        for power in powers:
            before = self._gain_db or 0.0
            self._advance(power)
            gains.append(10 ** (np.linspace(before, self._gain_db or 0.0, self._hop, endpoint=False) / 20))
        return samples * np.concatenate(gains)[: samples.shape[1]] if gains else samples

    def make_up(self, power_in: float, power_out: float) -> None:
        """Learns what the limiter behind the gain takes away, of which up to LOST_DB_MAX is made up for."""
        self._limiter_in = self._limiter_in * self._keep + power_in
        self._limiter_out = self._limiter_out * self._keep + power_out
        if 0 < self._limiter_out < self._limiter_in:
            self._lost_db = min(LOST_DB_MAX, 10 * math.log10(self._limiter_in / self._limiter_out))

    def _begin(self, powers: Sequence[float]) -> None:
        """The gain for the loudness of the first hops, and of an ordinary take."""
        heard = [power for power in powers if to_lufs(power) > _FLOOR_LUFS]
        weight = PRIOR_S + len(heard) * self._hop_s
        self._gain_db = self._wanted((self._power + sum(heard) * self._hop_s) / weight)

    def _advance(self, power: float) -> None:
        assert self._gain_db is not None
        self._block.append(power)
        power = sum(self._block) / len(self._block)
        mean = to_lufs(self._power / self._weight)
        if to_lufs(power) > max(_FLOOR_LUFS, mean + RELATIVE_GATE_LU):
            self._power = self._power * self._keep + power * self._hop_s
            self._weight = self._weight * self._keep + self._hop_s
        wanted = self._wanted(self._power / self._weight)
        step = (FAST_DB_S if self._time_s < FAST_S else SLOW_DB_S) * self._hop_s
        self._gain_db += min(step, max(-step, wanted - self._gain_db))
        self._time_s += self._hop_s

    def _wanted(self, power: float) -> float:
        return min(GAIN_DB_MAX, max(GAIN_DB_MIN, self._target + self._lost_db - to_lufs(power)))

"""Rests of a clip: long silence, left out before reading.

A model hears silence as music of its own kind, so that a pause within a clip would change the clip's mean state.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resonance.audio.loudness import BLOCK_S, STEP_S, to_power

# A track is levelled to -20 LUFS before its clips are cut: this is far below the 20 LU down to which blocks count as music.
REST_LUFS = -50.0
REST_S_MIN = 2.0
_LEFT_S_MIN = 1.0


def without_rests(
    samples: NDArray[np.float32], powers: NDArray[np.float64], sample_rate_hz: int
) -> NDArray[np.float32]:
    """The samples `[samples]` without their rests; all of them where less than a second would be left.

    `powers` are the block powers of the samples (`loudness.block_powers`). A rest is a run of blocks below REST_LUFS that lasts
    REST_S_MIN or longer.
    """
    kept = np.ones(len(samples), bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], powers <= to_power(REST_LUFS), [False]])))
    for first, end in edges.reshape(-1, 2):
        start_s, end_s = first * STEP_S, (end - 1) * STEP_S + BLOCK_S
        if end_s - start_s >= REST_S_MIN:
            kept[round(start_s * sample_rate_hz) : round(end_s * sample_rate_hz)] = False
    return samples[kept] if kept.sum() >= _LEFT_S_MIN * sample_rate_hz else samples

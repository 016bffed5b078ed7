"""Audibility of the watermark: Frechet distance and quality gates, with it and without it.

No ear has judged it. What is measured is whether the features that tell renderings apart move, and whether a gate of calibration fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import soxr
from model.training.listener import features
from numpy.typing import NDArray

from resonance.audio.delivery.master import Mastering, master_kept
from resonance_extract.calibration.frechet import frechet_ratio
from resonance_extract.calibration.quality import failed_gates
from resonance_extract.calibration.quality import measure as measure_quality

from .marks import PAYLOAD

_FEATURES_HZ = 16_000


def measure(takes: Sequence[bytes], rate_hz: int) -> dict[str, Any]:
    """The distance of marked takes from other takes, over that of the same takes unmarked, in decibels; and the gates that fail.

    Two halves of the takes serve in turn as the marked ones and as the others. 0 dB means that the mark moves nothing; `by_chance_db` is
    the same figure of the unmarked half against the other's two quarters, which no mark tells apart.
    """
    plain = [_rendered(pcm, rate_hz, None) for pcm in takes]
    marked = [_rendered(pcm, rate_hz, PAYLOAD) for pcm in takes]
    before, after = _clips(plain, rate_hz), _clips(marked, rate_hz)
    halves = [np.arange(len(takes)) % 2 == side for side in (0, 1)]
    ratios = [frechet_ratio(after[half], before[half], before[~half]) for half in halves]
    quarters = [np.arange(len(takes)) % 4 == side for side in range(4)]
    chance = [
        frechet_ratio(before[quarters[one]], before[quarters[other]], before[halves[1 - one % 2]])
        for one, other in ((0, 2), (2, 0), (1, 3), (3, 1))
    ]
    fails = [
        name
        for one, other in zip(plain, marked, strict=True)
        for name in failed_gates(
            measure_quality(other, one, sample_rate_hz=rate_hz), measure_quality(one, one, sample_rate_hz=rate_hz)
        )
    ]
    gaps = [
        measure_quality(other, one, sample_rate_hz=rate_hz).distance_db
        for one, other in zip(plain, marked, strict=True)
    ]
    return {
        "takes": len(takes),
        "frechet_db": [_to_db(ratio) for ratio in ratios],
        "frechet_by_chance_db": [_to_db(ratio) for ratio in chance],
        "failed_gates": fails,
        "spectrum_gap_db": {"median": float(np.median(gaps)), "most": float(max(gaps))},
    }


def _rendered(pcm: bytes, rate_hz: int, payload: bytes | None) -> NDArray[np.float32]:
    kept = master_kept(pcm, Mastering(watermark_payload=payload), sample_rate_hz=rate_hz, channel_count=1)
    return kept[0].astype(np.float32)


def _clips(renderings: Sequence[NDArray[np.float32]], rate_hz: int) -> NDArray[np.float64]:
    at_rate = [one if rate_hz == _FEATURES_HZ else soxr.resample(one, rate_hz, _FEATURES_HZ) for one in renderings]
    return np.stack([features(np.asarray(one, np.float32)) for one in at_rate]).astype(np.float64)


def _to_db(ratio: float) -> float:
    return float(10 * np.log10(max(ratio, 1e-9)))

"""Turns of a song: the moments at which its sound changes for seconds, to within a frame; they lie on bars."""

from __future__ import annotations

import numpy as np

from resonance_video.listening.features import FEATURE_RATE_HZ, Features, Wide

_CONTEXTS_S = (1.5, 3.0)
_APART_S = 2.5
_MOST = 14
_SHARE_MIN = 0.30
_FIRST_SHARE = 0.02
# A frame hears half a window ahead.
_WINDOW_LAG_S = 0.03
_AT_ONCE = 3


def find_turns(features: Features) -> tuple[Wide, Wide]:
    """Times in seconds and weights from 0 to 1 of the strongest changes of timbre and harmony between the seconds before and after."""
    total = np.zeros(features.frame_count)
    for context_s in _CONTEXTS_S:
        width = round(context_s * FEATURE_RATE_HZ)
        if 2 * width >= features.frame_count:
            continue
        total += change_between(features.mel, width) / np.sqrt(features.mel.shape[1])
        total += 1.5 * change_between(features.chroma, width)
    at, weights = _strongest(total)
    return at / FEATURE_RATE_HZ, weights


def first_sound_s(features: Features) -> float | None:
    """When the song's first sound begins, if it begins at once and not out of silence by and by: songs mostly begin on a bar."""
    loud = np.flatnonzero(features.level > _FIRST_SHARE * float(np.percentile(features.level, 90)))
    if not len(loud):
        return None
    first = int(loud[0])
    return first / FEATURE_RATE_HZ + _WINDOW_LAG_S if first > _AT_ONCE else 0.0


def change_between(values: Wide, width: int) -> Wide:
    """For each frame the distance between the means of the frames before and from it; zero where there are fewer than `width`."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    change = np.zeros(len(values))
    at = np.arange(width, len(values) - width)
    if len(at):
        change[at] = np.linalg.norm(sums[at + width] - 2 * sums[at] + sums[at - width], axis=1) / width
    return change


def _strongest(total: Wide) -> tuple[Wide, Wide]:
    top = float(total.max(initial=0.0))
    chosen: list[int] = []
    apart = round(_APART_S * FEATURE_RATE_HZ)
    left = total.copy()
    while len(chosen) < _MOST and top > 1e-6:
        at = int(np.argmax(left))
        if left[at] < _SHARE_MIN * top:
            break
        chosen.append(at)
        left[max(0, at - apart) : at + apart] = 0
    return np.array(chosen, dtype=np.float64), np.array([total[at] / top for at in chosen])

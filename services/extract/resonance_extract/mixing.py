"""Which clips count how much: the three ways of mixing a playlist into one mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resonance.errors import InvalidInput
from resonance.v1 import steering_pb2
from resonance_extract.statistics import TrackStatistics

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedTrack:
    """A track's statistics with its place in the playlist."""

    index: int
    statistics: TrackStatistics


def clip_weights(
    tracks: Sequence[IndexedTrack], options: steering_pb2.TasteOptions, *, repeats: frozenset[int] = frozenset()
) -> list[Array]:
    """Weights of every track's clips; all of them add up to 1, and every track that counts at all counts alike.

    `repeats` are the indices of tracks that do not count, for they are the same music as another one.

    Raises:
        InvalidInput: the options select nothing, or are not whole.
    """
    if options.mix_mode == steering_pb2.MIX_MODE_TIME_SELECT:
        raw = [_selected(track, options.ranges) for track in tracks]
    elif options.mix_mode == steering_pb2.MIX_MODE_ATTENTION_WEIGHTED:
        temperature = options.attention_temperature if options.HasField("attention_temperature") else 1.0
        raw = [_attended(track.statistics, temperature) for track in tracks]
    else:
        raw = [np.ones(len(track.statistics.rms)) for track in tracks]
    raw = [
        np.zeros_like(weights) if track.index in repeats else weights
        for track, weights in zip(tracks, raw, strict=True)
    ]
    counted = sum(bool(weights.any()) for weights in raw)
    if counted == 0:
        raise InvalidInput("the selected seconds contain no music of this playlist", reason="NOTHING_SELECTED")
    return [weights / weights.sum() / counted if weights.any() else weights for weights in raw]


def mixed_mean(tracks: Sequence[IndexedTrack], weights: Sequence[Array]) -> NDArray[np.float32]:
    """The weighted mean of all clips' means, `[layers, hidden]`."""
    total = sum(
        np.tensordot(weight, track.statistics.means.astype(np.float64), axes=1)
        for track, weight in zip(tracks, weights, strict=True)
    )
    return np.asarray(total, dtype=np.float32)


def split_half_cosine(
    tracks: Sequence[IndexedTrack], weights: Sequence[Array], baseline: NDArray[np.float32] | None
) -> float | None:
    """The cosine between the directions of every other clip and of the rest, mean over layers; None with fewer than two clips.

    Halves are drawn over the playlist's clips in order, `baseline` `[layers, hidden]` is what a direction is taken against.
    """
    means = np.concatenate([track.statistics.means for track in tracks]).astype(np.float64)
    shares = np.concatenate(weights)
    means, shares = means[shares > 0], shares[shares > 0]
    if len(means) < 2:
        return None
    halves = []
    for half in (slice(0, None, 2), slice(1, None, 2)):
        mean = np.tensordot(shares[half] / shares[half].sum(), means[half], axes=1)
        halves.append(mean if baseline is None else mean - baseline)
    one, other = halves
    products = (one * other).sum(axis=1)
    return float((products / (np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1) + 1e-12)).mean())


def _selected(track: IndexedTrack, ranges: Sequence[steering_pb2.TrackRange]) -> Array:
    """The seconds of each clip that lie in the track's ranges."""
    weights = np.zeros(len(track.statistics.rms))
    for stretch in ranges:
        if stretch.track_index == track.index:
            overlap = np.minimum(track.statistics.ends_s, stretch.end_s) - np.maximum(
                track.statistics.starts_s, stretch.start_s
            )
            weights += np.maximum(overlap, 0.0)
    return weights


def _attended(statistics: TrackStatistics, temperature: float) -> Array:
    """Softmax of a chorus score: how much of the track repeats the clip, and how loud it is, both as z-scores.

    Repetition is the mean cosine between the clip and the track's other clips after the track's own mean is taken away, over all layers
    (a self-similarity matrix in the manner of Foote 1999).
    """
    count = len(statistics.rms)
    if count == 1:
        return np.ones(1)
    states = statistics.means.astype(np.float64).reshape(count, -1)
    states = states - states.mean(axis=0)
    states /= np.maximum(np.linalg.norm(states, axis=1, keepdims=True), 1e-9)
    similarity = np.where(np.eye(count, dtype=bool), 0.0, np.maximum(states @ states.T, 0.0))
    score = (
        _standard(similarity.sum(axis=1)) + _standard(np.log(statistics.rms.astype(np.float64) + 1e-6))
    ) / temperature
    weights: Array = np.exp(score - score.max())
    return weights


def _standard(values: Array) -> Array:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 1e-9 else np.zeros_like(values)

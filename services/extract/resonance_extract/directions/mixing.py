"""Which clips count how much: the three ways of mixing a playlist into one mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resonance.errors import InvalidInput
from resonance.v1 import steering_pb2
from resonance_extract.activations.statistics import TrackStatistics

Array = NDArray[np.float64]
STARS_UNRATED = 3
_NOVELTY_CLIPS = 2  # on each side: 16 s at hops of 8 s, about the length of a section's half


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedTrack:
    """A track's statistics with its place in the playlist."""

    index: int
    statistics: TrackStatistics


def clip_weights(
    tracks: Sequence[IndexedTrack], options: steering_pb2.TasteOptions, *, repeats: frozenset[int] = frozenset()
) -> list[Array]:
    """Weights of every track's clips; all of them add up to 1, and every track that counts at all counts by its stars, or alike.

    `time_select` counts a clip by its length, for each was cut from a chosen range alone, and a range may be shorter than a clip.

    `repeats` are the indices of tracks that do not count, for they are the same music as another one.

    Raises:
        InvalidInput: the options select nothing, or are not whole.
    """
    if options.mix_mode == steering_pb2.MIX_MODE_TIME_SELECT:
        raw = [(track.statistics.ends_s - track.statistics.starts_s).astype(np.float64) for track in tracks]
    elif options.mix_mode == steering_pb2.MIX_MODE_ATTENTION_WEIGHTED:
        temperature = options.attention_temperature if options.HasField("attention_temperature") else 1.0
        raw = [_attended(track.statistics, temperature) for track in tracks]
    else:
        raw = [np.ones(len(track.statistics.rms)) for track in tracks]
    raw = [
        np.zeros_like(weights) if track.index in repeats else weights
        for track, weights in zip(tracks, raw, strict=True)
    ]
    stars = [
        track_stars(options, track.index) if weights.any() else 0 for track, weights in zip(tracks, raw, strict=True)
    ]
    if sum(stars) == 0:
        raise InvalidInput("no track of this playlist counts", reason="NOTHING_SELECTED")
    return [
        weights / weights.sum() / (sum(stars) / own) if own else weights
        for weights, own in zip(raw, stars, strict=True)
    ]


def track_stars(options: steering_pb2.TasteOptions, track_index: int) -> int:
    """What a track is worth, from 1 to 5; the middle where nobody has rated it."""
    return (options.stars[track_index] if track_index < len(options.stars) else 0) or STARS_UNRATED


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


def _attended(statistics: TrackStatistics, temperature: float) -> Array:
    """Softmax of a score: how much of the track repeats the clip, how much begins with it, and how loud it is, all as z-scores.

    Similarity is the cosine between clips after the track's own mean is taken away, over all layers: the self-similarity matrix of Foote
    (1999). Repetition is the sum of a clip's positive similarities with the track's other clips.
    """
    count = len(statistics.rms)
    if count == 1:
        return np.ones(1)
    states = statistics.means.astype(np.float64).reshape(count, -1)
    states = states - states.mean(axis=0)
    states /= np.maximum(np.linalg.norm(states, axis=1, keepdims=True), 1e-9)
    similarity = np.where(np.eye(count, dtype=bool), 0.0, states @ states.T)
    repetition = np.maximum(similarity, 0.0).sum(axis=1)
    loudness = np.log(statistics.rms.astype(np.float64) + 1e-6)
    score = (_standard(repetition) + _standard(novelty_curve(similarity)) + _standard(loudness)) / temperature
    weights: Array = np.exp(score - score.max())
    return weights


def novelty_curve(similarity: Array) -> Array:
    """How much begins with each clip, `[clips]`, from their similarities `[clips, clips]` without the diagonal.

    The checkerboard kernel of Foote ("Automatic audio segmentation using a measure of audio novelty", ICME 2000) along the diagonal, with
    his Gaussian taper and two clips on each side: what lies before is like itself, what begins is like itself, and the two are unlike. Its
    black and its white squares are means of their own, so that a track's ends, where less of them lies inside, compare with its middle. The
    first clip, before which nothing is, has the mean of the others.
    """
    count = len(similarity)
    offsets = np.arange(-_NOVELTY_CLIPS, _NOVELTY_CLIPS) + 0.5
    taper = np.exp(-0.5 * np.square(offsets / (_NOVELTY_CLIPS / 2))) * np.sign(offsets)
    kernel = np.outer(taper, taper) * (1 - np.eye(2 * _NOVELTY_CLIPS))
    novelty = np.zeros(count)
    for clip in range(1, count):
        low, high = max(0, clip - _NOVELTY_CLIPS), min(count, clip + _NOVELTY_CLIPS)
        inside = slice(low - clip + _NOVELTY_CLIPS, high - clip + _NOVELTY_CLIPS)
        novelty[clip] = _checkered(kernel[inside, inside], similarity[low:high, low:high])
    novelty[0] = novelty[1:].mean()
    return novelty


def _checkered(kernel: Array, similarity: Array) -> float:
    """The weighted mean of similarity where the kernel is positive, less that where it is negative."""
    alike, unlike = np.maximum(kernel, 0.0), np.maximum(-kernel, 0.0)
    within = (alike * similarity).sum() / max(float(alike.sum()), 1e-12)
    return float(within - (unlike * similarity).sum() / unlike.sum())


def _standard(values: Array) -> Array:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 1e-9 else np.zeros_like(values)

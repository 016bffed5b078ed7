"""Clip weights of a playlist, and their weighted mean.

Clips weigh by their new seconds of music, or by attention as well; `time_select` is decided where clips are cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from resonance.errors import InvalidInput
from resonance_extract.directions.statistics import TrackStatistics

Array = NDArray[np.float64]
STARS_UNRATED = 3
_NOVELTY_CLIPS = 2  # on each side: 16 s at hops of 8 s, about the length of a section's half


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedTrack:
    """A track's statistics with its place in the playlist."""

    index: int
    statistics: TrackStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """The way in which clips are weighted.

    A clip counts by the seconds of music that are new in it (`TrackStatistics.music_s`); with `attention` this is multiplied by a
    softmax of `temperature`. `stars` rate tracks from 1 to 5 in the playlist's order; 0, and a track beyond the list, is not rated.
    """

    weigh_by: Literal["seconds", "attention"] = "seconds"
    temperature: float = 1.0
    stars: tuple[int, ...] = ()

    def rate(self, track_index: int) -> int:
        """The stars of a track; a track without a rating has the middle."""
        return (self.stars[track_index] if track_index < len(self.stars) else 0) or STARS_UNRATED


def clip_weights(tracks: Sequence[IndexedTrack], mix: Mix, *, repeats: frozenset[int] = frozenset()) -> list[Array]:
    """Weights of every track's clips. All of them add up to 1, and the weights of a track add up in proportion to its stars.

    `repeats` are the indices of tracks that do not count, because they are the same music as another one.

    Raises:
        InvalidInput: no track counts (NOTHING_SELECTED).
    """
    raw = [
        np.zeros(len(track.statistics.rms)) if track.index in repeats else _weigh(track.statistics, mix)
        for track in tracks
    ]
    stars = [mix.rate(track.index) if weights.any() else 0 for track, weights in zip(tracks, raw, strict=True)]
    if sum(stars) == 0:
        raise InvalidInput("no track of this playlist counts", reason="NOTHING_SELECTED")
    return [
        weights / weights.sum() / (sum(stars) / own) if own else weights
        for weights, own in zip(raw, stars, strict=True)
    ]


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
    """The cosine between the directions of the odd and of the even clips, mean over layers; None with fewer than two clips.

    The clips are split in the playlist's order. `baseline` `[layers, hidden]` is subtracted from each half's mean.
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


def _weigh(statistics: TrackStatistics, mix: Mix) -> Array:
    """Weights of one track's clips before they are normalised, `[clips]`."""
    seconds = statistics.music_s.astype(np.float64)
    if mix.weigh_by == "attention":
        return seconds * _attention_weights(statistics, mix.temperature)
    return seconds


def _attention_weights(statistics: TrackStatistics, temperature: float) -> Array:
    """Softmax of the sum of three z-scores of each clip: repetition, novelty and level.

    Similarity is the cosine between clips over all layers, less the track's mean: the self-similarity matrix of Foote (1999). Repetition is
    the sum of a clip's positive similarities with the track's other clips.
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
    """Novelty of each clip, `[clips]`, from the similarities `[clips, clips]` without the diagonal. It is high where a section begins.

    Foote's checkerboard kernel ("Automatic audio segmentation using a measure of audio novelty", ICME 2000) runs along the diagonal, with
    his Gaussian taper and two clips on each side. It compares the similarity within the clips before and after with the similarity across
    them. Black and white squares are averaged apart, so that a track's ends, where the kernel is cut, compare with its middle. The first
    clip has no clip before it, and gets the mean of the others.
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

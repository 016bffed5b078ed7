"""Layer scan of a taste: held-out AUC per layer.

The AUC is between the taste's songs and the reference's pieces.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resonance.store import ObjectStore
from resonance.v1 import extract_pb2, steering_pb2
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.tracks import TrackCache, parse_sound_id
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.directions.layer_scores import best_layers
from resonance_extract.tastes.mixes import is_contrast

Array = NDArray[np.float64]
TRACKS_MIN = 2
PIECES_MIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedLayers:
    """Scores of all layers, their basis in plain words, the best three layers, best first, and the tag of the reference."""

    scores: tuple[extract_pb2.LayerScore, ...]
    basis: str
    best: tuple[int, ...]
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TasteSong:
    """One song's clips in a taste: their means `[clips, layers, hidden]` and weights `[clips]`, all above zero."""

    means: Array
    weights: Array


class LayerScanner:
    """Scores the layers of stored tastes, from the statistics of their tracks and the pieces of the reference in force."""

    def __init__(self, worker: ActivationWorker, store: ObjectStore, references: ReferenceStore) -> None:
        self._sample_rate_hz = worker.model.description.sample_rate_hz
        self._cache = TrackCache(store, model_digest=worker.model.description.digest)
        self._references = references

    async def scan(self, taste: steering_pb2.TasteSummary) -> ScannedLayers:
        """Scores all layers by held-out AUC, or by the norms of the taste's difference where nothing can be held out."""
        songs, reference = await self._load_songs(taste), await self._references.get()
        pieces = reference.pieces
        if songs is None:
            return by_norm(taste.layer_norms, "the statistics of its tracks are gone")
        if len(songs) < TRACKS_MIN:
            return by_norm(taste.layer_norms, "a taste of one song leaves none to hold out")
        if len(pieces) < PIECES_MIN:
            return by_norm(taste.layer_norms, "the reference has too few pieces to tell it from")
        auc, separation = await asyncio.to_thread(
            held_out, songs, pieces.astype(np.float64), is_contrast=is_contrast(taste.options)
        )
        scores = _scores(taste.layer_norms, auc=auc, separation=separation)
        basis = f"held-out AUC of {len(songs)} songs against {len(pieces)} pieces of the reference"
        return ScannedLayers(scores=scores, basis=basis, best=tuple(best_layers(scores)), reference=reference.tag)

    async def _load_songs(self, taste: steering_pb2.TasteSummary) -> list[TasteSong] | None:
        """The songs that count, with the same music as one song; None where a track's statistics are gone."""
        parts: dict[str, list[TasteSong]] = {}
        for track in taste.tracks:
            weights = np.asarray(track.clip_weights, dtype=np.float64)
            if not weights.any():
                continue
            found = await self._cache.find(parse_sound_id(track, self._sample_rate_hz))
            if found is None:
                return None
            counted = weights > 0
            song = TasteSong(means=found.means[counted].astype(np.float64), weights=weights[counted])
            parts.setdefault(track.sha256, []).append(song)
        return [
            TasteSong(
                means=np.concatenate([song.means for song in songs]),
                weights=np.concatenate([song.weights for song in songs]),
            )
            for songs in parts.values()
        ]


def held_out(songs: Sequence[TasteSong], pieces: Array, *, is_contrast: bool) -> tuple[Array, Array]:
    """AUC and separation of each layer, `[layers]`, for pieces `[pieces, layers, hidden]`.

    Leave-pair-out (Airola et al., Computational Statistics & Data Analysis 55, 2011): each song is compared with each piece along the
    difference between the means of the other songs and of the other pieces, before any whitening. So neither has a part in the direction
    that scores it. The AUC is the share of the song's clips that lie higher than the piece, ties counting half, mean over pieces and songs:
    0.5 is chance. The separation is the mean of these margins in their standard deviations, times the root of 2, which is d' where both
    sides vary alike. Without `is_contrast` the direction is the mean of the other songs alone.
    """
    total = sum(np.tensordot(song.weights, song.means, axes=1) for song in songs)
    weight = sum(float(song.weights.sum()) for song in songs)
    rest = (pieces.sum(axis=0) - pieces) / (len(pieces) - 1) * float(is_contrast)
    shares, margins = [], []
    for song in songs:
        others = (total - np.tensordot(song.weights, song.means, axes=1)) / (weight - float(song.weights.sum()))
        found = [_margins(song.means[:, at], pieces[:, at], others[at] - rest[:, at]) for at in range(pieces.shape[1])]
        shares.append([float((one > 0).mean() + 0.5 * (one == 0).mean()) for one in found])
        margins.append([(float(one.mean()), float(np.square(one).mean())) for one in found])
    mean, square = np.mean(margins, axis=0).T
    spread = np.sqrt(np.maximum(square - np.square(mean), 1e-12))
    return np.mean(shares, axis=0), np.clip(np.sqrt(2) * mean / spread, -100.0, 100.0)


def by_norm(norms: Sequence[float], why: str) -> ScannedLayers:
    """Ranks the layers by the size of the taste's difference, which does not measure how the taste differs from other music."""
    order = sorted(range(len(norms)), key=lambda layer: -norms[layer])
    basis = f"norms, for nothing could be held out: {why}"
    return ScannedLayers(scores=_scores(norms), basis=basis, best=tuple(order[:3]))


def _margins(clips: Array, pieces: Array, directions: Array) -> Array:
    """Margins of each clip over each piece along the piece's own unit direction, `[clips, pieces]`."""
    units = directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-9)
    found: Array = clips @ units.T - (pieces * units).sum(axis=1)
    return found


def _scores(
    norms: Sequence[float],
    *,
    auc: Array | None = None,
    separation: Array | None = None,
) -> tuple[extract_pb2.LayerScore, ...]:
    return tuple(
        extract_pb2.LayerScore(
            layer=layer,
            auc=0.5 if auc is None else float(auc[layer]),
            norm=float(norm),
            separation=0.0 if separation is None else float(separation[layer]),
        )
        for layer, norm in enumerate(norms)
    )

"""Stored tastes: kept whole, and mixed again from what their tracks gave where a vector is damaged or gone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
from google.protobuf import json_format
from numpy.typing import NDArray

from resonance.errors import DataLoss, NotFound
from resonance.ids import sha256_hex
from resonance.steering.direction import Direction
from resonance.store import ObjectStore
from resonance.store.keys import taste_calibration_key, taste_key
from resonance.v1 import extract_pb2, steering_pb2
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.statistics import Reference
from resonance_extract.activations.tracks import TrackCache, parse_sound_id
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.calibration.quality import Levels
from resonance_extract.directions.mixing import IndexedTrack, mixed_mean
from resonance_extract.directions.scaling import build_direction
from resonance_extract.directions.whitening import diagonal, shrunk

_WHITENINGS = {steering_pb2.WHITENING_DIAGONAL: diagonal, steering_pb2.WHITENING_SHRUNK: shrunk}


class TasteStore:
    """Stored tastes. A taste whose vector is damaged or gone is mixed again from what its tracks gave."""

    def __init__(self, ear: ActivationWorker, store: ObjectStore, shelf: ReferenceStore) -> None:
        self._ear = ear
        self._store = store
        self._shelf = shelf
        self._cache = TrackCache(store, model_digest=ear.model.description.digest)

    async def whole(self, taste_id: str) -> steering_pb2.TasteSummary:
        """The stored taste, with its vector checked, and mended where it must be.

        Raises:
            NotFound: there is no such taste.
            DataLoss: it cannot be mended: its description, or what its tracks gave, is damaged too.
        """
        summary = await self.get(taste_id)
        is_ours = summary.model_digest == self._ear.model.description.digest
        if not is_ours or not summary.vector_key or await self._has_vector(summary):
            return summary
        rate = self._ear.model.description.sample_rate_hz
        found = [
            IndexedTrack(index=index, statistics=statistics)
            for index, track in enumerate(summary.tracks)
            if (statistics := await self._cache.find(parse_sound_id(track, rate))) is not None
        ]
        if len(found) == len(summary.tracks):
            reference = await self._shelf.get()
            weights = [np.asarray(track.clip_weights) for track in summary.tracks]
            digest = self._ear.model.description.digest
            _, direction = await mixed(found, weights, reference, summary.options, model_digest=digest)
            data = direction.to_bytes()
            if sha256_hex(data) == summary.vector_sha256:
                await self._store.put(summary.vector_key, data)
                return summary
        raise DataLoss(f"the vector of taste {taste_id} is damaged; make the taste again", reason="VECTOR_DAMAGED")

    async def _has_vector(self, summary: steering_pb2.TasteSummary) -> bool:
        try:
            return (await self._store.get(summary.vector_key)).sha256 == summary.vector_sha256
        except (NotFound, DataLoss):
            return False

    async def get(self, taste_id: str) -> steering_pb2.TasteSummary:
        """The stored taste. Raises NotFound."""
        try:
            stored = await self._store.get(taste_key(taste_id))
        except NotFound as failure:
            raise NotFound(f"there is no taste {taste_id}", reason="NO_SUCH_TASTE") from failure
        return json_format.Parse(stored.data, steering_pb2.TasteSummary())

    async def calibration(self, taste_id: str) -> extract_pb2.Calibration | None:
        """The safe range that was measured of this very vector; None where nobody has, or it is damaged. Raises NotFound."""
        taste = await self.get(taste_id)
        try:
            stored = await self._store.get(taste_calibration_key(taste_id, taste.vector_sha256))
        except (NotFound, DataLoss):
            return None
        return json_format.Parse(stored.data, extract_pb2.Calibration())

    async def levels(self, taste: steering_pb2.TasteSummary) -> Levels | None:
        """How quiet and how loud the taste's tracks are; None where what one of them gave is not kept any more."""
        found, rate = [], self._ear.model.description.sample_rate_hz
        for track in taste.tracks:
            weights = np.asarray(track.clip_weights)
            if not weights.any():
                continue
            heard = await self._cache.find(parse_sound_id(track, rate))
            if heard is None:
                return None
            found.append(float(np.sqrt(np.average(np.square(heard.rms, dtype=np.float64), weights=weights))))
        return Levels(quietest=min(found), loudest=max(found)) if found else None

    async def delete(self, taste_id: str) -> None:
        """Removes the taste; its vector and tracks stay, for other playlists may share them. Raises NotFound."""
        await self.get(taste_id)
        await self._store.delete(taste_key(taste_id))


async def mixed(
    tracks: Sequence[IndexedTrack],
    weights: Sequence[NDArray[np.float64]],
    reference: Reference,
    options: steering_pb2.TasteOptions,
    *,
    model_digest: str,
) -> tuple[NDArray[np.float32], Direction]:
    """The difference that the tracks make, `[layers, hidden]`, and the taste's direction, as the options want them."""
    is_contrast = options.direction_kind != steering_pb2.DIRECTION_KIND_MEAN
    difference = mixed_mean(tracks, weights) - (reference.mean if is_contrast else np.float32(0.0))
    return difference, await asyncio.to_thread(_direction, difference, reference, options.whitening, model_digest)


def _direction(
    difference: NDArray[np.float32], reference: Reference, whitening: steering_pb2.Whitening, model_digest: str
) -> Direction:
    whiten = _WHITENINGS.get(whitening)
    weighed = difference if whiten is None else whiten(difference, reference)
    return build_direction(weighed, reference, model_digest=model_digest)

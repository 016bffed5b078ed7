"""Stored tastes: summaries with checked vectors, safe ranges and levels."""

from __future__ import annotations

import numpy as np
from google.protobuf import json_format

from resonance.errors import DataLoss, NotFound
from resonance.ids import sha256_hex
from resonance.store import ObjectStore
from resonance.store.keys import taste_calibration_key, taste_key
from resonance.v1 import extract_pb2, steering_pb2
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.tracks import TrackCache, parse_sound_id
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.directions.mixing import IndexedTrack
from resonance_extract.directions.statistics import Levels, TrackStatistics
from resonance_extract.tastes.mixes import mix_direction


class TasteStore:
    """The stored tastes. A vector that is damaged or gone is mixed again from the statistics of its tracks."""

    def __init__(self, worker: ActivationWorker, store: ObjectStore, references: ReferenceStore) -> None:
        self._description = worker.model.description
        self._store = store
        self._references = references
        self._cache = TrackCache(store, model_digest=self._description.digest)

    async def get(self, taste_id: str) -> steering_pb2.TasteSummary:
        """The stored taste. Raises NotFound."""
        try:
            stored = await self._store.get(taste_key(taste_id))
        except NotFound as failure:
            raise NotFound(f"there is no taste {taste_id}", reason="NO_SUCH_TASTE") from failure
        return json_format.Parse(stored.data, steering_pb2.TasteSummary())

    async def get_checked(self, taste_id: str) -> steering_pb2.TasteSummary:
        """The stored taste, after its vector was checked and, where needed, mixed again.

        Raises:
            NotFound: there is no such taste.
            DataLoss: the vector cannot be mixed again, because the description or the statistics of a track are damaged too.
        """
        summary = await self.get(taste_id)
        is_ours = summary.model_digest == self._description.digest
        if not is_ours or not summary.vector_key or await self._has_vector(summary):
            return summary
        data = await self._mix_again(summary)
        if data is None or sha256_hex(data) != summary.vector_sha256:
            raise DataLoss(f"the vector of taste {taste_id} is damaged; make the taste again", reason="VECTOR_DAMAGED")
        await self._store.put(summary.vector_key, data)
        return summary

    async def calibration(self, taste_id: str) -> extract_pb2.Calibration | None:
        """The safe range of the taste's present vector; None where it was not measured, or is damaged. Raises NotFound."""
        taste = await self.get(taste_id)
        try:
            stored = await self._store.get(taste_calibration_key(taste_id, taste.vector_sha256))
        except (NotFound, DataLoss):
            return None
        return json_format.Parse(stored.data, extract_pb2.Calibration())

    async def levels(self, taste: steering_pb2.TasteSummary) -> Levels | None:
        """The levels of the tracks that count; None where the statistics of one of them are gone."""
        found = []
        for track in taste.tracks:
            weights = np.asarray(track.clip_weights)
            if not weights.any():
                continue
            statistics = await self._find_statistics(track)
            if statistics is None:
                return None
            found.append(float(np.sqrt(np.average(np.square(statistics.rms, dtype=np.float64), weights=weights))))
        return Levels(quietest=min(found), loudest=max(found)) if found else None

    async def delete(self, taste_id: str) -> None:
        """Removes the taste. Its vector and tracks stay, because other playlists may share them. Raises NotFound."""
        await self.get(taste_id)
        await self._store.delete(taste_key(taste_id))

    async def _has_vector(self, summary: steering_pb2.TasteSummary) -> bool:
        try:
            return (await self._store.get(summary.vector_key)).sha256 == summary.vector_sha256
        except (NotFound, DataLoss):
            return False

    async def _mix_again(self, summary: steering_pb2.TasteSummary) -> bytes | None:
        """The vector's bytes; None where the statistics of a track are gone."""
        tracks = []
        for index, track in enumerate(summary.tracks):
            statistics = await self._find_statistics(track)
            if statistics is None:
                return None
            tracks.append(IndexedTrack(index=index, statistics=statistics))
        weights = [np.asarray(track.clip_weights) for track in summary.tracks]
        reference, digest = await self._references.get(), self._description.digest
        _, direction = await mix_direction(tracks, weights, reference, summary.options, model_digest=digest)
        return direction.to_bytes()

    async def _find_statistics(self, track: steering_pb2.TasteTrack) -> TrackStatistics | None:
        return await self._cache.find(parse_sound_id(track, self._description.sample_rate_hz))

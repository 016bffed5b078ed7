"""Stored music: pieces of taste tracks and takes, with statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from google.protobuf import json_format
from numpy.typing import NDArray

from resonance.errors import FailedPrecondition, InvalidInput, NotFound, invalid_field
from resonance.store import ObjectStore
from resonance.store.keys import take_codes_key, take_key, taste_key
from resonance.store.token_document import parse_codes
from resonance.v1 import extract_pb2, generate_pb2, steering_pb2
from resonance_extract.activations.tracks import TrackCache, parse_sound_id
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.directions.statistics import PieceStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPiece:
    """A piece before it is read.

    `key` is a digest of its sound; the statistics of a track are cached by it. `codes` are a take's tokens `[codebooks, frames]`, None for
    a track.
    """

    title: str
    key: str
    codes: NDArray[np.int64] | None = None


class StoredMusic:
    """Finds stored music and reads it. Tracks were read when their taste was made; takes are read from their tokens."""

    def __init__(self, worker: ActivationWorker, store: ObjectStore) -> None:
        self._worker = worker
        self._store = store
        self._digest = worker.model.description.digest
        self._tracks = TrackCache(store, model_digest=self._digest)

    async def pieces(self, source: extract_pb2.MusicSource) -> list[StoredPiece]:
        """The pieces of a source, in order.

        Raises:
            InvalidInput: not exactly one of a taste and a take is named, or the taste has no such track.
            NotFound: there is no such taste or take, or its sound is gone.
            FailedPrecondition: a taste of another model.
        """
        if bool(source.taste_id) == bool(source.take_id):
            raise invalid_field("music", "ONE_SOURCE", "name a taste or a take, and not both")
        return await self._find_tracks(source) if source.taste_id else [await self._find_take(source.take_id)]

    async def read(self, piece: StoredPiece) -> PieceStatistics:
        """A piece's statistics under the neutral prompt.

        Raises:
            FailedPrecondition: the statistics of the track are gone.
        """
        if piece.codes is not None:
            return await self._worker.read_piece(torch.from_numpy(piece.codes))
        found = await self._tracks.find(piece.key)
        if found is None:
            raise FailedPrecondition(
                f"{piece.title} must be read again: upload it once more and make a taste of it",
                reason="TRACK_NOT_HEARD",
            )
        means, variances = found.means, found.variances
        whole = variances.mean(axis=0) + means.var(axis=0)
        return PieceStatistics(mean=means.mean(axis=0), variance=whole.astype(np.float32))

    async def _find_tracks(self, source: extract_pb2.MusicSource) -> list[StoredPiece]:
        try:
            stored = await self._store.get(taste_key(source.taste_id))
        except NotFound as failure:
            raise NotFound(f"there is no finished taste {source.taste_id}", reason="NO_SUCH_TASTE") from failure
        taste = json_format.Parse(stored.data, steering_pb2.TasteSummary())
        if taste.model_digest != self._digest:
            raise FailedPrecondition(
                f"taste {source.taste_id} was made for another model; make it again", reason="MODEL_MISMATCH"
            )
        indices = list(source.track_indices) or range(len(taste.tracks))
        if max(indices) >= len(taste.tracks):
            raise InvalidInput(
                f"taste {source.taste_id} has {len(taste.tracks)} tracks, and no track {max(indices)}",
                reason="NO_SUCH_TRACK",
            )
        tracks = [taste.tracks[index] for index in indices]
        return [
            StoredPiece(
                title=track.title or track.sha256[:8],
                key=parse_sound_id(track, self._worker.model.description.sample_rate_hz),
            )
            for track in tracks
        ]

    async def _find_take(self, take_id: str) -> StoredPiece:
        try:
            stored = await self._store.get(take_key(take_id))
            tokens = await self._store.get(take_codes_key(take_id))
        except NotFound as failure:
            raise NotFound(f"there is no take {take_id} whose tokens are kept", reason="NO_SUCH_TAKE") from failure
        take = json_format.Parse(stored.data, generate_pb2.Take())
        if take.model.digest != self._digest:
            raise FailedPrecondition(f"take {take_id} was made by another model", reason="MODEL_MISMATCH")
        return StoredPiece(title=f"take {take_id}", key=tokens.sha256, codes=parse_codes(tokens.data)[0])


async def load_pieces(music: StoredMusic, sources: Sequence[extract_pb2.MusicSource]) -> list[StoredPiece]:
    """The pieces of all sources, each piece once."""
    found = {piece.key: piece for source in sources for piece in await music.pieces(source)}
    return list(found.values())

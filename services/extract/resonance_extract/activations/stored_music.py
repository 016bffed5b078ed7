"""Stored music as pieces: the tracks of tastes and finished takes, each with what the model's layers say of it."""

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
from resonance_extract.activations.statistics import HeardPiece
from resonance_extract.activations.tracks import TrackCache, parse_sound_id
from resonance_extract.activations.worker import ActivationWorker


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPiece:
    """A piece before it is heard: `key` is a digest of its sound, `codes` are a take's tokens `[codebooks, frames]`, None for a track,
    whose `key` is also what its statistics are cached by."""

    title: str
    key: str
    codes: NDArray[np.int64] | None = None


class StoredMusic:
    """Finds stored music and hears it. Tracks were heard when their taste was made; takes are heard from their tokens."""

    def __init__(self, ear: ActivationWorker, store: ObjectStore) -> None:
        self._ear = ear
        self._store = store
        self._digest = ear.model.description.digest
        self._tracks = TrackCache(store, model_digest=self._digest)

    async def pieces(self, source: extract_pb2.MusicSource) -> list[StoredPiece]:
        """The pieces that a source stands for, in order.

        Raises:
            InvalidInput: not exactly one of a taste and a take is named, or the taste has no such track.
            NotFound: there is no such taste or take, or its sound is gone.
            FailedPrecondition: a taste of another model.
        """
        if bool(source.taste_id) == bool(source.take_id):
            raise invalid_field("music", "ONE_SOURCE", "name a taste or a take, and not both")
        return await self._of_taste(source) if source.taste_id else [await self._of_take(source.take_id)]

    async def hear(self, piece: StoredPiece) -> HeardPiece:
        """What the model says of a piece under the neutral prompt.

        Raises:
            FailedPrecondition: the track was heard by a version that kept no variances, or its statistics are gone.
        """
        if piece.codes is not None:
            return HeardPiece.of(await self._ear.codes(torch.from_numpy(piece.codes)))
        found = await self._tracks.find(piece.key)
        if found is None or found.variances is None:
            raise FailedPrecondition(
                f"{piece.title} must be heard again: upload it once more and make a taste of it",
                reason="TRACK_NOT_HEARD",
            )
        means, variances = found.means, found.variances
        whole = variances.mean(axis=0) + means.var(axis=0)
        return HeardPiece(mean=means.mean(axis=0), variance=whole.astype(np.float32))

    async def _of_taste(self, source: extract_pb2.MusicSource) -> list[StoredPiece]:
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
                key=parse_sound_id(track, self._ear.model.description.sample_rate_hz),
            )
            for track in tracks
        ]

    async def _of_take(self, take_id: str) -> StoredPiece:
        try:
            stored = await self._store.get(take_key(take_id))
            tokens = await self._store.get(take_codes_key(take_id))
        except NotFound as failure:
            raise NotFound(f"there is no take {take_id} whose tokens are kept", reason="NO_SUCH_TAKE") from failure
        take = json_format.Parse(stored.data, generate_pb2.Take())
        if take.model.digest != self._digest:
            raise FailedPrecondition(f"take {take_id} was made by another model", reason="MODEL_MISMATCH")
        return StoredPiece(title=f"take {take_id}", key=tokens.sha256, codes=parse_codes(tokens.data)[0])


async def load_pieces(shelf: StoredMusic, sources: Sequence[extract_pb2.MusicSource]) -> list[StoredPiece]:
    """The pieces of all sources, the same music once."""
    found = {piece.key: piece for source in sources for piece in await shelf.pieces(source)}
    return list(found.values())

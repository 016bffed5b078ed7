"""One extraction: the plan, the clips of the tracks that are new, and the taste."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing

import numpy as np
from google.protobuf import json_format
from numpy.typing import NDArray

from resonance.errors import DataLoss, DeadlineExceeded, InvalidInput, NotFound, Overloaded, ResonanceError
from resonance.ids import digest_of, sha256_hex
from resonance.keys import taste_calibration_key, taste_key, vector_key
from resonance.rpc.validation import validate
from resonance.selection import TASTE_S_MIN, too_little
from resonance.store import ObjectStore
from resonance.taste import Direction
from resonance.v1 import extract_pb2, ingest_pb2, jobs_pb2, steering_pb2
from resonance_extract.claims import Claims
from resonance_extract.describing.describer import Describer, PlaylistSound, sentence_of
from resonance_extract.directions import direction_of, norms_of
from resonance_extract.ear import Ear
from resonance_extract.mixing import IndexedTrack, check_options, clip_weights, mixed_mean, split_half_cosine
from resonance_extract.reference import ReferenceShelf
from resonance_extract.statistics import Reference, TrackStatistics
from resonance_extract.tracks import Announced, TrackCache, TrackListener, announced_in, sound_id_in
from resonance_extract.whitening import diagonal, shrunk

_Requests = AsyncIterator[extract_pb2.ExtractTasteRequest]
_Response = extract_pb2.ExtractTasteResponse
MESSAGE_S_MAX = 60.0
_BEAT_S = 1.0
_ATTENTION_FORM = "novelty"  # part of the vector's key: older versions attended to repetition and loudness alone
_WHITENINGS = {steering_pb2.WHITENING_DIAGONAL: diagonal, steering_pb2.WHITENING_SHRUNK: shrunk}


class Extraction:
    """What one `ExtractTaste` call does."""

    def __init__(
        self, ear: Ear, store: ObjectStore, shelf: ReferenceShelf, *, running_max: int, describer: Describer
    ) -> None:
        self._ear = ear
        self._running_max = running_max
        self._running = 0
        self._claims = Claims(store, scope=ear.model.facts.digest)
        self._store = store
        self._shelf = shelf
        self._describer = describer
        self._cache = TrackCache(store, model_digest=ear.model.facts.digest)

    async def run(self, requests: _Requests) -> AsyncGenerator[_Response, None]:
        """Yields the plan, progress and faults while it listens, and the taste.

        Raises:
            InvalidInput: the messages do not follow the protocol, or no track can be used.
            Overloaded: as many calls as may are being listened to.
        """
        start = await _start_of(requests)
        check_options(start.options)
        if self._running >= self._running_max:
            message = f"{self._running} playlists are being listened to; try again in a few seconds"
            raise Overloaded(message, reason="TOO_MANY_EXTRACTIONS", retry_after_s=3.0)
        self._running += 1
        try:
            async with aclosing(self._hear(start, requests)) as responses:
                async for response in responses:
                    yield response
        finally:
            self._running -= 1

    async def _hear(self, start: extract_pb2.ExtractionStart, requests: _Requests) -> AsyncGenerator[_Response, None]:
        """Claims the tracks that are new, so that two playlists with one song hear it once, and hears them."""
        announced = announced_in(start, self._ear.model.facts.sample_rate_hz)
        async with self._claims.open() as claim:
            known = await self._known(announced)
            while not await claim.take(_new(announced, known)):
                await self._claims.change(_BEAT_S)
                yield _Response()  # says that somebody is here: another call hears one of these tracks
                known = await self._known(announced)
            listeners = {sound: await self._listener(announced, sound) for sound in sorted(_new(announced, known))}
            wanted = {each.track.index: each for each in listeners.values() if not each.is_whole}
            yield _plan(wanted)
            async for opening, samples in _clips_of(requests, list(wanted)):
                await wanted[opening.track_index].hear(opening, samples)
                yield _progress(opening)
            tracks: list[IndexedTrack] = []
            for track in announced:
                try:
                    if (statistics := known.get(track.sound_id)) is None:
                        statistics = known[track.sound_id] = await self._finish(listeners[track.sound_id])
                    tracks.append(IndexedTrack(index=track.index, statistics=statistics))
                except InvalidInput as failure:
                    yield _fault(track.index, failure)
            samples_heard = [each.sample for each in wanted.values() if each.sample is not None]
            taste = await self._make_taste(start, announced, tracks, set(wanted), samples_heard)
        yield _Response(taste=taste)

    async def _known(self, announced: Sequence[Announced]) -> dict[str, TrackStatistics]:
        found = {track.sound_id: await self._cache.find(track.sound_id) for track in announced}
        return {sound_id: statistics for sound_id, statistics in found.items() if statistics is not None}

    async def _listener(self, announced: Sequence[Announced], sound_id: str) -> TrackListener:
        """Of the first track with this sound: a song that is in the playlist twice is heard once."""
        track = next(track for track in announced if track.sound_id == sound_id)
        return TrackListener(self._ear, self._cache, track, await self._cache.find_clips(sound_id, track.clip_count))

    async def _finish(self, listener: TrackListener) -> TrackStatistics:
        statistics = listener.statistics()
        await self._cache.keep(listener.track.sound_id, statistics)
        await self._cache.forget_clips(listener.track.sound_id, listener.track.clip_count)
        return statistics

    async def _make_taste(
        self,
        start: extract_pb2.ExtractionStart,
        announced: Sequence[Announced],
        tracks: Sequence[IndexedTrack],
        fresh: set[int],
        samples: Sequence[NDArray[np.float32]],
    ) -> steering_pb2.TasteSummary:
        if not tracks:
            raise InvalidInput("none of the tracks could be used", reason="NO_USABLE_TRACK")
        by_index = {track.index: track for track in announced}
        repeats = _repeats(start, tracks)
        _check_length(start, tracks, repeats)
        weights = clip_weights(tracks, start.options, repeats=repeats)
        reference = await self._shelf.get()
        is_contrast = start.options.direction_kind != steering_pb2.DIRECTION_KIND_MEAN
        digest = self._ear.model.facts.digest
        difference, direction = await _mixed(tracks, weights, reference, start.options, model_digest=digest)
        character = await self._describer.describe(
            PlaylistSound(
                meters=np.concatenate([track.statistics.meters for track in tracks]),
                weights=np.concatenate(weights).astype(np.float32),
                samples=samples,
                sample_rate_hz=self._ear.model.facts.sample_rate_hz,
            )
        )
        key = vector_key(_taste_digest(start, [by_index[track.index] for track in tracks], digest, reference))
        summary = steering_pb2.TasteSummary(
            taste_id=start.taste_id,
            model_digest=digest,
            vector_key=key,
            vector_sha256=await self._store.put(key, direction.to_bytes()),
            tracks=[
                by_index[track.index].to_taste(weight, from_cache=track.index not in fresh)
                for track, weight in zip(tracks, weights, strict=True)
            ],
            layer_norms=norms_of(difference, reference).tolist(),
            options=start.options,
            clip_count=sum(len(track.statistics.rms) for track in tracks),
            description=sentence_of(character),
            character=character,
            notices=_notices(len(tracks), repeats),
            split_half_cosine=split_half_cosine(tracks, weights, reference.mean if is_contrast else None),
        )
        summary.create_time.GetCurrentTime()
        await self._store.put(taste_key(start.taste_id), json_format.MessageToJson(summary, indent=None).encode())
        return summary


class TasteShelf:
    """Stored tastes. A taste whose vector is damaged or gone is mixed again from what its tracks gave."""

    def __init__(self, ear: Ear, store: ObjectStore, shelf: ReferenceShelf) -> None:
        self._ear = ear
        self._store = store
        self._shelf = shelf
        self._cache = TrackCache(store, model_digest=ear.model.facts.digest)

    async def whole(self, taste_id: str) -> steering_pb2.TasteSummary:
        """The stored taste, with its vector checked, and mended where it must be.

        Raises:
            NotFound: there is no such taste.
            DataLoss: it cannot be mended: its description, or what its tracks gave, is damaged too.
        """
        summary = await self.get(taste_id)
        if summary.model_digest != self._ear.model.facts.digest or await self._has_vector(summary):
            return summary
        rate = self._ear.model.facts.sample_rate_hz
        found = [
            IndexedTrack(index=index, statistics=statistics)
            for index, track in enumerate(summary.tracks)
            if (statistics := await self._cache.find(sound_id_in(track, rate))) is not None
        ]
        if len(found) == len(summary.tracks):
            reference = await self._shelf.get()
            weights = [np.asarray(track.clip_weights) for track in summary.tracks]
            digest = self._ear.model.facts.digest
            _, direction = await _mixed(found, weights, reference, summary.options, model_digest=digest)
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
        """The safe range that was measured of this very vector; None where nobody has. Raises NotFound."""
        taste = await self.get(taste_id)
        try:
            stored = await self._store.get(taste_calibration_key(taste_id, taste.vector_sha256))
        except NotFound:
            return None
        return json_format.Parse(stored.data, extract_pb2.Calibration())

    async def delete(self, taste_id: str) -> None:
        """Removes the taste; its vector and tracks stay, for other playlists may share them. Raises NotFound."""
        await self.get(taste_id)
        await self._store.delete(taste_key(taste_id))


async def _mixed(
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
    return direction_of(weighed, reference, model_digest=model_digest)


def _new(announced: Sequence[Announced], known: Mapping[str, TrackStatistics]) -> set[str]:
    return {track.sound_id for track in announced} - known.keys()


def _plan(wanted: Mapping[int, TrackListener]) -> _Response:
    indices = sorted(wanted)
    known = [len(wanted[index].clips) for index in indices]
    return _Response(plan=extract_pb2.ExtractionPlan(track_indices=indices, clips_known=known))


async def _start_of(requests: _Requests) -> extract_pb2.ExtractionStart:
    first = await _next_of(requests)
    if first is None or first.WhichOneof("part") != "start":
        raise InvalidInput("the first message of an extraction is its start", reason="NO_START")
    validate(first)
    indices = [track.index for track in first.start.tracks]
    if len(set(indices)) != len(indices):
        raise InvalidInput("two tracks have the same index", reason="DUPLICATE_INDEX")
    return first.start


async def _clips_of(
    requests: _Requests, wanted: Sequence[int]
) -> AsyncGenerator[tuple[ingest_pb2.ClipOpening, np.ndarray[tuple[int], np.dtype[np.float32]]], None]:
    """The streamed clips, each whole."""
    opening: ingest_pb2.ClipOpening | None = None
    data = bytearray()
    while (request := await _next_of(requests)) is not None:
        validate(request)
        part = request.WhichOneof("part")
        if part == "clip":
            if opening is not None:
                raise InvalidInput("a clip begins before the last one is whole", reason="CLIP_CUT")
            if request.clip.track_index not in wanted:
                raise InvalidInput(f"track {request.clip.track_index} was not asked for", reason="NOT_WANTED")
            opening, data = request.clip, bytearray()
        elif part == "chunk" and opening is not None:
            data += request.chunk.data
            if len(data) > 4 * opening.sample_count:
                raise InvalidInput("a clip has more samples than it announced", reason="CLIP_TOO_LONG")
            if len(data) == 4 * opening.sample_count:
                yield opening, np.frombuffer(bytes(data), dtype="<f4")
                opening = None
        else:
            raise InvalidInput("a clip's opening comes before its samples", reason="NO_CLIP")
    if opening is not None:
        raise InvalidInput("the stream ended in the middle of a clip", reason="CLIP_CUT")


async def _next_of(requests: _Requests) -> extract_pb2.ExtractTasteRequest | None:
    """The caller's next message, None at the end. Raises DeadlineExceeded where nothing comes for MESSAGE_S_MAX seconds."""
    try:
        async with asyncio.timeout(MESSAGE_S_MAX):
            return await anext(requests, None)
    except TimeoutError:
        raise DeadlineExceeded(f"no clip came for {MESSAGE_S_MAX:.0f} s", reason="CALLER_SILENT") from None


def _repeats(start: extract_pb2.ExtractionStart, tracks: Sequence[IndexedTrack]) -> frozenset[int]:
    """The indices of tracks that are the same music as an earlier one. Their seconds may still be selected by name."""
    if start.options.mix_mode == steering_pb2.MIX_MODE_TIME_SELECT:
        return frozenset()
    shas = {track.index: track.sha256 for track in start.tracks}
    first = {shas[track.index]: track.index for track in reversed(tracks)}
    return frozenset(track.index for track in tracks if first[shas[track.index]] != track.index)


def _check_length(start: extract_pb2.ExtractionStart, tracks: Sequence[IndexedTrack], repeats: frozenset[int]) -> None:
    heard_s = sum(track.statistics.covered_s for track in tracks if track.index not in repeats)
    if round(heard_s, 3) < TASTE_S_MIN:
        raise too_little(heard_s, is_chosen=start.options.mix_mode == steering_pb2.MIX_MODE_TIME_SELECT)


def _notices(count: int, repeats: frozenset[int]) -> list[str]:
    if not repeats:
        return []
    if len(repeats) == count - 1:
        return [f"all {count} tracks are the same music: this is the taste of one track"]
    return [f"{len(repeats)} of the {count} tracks are the same music as another one and were counted once"]


def _taste_digest(
    start: extract_pb2.ExtractionStart, tracks: Sequence[Announced], model_digest: str, reference: Reference
) -> str:
    options = json_format.MessageToDict(start.options)
    parts = ["taste", model_digest, options, [[track.index, track.sound_id] for track in tracks]]
    if start.options.mix_mode == steering_pb2.MIX_MODE_ATTENTION_WEIGHTED:
        parts.append(_ATTENTION_FORM)
    return digest_of([*parts, reference.tag] if reference.tag else parts)


def _progress(opening: ingest_pb2.ClipOpening) -> _Response:
    return _Response(
        progress=extract_pb2.ExtractionProgress(track_index=opening.track_index, clips_done=opening.clip_index + 1)
    )


def _fault(index: int, failure: ResonanceError) -> _Response:
    fault = jobs_pb2.Fault(reason=failure.reason, message=failure.message)
    return _Response(track_fault=extract_pb2.ExtractionTrackFault(track_index=index, fault=fault))

"""One extraction: the plan, the clips of the tracks that are new, and the taste."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing

import numpy as np
from google.protobuf import json_format
from numpy.typing import NDArray

from resonance.errors import DataLoss, DeadlineExceeded, InvalidInput, NotFound, Overloaded, ResonanceError
from resonance.ids import digest_of, sha256_hex
from resonance.keys import taste_calibration_key, taste_key, vector_key
from resonance.rpc.validation import validate
from resonance.store import ObjectStore
from resonance.taste import Direction
from resonance.taste_options import check_taste_options
from resonance.v1 import extract_pb2, ingest_pb2, jobs_pb2, steering_pb2
from resonance_extract.claims import Claims
from resonance_extract.describing.describer import Describer, PlaylistSound, sentence_of
from resonance_extract.describing.listener import SoundListener
from resonance_extract.directions import direction_of, norms_of
from resonance_extract.ear import Ear
from resonance_extract.mixing import IndexedTrack, clip_weights, mixed_mean, split_half_cosine
from resonance_extract.reference import ReferenceShelf
from resonance_extract.statistics import Reference, TrackStatistics
from resonance_extract.tracks import TrackCache, TrackListener
from resonance_extract.whitening import diagonal, shrunk

_Requests = AsyncIterator[extract_pb2.ExtractTasteRequest]
_Response = extract_pb2.ExtractTasteResponse
MESSAGE_S_MAX = 60.0
_BEAT_S = 1.0
# Less music than this says more about one moment than about a taste.
TASTE_S_MIN = 3.0
_WORDS = steering_pb2.DIRECTION_KIND_WORDS
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
        check_taste_options(start.options)
        if self._running >= self._running_max:
            message = f"{self._running} playlists are being listened to; try again in a few seconds"
            raise Overloaded(message, reason="TOO_MANY_EXTRACTIONS", retry_after_s=3.0)
        self._running += 1
        try:
            way = self._describe if start.options.direction_kind == _WORDS else self._hear
            async with aclosing(way(start, requests)) as responses:
                async for response in responses:
                    yield response
        finally:
            self._running -= 1

    async def _hear(self, start: extract_pb2.ExtractionStart, requests: _Requests) -> AsyncGenerator[_Response, None]:
        """Claims the tracks that are new, so that two playlists with one song hear it once, and hears them."""
        async with self._claims.open() as claim:
            known = await self._known(start)
            while not await claim.take(_new(start, known)):
                await self._claims.change(_BEAT_S)
                yield _Response()  # says that somebody is here: another call hears one of these tracks
                known = await self._known(start)
            listeners = {sha256: await self._listener(start, sha256) for sha256 in sorted(_new(start, known))}
            wanted = {_first_index(start, sha256): each for sha256, each in listeners.items() if not each.is_whole}
            yield _plan({index: len(each.clips) for index, each in wanted.items()})
            async for opening, samples in _clips_of(requests, list(wanted)):
                await wanted[opening.track_index].hear(opening, samples)
                yield _progress(opening)
            tracks: list[IndexedTrack] = []
            for track in start.tracks:
                try:
                    if (statistics := known.get(track.sha256)) is None:
                        statistics = known[track.sha256] = await self._finish(listeners[track.sha256])
                    tracks.append(IndexedTrack(index=track.index, statistics=statistics))
                except InvalidInput as failure:
                    yield _fault(track.index, failure)
            taste = await self._make_taste(start, tracks, set(wanted), _samples(wanted.values()))
        yield _Response(taste=taste)

    async def _describe(
        self, start: extract_pb2.ExtractionStart, requests: _Requests
    ) -> AsyncGenerator[_Response, None]:
        """Puts the playlist into words and nothing else: the model hears no track. Tracks that it knows have their meters."""
        known = {} if self._describer.wants_sound else await self._known(start)
        rate = self._ear.model.facts.sample_rate_hz
        listeners = {sha256: SoundListener(rate) for sha256 in sorted(_new(start, known))}
        wanted = {_first_index(start, sha256): each for sha256, each in listeners.items()}
        yield _plan(dict.fromkeys(wanted, 0))
        async for opening, samples in _clips_of(requests, list(wanted)):
            await wanted[opening.track_index].hear(opening, samples)
            yield _progress(opening)
        tracks: list[IndexedTrack] = []
        for track in start.tracks:
            try:
                statistics = known.get(track.sha256) or listeners[track.sha256].statistics()
                tracks.append(IndexedTrack(index=track.index, statistics=statistics))
            except InvalidInput as failure:
                yield _fault(track.index, failure)
        repeats, weights = _weighed(start, tracks)
        summary = await self._summary(start, tracks, weights, repeats, set(wanted), _samples(wanted.values()))
        await self._keep(summary)
        yield _Response(taste=summary)

    async def _known(self, start: extract_pb2.ExtractionStart) -> dict[str, TrackStatistics]:
        found = {track.sha256: await self._cache.find(track.sha256) for track in start.tracks}
        return {sha256: statistics for sha256, statistics in found.items() if statistics is not None}

    async def _listener(self, start: extract_pb2.ExtractionStart, sha256: str) -> TrackListener:
        clip_count = next(track.clip_count for track in start.tracks if track.sha256 == sha256)
        clips = await self._cache.find_clips(sha256, clip_count)
        return TrackListener(self._ear, self._cache, sha256, clip_count, clips)

    async def _finish(self, listener: TrackListener) -> TrackStatistics:
        statistics = listener.statistics()
        await self._cache.keep(listener.track_sha256, statistics)
        await self._cache.forget_clips(listener.track_sha256, listener.clip_count)
        return statistics

    async def _make_taste(
        self,
        start: extract_pb2.ExtractionStart,
        tracks: Sequence[IndexedTrack],
        fresh: set[int],
        samples: Sequence[NDArray[np.float32]],
    ) -> steering_pb2.TasteSummary:
        repeats, weights = _weighed(start, tracks)
        reference = await self._shelf.get()
        is_contrast = start.options.direction_kind != steering_pb2.DIRECTION_KIND_MEAN
        digest = self._ear.model.facts.digest
        difference, direction = await _mixed(tracks, weights, reference, start.options, model_digest=digest)
        summary = await self._summary(start, tracks, weights, repeats, fresh, samples)
        summary.vector_key = vector_key(_taste_digest(start, tracks, digest, reference))
        summary.vector_sha256 = await self._store.put(summary.vector_key, direction.to_bytes())
        summary.layer_norms.extend(norms_of(difference, reference).tolist())
        cosine = split_half_cosine(tracks, weights, reference.mean if is_contrast else None)
        if cosine is not None:
            summary.split_half_cosine = cosine
        await self._keep(summary)
        return summary

    async def _summary(
        self,
        start: extract_pb2.ExtractionStart,
        tracks: Sequence[IndexedTrack],
        weights: Sequence[NDArray[np.float64]],
        repeats: frozenset[int],
        fresh: set[int],
        samples: Sequence[NDArray[np.float32]],
    ) -> steering_pb2.TasteSummary:
        """All that there is to say of the playlist but its direction."""
        character = await self._describer.describe(
            PlaylistSound(
                meters=np.concatenate([track.statistics.meters for track in tracks]),
                weights=np.concatenate(weights).astype(np.float32),
                samples=samples,
                sample_rate_hz=self._ear.model.facts.sample_rate_hz,
            )
        )
        summary = steering_pb2.TasteSummary(
            taste_id=start.taste_id,
            model_digest=self._ear.model.facts.digest,
            tracks=[_track_of(start, track, weight, fresh) for track, weight in zip(tracks, weights, strict=True)],
            options=start.options,
            clip_count=sum(len(track.statistics.rms) for track in tracks),
            description=sentence_of(character),
            character=character,
            notices=_notices(len(tracks), repeats),
        )
        summary.create_time.GetCurrentTime()
        return summary

    async def _keep(self, summary: steering_pb2.TasteSummary) -> None:
        await self._store.put(taste_key(summary.taste_id), json_format.MessageToJson(summary, indent=None).encode())


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
        is_ours = summary.model_digest == self._ear.model.facts.digest
        if not is_ours or not summary.vector_key or await self._has_vector(summary):
            return summary
        found = [
            IndexedTrack(index=index, statistics=statistics)
            for index, track in enumerate(summary.tracks)
            if (statistics := await self._cache.find(track.sha256)) is not None
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


def _new(start: extract_pb2.ExtractionStart, known: Mapping[str, TrackStatistics]) -> set[str]:
    return {track.sha256 for track in start.tracks} - known.keys()


def _first_index(start: extract_pb2.ExtractionStart, sha256: str) -> int:
    """A song that is in the playlist twice is heard once."""
    return next(track.index for track in start.tracks if track.sha256 == sha256)


def _plan(clips_known: Mapping[int, int]) -> _Response:
    """The tracks that are wanted, and how many clips of each are not."""
    indices = sorted(clips_known)
    return _Response(
        plan=extract_pb2.ExtractionPlan(track_indices=indices, clips_known=[clips_known[index] for index in indices])
    )


def _samples(listeners: Iterable[TrackListener | SoundListener]) -> list[NDArray[np.float32]]:
    return [each.sample for each in listeners if each.sample is not None]


def _weighed(
    start: extract_pb2.ExtractionStart, tracks: Sequence[IndexedTrack]
) -> tuple[frozenset[int], list[NDArray[np.float64]]]:
    """The tracks that do not count, and the clips' weights. Raises InvalidInput where there is too little to make a taste of."""
    if not tracks:
        raise InvalidInput("none of the tracks could be used", reason="NO_USABLE_TRACK")
    repeats = _repeats(start, tracks)
    _check_length(tracks, repeats)
    return repeats, clip_weights(tracks, start.options, repeats=repeats)


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


def _check_length(tracks: Sequence[IndexedTrack], repeats: frozenset[int]) -> None:
    heard_s = sum(float(track.statistics.ends_s.max()) for track in tracks if track.index not in repeats)
    if heard_s < TASTE_S_MIN:
        raise InvalidInput(
            f"there are {heard_s:.1f} s of music here; a taste needs at least {TASTE_S_MIN:g} s",
            reason="TOO_LITTLE_MUSIC",
        )


def _notices(count: int, repeats: frozenset[int]) -> list[str]:
    if not repeats:
        return []
    if len(repeats) == count - 1:
        return [f"all {count} tracks are the same music: this is the taste of one track"]
    return [f"{len(repeats)} of the {count} tracks are the same music as another one and were counted once"]


def _taste_digest(
    start: extract_pb2.ExtractionStart, tracks: Sequence[IndexedTrack], model_digest: str, reference: Reference
) -> str:
    shas = {track.index: track.sha256 for track in start.tracks}
    options = json_format.MessageToDict(start.options)
    parts = ["taste", model_digest, options, [[track.index, shas[track.index]] for track in tracks]]
    return digest_of([*parts, reference.tag] if reference.tag else parts)


def _track_of(
    start: extract_pb2.ExtractionStart,
    track: IndexedTrack,
    weights: np.ndarray[tuple[int], np.dtype[np.float64]],
    fresh: set[int],
) -> steering_pb2.TasteTrack:
    announced = next(one for one in start.tracks if one.index == track.index)
    return steering_pb2.TasteTrack(
        title=announced.title,
        sha256=announced.sha256,
        clip_count=len(weights),
        duration_s=announced.duration_s,
        from_cache=track.index not in fresh,
        clip_weights=weights.tolist(),
    )


def _progress(opening: ingest_pb2.ClipOpening) -> _Response:
    return _Response(
        progress=extract_pb2.ExtractionProgress(track_index=opening.track_index, clips_done=opening.clip_index + 1)
    )


def _fault(index: int, failure: ResonanceError) -> _Response:
    fault = jobs_pb2.Fault(reason=failure.reason, message=failure.message)
    return _Response(track_fault=extract_pb2.ExtractionTrackFault(track_index=index, fault=fault))

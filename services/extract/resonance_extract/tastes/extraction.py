"""Taste extraction: plan, clips of new tracks, taste."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing

import numpy as np
from google.protobuf import json_format
from numpy.typing import NDArray

from resonance.errors import DeadlineExceeded, InvalidInput, Overloaded, ResonanceError
from resonance.identity import trust_scope
from resonance.ids import canonical_digest
from resonance.rpc.validation import validate
from resonance.steering.taste_options import check_taste_options
from resonance.steering.track_ranges import TASTE_S_MIN, too_little
from resonance.store import ObjectStore
from resonance.store.keys import taste_key, vector_key
from resonance.v1 import extract_pb2, ingest_pb2, jobs_pb2, steering_pb2
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.track_locks import TrackLocks
from resonance_extract.activations.tracks import AnnouncedTrack, TrackCache, TrackReader, parse_tracks
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.directions.mixing import IndexedTrack, clip_weights, split_half_cosine
from resonance_extract.directions.scaling import layer_norms
from resonance_extract.directions.statistics import ReferenceStatistics, TrackStatistics
from resonance_extract.tastes.describer import Describer, PlaylistSound, description_notices, to_sentence
from resonance_extract.tastes.mixes import is_contrast, mix_direction, to_mix
from resonance_extract.tastes.sound_meter import SoundMeter

_Requests = AsyncIterator[extract_pb2.ExtractTasteRequest]
_Response = extract_pb2.ExtractTasteResponse
MESSAGE_S_MAX = 60.0
_HEARTBEAT_S = 1.0
# Version of the computation of a taste's vector, and part of its key. A change of `mixes.py` needs another one.
_TASTE_FORM = "levelled-3"
_WORDS = steering_pb2.DIRECTION_KIND_WORDS


class Extraction:
    """The use case of `ExtractTaste`."""

    def __init__(
        self,
        worker: ActivationWorker,
        store: ObjectStore,
        references: ReferenceStore,
        *,
        running_max: int,
        describer: Describer,
        locks: TrackLocks,
    ) -> None:
        self._worker = worker
        self._running_max = running_max
        self._running = 0
        self._locks = locks
        self._store = store
        self._references = references
        self._describer = describer
        self._cache = TrackCache(store, model_digest=worker.model.description.digest)

    async def run(self, requests: _Requests) -> AsyncGenerator[_Response, None]:
        """Yields the plan, progress and faults while clips are read, and at last the taste.

        Raises:
            InvalidInput: the messages do not follow the protocol, or no track can be used.
            Overloaded: `running_max` calls run already.
        """
        start = await _read_start(requests)
        check_taste_options(start.options)
        if self._running >= self._running_max:
            message = f"{self._running} playlists are being read; try again in a few seconds"
            raise Overloaded(message, reason="TOO_MANY_EXTRACTIONS", retry_after_s=3.0)
        self._running += 1
        try:
            run = self._describe if start.options.direction_kind == _WORDS else self._extract
            async with aclosing(run(start, requests)) as responses:
                async for response in responses:
                    yield response
        finally:
            self._running -= 1

    async def _extract(
        self, start: extract_pb2.ExtractionStart, requests: _Requests
    ) -> AsyncGenerator[_Response, None]:
        """Locks the tracks that are new, so that two playlists with one song read it once, and reads them."""
        announced = parse_tracks(start, self._worker.model.description.sample_rate_hz)
        async with self._locks.open() as lock:
            known = await self._find_known(announced)
            while not await lock.take({trust_scope() + sound for sound in _new(announced, known)}):
                await self._locks.change(_HEARTBEAT_S)
                yield _Response()  # a heartbeat for the client while another call reads one of these tracks
                known = await self._find_known(announced)
            readers = {sound: await self._open_reader(announced, sound) for sound in sorted(_new(announced, known))}
            wanted = {each.track.index: each for each in readers.values() if not each.is_whole}
            yield _plan({index: len(each.clips) for index, each in wanted.items()})
            async for opening, samples in _read_clips(requests, list(wanted)):
                await wanted[opening.track_index].read(opening, samples)
                yield _progress(opening)
            tracks: list[IndexedTrack] = []
            for track in announced:
                try:
                    if (statistics := known.get(track.sound_id)) is None:
                        statistics = known[track.sound_id] = await self._finish(readers[track.sound_id])
                    tracks.append(IndexedTrack(index=track.index, statistics=statistics))
                except InvalidInput as failure:
                    yield _fault(track.index, failure)
            taste = await self._make_taste(start, announced, tracks, set(wanted), _samples(wanted, tracks))
        yield _Response(taste=taste)

    async def _describe(
        self, start: extract_pb2.ExtractionStart, requests: _Requests
    ) -> AsyncGenerator[_Response, None]:
        """Puts the playlist into words alone, without the model. Known tracks have their audio features in the cache."""
        rate = self._worker.model.description.sample_rate_hz
        announced = parse_tracks(start, rate)
        known = {} if self._describer.wants_sound else await self._find_known(announced)
        meters = {sound_id: SoundMeter(rate) for sound_id in sorted(_new(announced, known))}
        first = {track.sound_id: track.index for track in reversed(announced)}
        wanted = {first[sound_id]: each for sound_id, each in meters.items()}
        yield _plan(dict.fromkeys(wanted, 0))
        async for opening, samples in _read_clips(requests, list(wanted)):
            await wanted[opening.track_index].read(opening, samples)
            yield _progress(opening)
        tracks: list[IndexedTrack] = []
        for track in announced:
            try:
                statistics = known.get(track.sound_id) or meters[track.sound_id].statistics()
                tracks.append(IndexedTrack(index=track.index, statistics=statistics))
            except InvalidInput as failure:
                yield _fault(track.index, failure)
        repeats, weights = _weighed(start, tracks)
        fresh = set(wanted)
        summary = await self._summary(start, announced, tracks, weights, repeats, fresh, _samples(wanted, tracks))
        await self._keep(summary)
        yield _Response(taste=summary)

    async def _find_known(self, announced: Sequence[AnnouncedTrack]) -> dict[str, TrackStatistics]:
        found = {track.sound_id: await self._cache.find(track.sound_id) for track in announced}
        return {sound_id: statistics for sound_id, statistics in found.items() if statistics is not None}

    async def _open_reader(self, announced: Sequence[AnnouncedTrack], sound_id: str) -> TrackReader:
        """The reader of the first track with this sound: a song that is in the playlist twice is read once."""
        track = next(track for track in announced if track.sound_id == sound_id)
        return TrackReader(self._worker, self._cache, track, await self._cache.find_clips(sound_id, track.clip_count))

    async def _finish(self, reader: TrackReader) -> TrackStatistics:
        statistics = reader.statistics()
        await self._cache.keep(reader.track.sound_id, statistics)
        await self._cache.forget_clips(reader.track.sound_id, reader.track.clip_count)
        return statistics

    async def _make_taste(
        self,
        start: extract_pb2.ExtractionStart,
        announced: Sequence[AnnouncedTrack],
        tracks: Sequence[IndexedTrack],
        fresh: set[int],
        samples: Sequence[NDArray[np.float32]],
    ) -> steering_pb2.TasteSummary:
        repeats, weights = _weighed(start, tracks)
        reference = await self._references.get()
        digest = self._worker.model.description.digest
        difference, direction = await mix_direction(tracks, weights, reference, start.options, model_digest=digest)
        summary = await self._summary(start, announced, tracks, weights, repeats, fresh, samples)
        usable = {track.index for track in tracks}
        parts = [track for track in announced if track.index in usable]
        summary.vector_key = vector_key(_taste_digest(start, parts, digest, reference))
        summary.vector_sha256 = await self._store.put(summary.vector_key, direction.to_bytes())
        summary.layer_norms.extend(layer_norms(difference, reference).tolist())
        cosine = split_half_cosine(
            tracks, weights, reference.contrast_pieces.mean(axis=0) if is_contrast(start.options) else None
        )
        if cosine is not None:
            summary.split_half_cosine = cosine
        await self._keep(summary)
        return summary

    async def _summary(
        self,
        start: extract_pb2.ExtractionStart,
        announced: Sequence[AnnouncedTrack],
        tracks: Sequence[IndexedTrack],
        weights: Sequence[NDArray[np.float64]],
        repeats: frozenset[int],
        fresh: set[int],
        samples: Sequence[NDArray[np.float32]],
    ) -> steering_pb2.TasteSummary:
        """The taste without its direction."""
        character = await self._describer.describe(
            PlaylistSound(
                meters=np.concatenate([track.statistics.meters for track in tracks]),
                weights=np.concatenate(weights).astype(np.float32),
                samples=samples,
                sample_rate_hz=self._worker.model.description.sample_rate_hz,
            )
        )
        by_index = {track.index: track for track in announced}
        songs = {by_index[track.index].sound_id for track in tracks}
        wants_sound = self._describer.wants_sound
        described = (
            description_notices(character, heard_count=len(samples), song_count=len(songs)) if wants_sound else []
        )
        summary = steering_pb2.TasteSummary(
            taste_id=start.taste_id,
            model_digest=self._worker.model.description.digest,
            tracks=[
                by_index[track.index].to_taste(weight, from_cache=track.index not in fresh)
                for track, weight in zip(tracks, weights, strict=True)
            ],
            options=start.options,
            clip_count=sum(len(track.statistics.rms) for track in tracks),
            description=to_sentence(character),
            character=character,
            notices=[*_notices(len(tracks), repeats), *_left_out([track.statistics for track in tracks]), *described],
        )
        summary.create_time.GetCurrentTime()
        return summary

    async def _keep(self, summary: steering_pb2.TasteSummary) -> None:
        await self._store.put(taste_key(summary.taste_id), json_format.MessageToJson(summary, indent=None).encode())


def _new(announced: Sequence[AnnouncedTrack], known: Mapping[str, TrackStatistics]) -> set[str]:
    return {track.sound_id for track in announced} - known.keys()


def _plan(clips_known: Mapping[int, int]) -> _Response:
    """The tracks whose clips are wanted, and how many clips of each are known."""
    indices = sorted(clips_known)
    return _Response(
        plan=extract_pb2.ExtractionPlan(track_indices=indices, clips_known=[clips_known[index] for index in indices])
    )


def _samples(
    readers: Mapping[int, TrackReader | SoundMeter], tracks: Sequence[IndexedTrack]
) -> list[NDArray[np.float32]]:
    """The first clips of the usable tracks that this call read."""
    found = [readers[track.index] for track in tracks if track.index in readers]
    return [each.sample for each in found if each.sample is not None]


def _weighed(
    start: extract_pb2.ExtractionStart, tracks: Sequence[IndexedTrack]
) -> tuple[frozenset[int], list[NDArray[np.float64]]]:
    """The tracks that do not count, and the clips' weights. Raises InvalidInput where there is too little music for a taste."""
    if not tracks:
        raise InvalidInput("none of the tracks could be used", reason="NO_USABLE_TRACK")
    repeats = _repeats(start, tracks)
    _check_length(start, tracks, repeats)
    return repeats, clip_weights(tracks, to_mix(start.options), repeats=repeats)


async def _read_start(requests: _Requests) -> extract_pb2.ExtractionStart:
    first = await _read_next(requests)
    if first is None or first.WhichOneof("part") != "start":
        raise InvalidInput("the first message of an extraction is its start", reason="NO_START")
    validate(first)
    indices = [track.index for track in first.start.tracks]
    if len(set(indices)) != len(indices):
        raise InvalidInput("two tracks have the same index", reason="DUPLICATE_INDEX")
    return first.start


async def _read_clips(
    requests: _Requests, wanted: Sequence[int]
) -> AsyncGenerator[tuple[ingest_pb2.ClipOpening, np.ndarray[tuple[int], np.dtype[np.float32]]], None]:
    """Reads the streamed clips, each whole. Raises InvalidInput where the messages do not follow the protocol."""
    opening: ingest_pb2.ClipOpening | None = None
    data = bytearray()
    while (request := await _read_next(requests)) is not None:
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


async def _read_next(requests: _Requests) -> extract_pb2.ExtractTasteRequest | None:
    """The client's next message, None at the end. Raises DeadlineExceeded where none comes for MESSAGE_S_MAX seconds."""
    try:
        async with asyncio.timeout(MESSAGE_S_MAX):
            return await anext(requests, None)
    except TimeoutError:
        raise DeadlineExceeded(f"no clip came for {MESSAGE_S_MAX:.0f} s", reason="CALLER_SILENT") from None


def _repeats(start: extract_pb2.ExtractionStart, tracks: Sequence[IndexedTrack]) -> frozenset[int]:
    """The indices of tracks that are the same music as an earlier one. MIX_MODE_TIME_SELECT counts all tracks that it names."""
    if start.options.mix_mode == steering_pb2.MIX_MODE_TIME_SELECT:
        return frozenset()
    shas = {track.index: track.sha256 for track in start.tracks}
    first = {shas[track.index]: track.index for track in reversed(tracks)}
    return frozenset(track.index for track in tracks if first[shas[track.index]] != track.index)


def _check_length(start: extract_pb2.ExtractionStart, tracks: Sequence[IndexedTrack], repeats: frozenset[int]) -> None:
    music_s = sum(float(track.statistics.music_s.sum()) for track in tracks if track.index not in repeats)
    if round(music_s, 3) < TASTE_S_MIN:
        raise too_little(music_s, is_chosen=start.options.mix_mode == steering_pb2.MIX_MODE_TIME_SELECT)


def _notices(count: int, repeats: frozenset[int]) -> list[str]:
    if not repeats:
        return []
    if len(repeats) == count - 1:
        return [f"all {count} tracks are the same music: this is the taste of one track"]
    return [f"{len(repeats)} of the {count} tracks are the same music as another one and were counted once"]


def _left_out(tracks: Sequence[TrackStatistics]) -> list[str]:
    """A notice of the seconds that hold no music; none below a second."""
    seconds = sum(track.covered_s - float(track.music_s.sum()) for track in tracks)
    if seconds < 1:
        return []
    return [f"{seconds:.0f} s of silence, noise or near silence were left out of the taste"]


def _taste_digest(
    start: extract_pb2.ExtractionStart,
    tracks: Sequence[AnnouncedTrack],
    model_digest: str,
    reference: ReferenceStatistics,
) -> str:
    options = json_format.MessageToDict(start.options)
    parts = ["taste", _TASTE_FORM, model_digest, options, [[track.index, track.sound_id] for track in tracks]]
    parts += [reference.tag] if reference.tag else []
    return canonical_digest([*parts, {"trust_scope": trust_scope()}] if trust_scope() else parts)


def _progress(opening: ingest_pb2.ClipOpening) -> _Response:
    return _Response(
        progress=extract_pb2.ExtractionProgress(track_index=opening.track_index, clips_done=opening.clip_index + 1)
    )


def _fault(index: int, failure: ResonanceError) -> _Response:
    fault = jobs_pb2.Fault(reason=failure.reason, message=failure.message)
    return _Response(track_fault=extract_pb2.ExtractionTrackFault(track_index=index, fault=fault))

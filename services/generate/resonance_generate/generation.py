"""One generation from request to end mark: claim the id, resolve the recipe, run or replay, keep the take."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import replace

import numpy as np
from torch import Tensor

from resonance.errors import DataLoss, FailedPrecondition, NotFound, ResonanceError, invalid_field
from resonance.ids import canonical_digest, new_request_id, sha256_hex
from resonance.store.token_document import Codes
from resonance.v1 import audio_pb2, generate_pb2
from resonance_generate.conditions.melody import MelodyReader, requested_melody
from resonance_generate.conditions.recipes import RecipeBook, Resolved, naming
from resonance_generate.engine.async_engine import AsyncEngine
from resonance_generate.engine.chunk_stream import PcmBlock
from resonance_generate.engine.request import EngineRequest, SteeringRule
from resonance_generate.takes.checkpoint import TakeCheckpoint
from resonance_generate.takes.continuation import continuation_tokens
from resonance_generate.takes.library import TakeLibrary
from resonance_model.model_info import to_audio_format

CHUNK_S = 0.5


class Generation:
    """What one `Generate` call does. Yields the call's messages: started, chunks, finished."""

    def __init__(
        self,
        player: AsyncEngine,
        book: RecipeBook,
        tunes: MelodyReader,
        takes: TakeLibrary,
        info: generate_pb2.ModelInfo,
    ) -> None:
        self._player = player
        self._book = book
        self._tunes = tunes
        self._takes = takes
        self._info = info

    async def run(self, request: generate_pb2.GenerateRequest) -> AsyncGenerator[generate_pb2.GenerateResponse, None]:
        """Makes the take, or replays it where the same request has already made it."""
        self._check(request)
        request_id = request.request_id or new_request_id()
        seed = request.seed if request.HasField("seed") else _seed_of(request_id)
        digest = _digest_of(request, self._info.digest)
        done = await self._takes.find(request_id) if request.request_id else None
        if done is not None:
            await self._takes.claim(request_id, digest)
            again = self.replay(done, request.resume_sample_offset, _chunk_s_of(request))
            async with aclosing(again) as responses:
                async for response in responses:
                    yield response
            return
        # A request that is refused does not use its id up: the id is bound once the recipe stands.
        resolved = await self._book.resolve(request.recipe)
        self._check_offset(request.resume_sample_offset, self._sample_count(request))
        given = await self._given_by_origin(request) if request.HasField("origin") else None
        melody = await self._tunes.hear(requested_melody(request))
        if request.request_id and await self._takes.claim(request_id, digest) and _is_in_its_tokens(resolved):
            said = await self._takes.read_checkpoint(request_id, digest)
            if said is not None:
                given = _with_said(given, said, self._frame_count(request))
        async with aclosing(self._make(request, request_id, seed, resolved, digest, given, melody)) as responses:
            async for response in responses:
                yield response

    async def _make(
        self,
        request: generate_pb2.GenerateRequest,
        request_id: str,
        seed: int,
        resolved: Resolved,
        digest: str,
        given: Codes | None,
        melody: Tensor | None,
    ) -> AsyncGenerator[generate_pb2.GenerateResponse, None]:
        frame_count = self._frame_count(request)
        take = self._take_of(request_id, seed, resolved, frame_count)
        take.chunk_s = _chunk_s_of(request)
        if request.HasField("origin"):
            take.origin.CopyFrom(request.origin)
        if melody is not None:
            take.melody_sha256 = sha256_hex(request.melody.wav)
        job = EngineRequest(
            request_id=request_id,
            params=replace(resolved.params, melody=melody),
            seed=seed,
            frame_count=frame_count,
            chunk_frames=round(_chunk_s_of(request) * self._info.frame_rate_hz),
            stream=self._player.open_stream(),
            given=given,
        )
        # Without an id of the caller's nobody can ask again, and a checkpoint would help nobody.
        has_checkpoint = bool(request.request_id) and not request.is_transient and _is_in_its_tokens(resolved)
        async with aclosing(job.stream):
            self._player.submit(job)
            yield self._started(take, self._sample_count(request))
            sounds, sequence = _Sounds(), 0
            codes: list[Codes] = []
            checkpoint = TakeCheckpoint(self._takes, request_id, digest, frame_rate_hz=self._info.frame_rate_hz)
            async for piece in job.stream:
                sounds.add(piece.pcm)
                codes.append(piece.codes)
                if has_checkpoint:
                    checkpoint.note(piece.codes)
                chunk = _chunk_of(piece, sequence, request.resume_sample_offset, take.format.channel_count)
                if chunk is not None:
                    sequence += 1
                    yield generate_pb2.GenerateResponse(chunk=chunk)
        end = sounds.end_of(take)
        if end.sample_count_total != self._sample_count(request):
            raise ResonanceError(f"take {request_id} ended before its last sample; ask again", reason="TAKE_CUT")
        if not request.is_transient:
            # A listener who leaves now still finds the take in the library, whole.
            await asyncio.shield(self._keep(checkpoint, take, sounds, codes))
        yield generate_pb2.GenerateResponse(finished=generate_pb2.GenerationFinished(end=end, take=take))

    async def _keep(
        self, checkpoint: TakeCheckpoint, take: generate_pb2.Take, sounds: _Sounds, codes: list[Codes]
    ) -> None:
        await checkpoint.settle()
        await self._takes.save(take, sounds.parts, np.concatenate(codes, axis=1))

    async def replay(
        self, take: generate_pb2.Take, sample_offset: int, chunk_s: float = CHUNK_S
    ) -> AsyncGenerator[generate_pb2.GenerateResponse, None]:
        """The messages of a finished take from a sample on. Raises InvalidInput where the take is shorter."""
        pcm = await self._pcm_of(take)
        frame_bytes = 2 * take.format.channel_count
        total = len(pcm) // frame_bytes
        self._check_offset(sample_offset, total)
        yield self._started(take, total)
        size = round(chunk_s * take.format.sample_rate_hz)
        for sequence, start in enumerate(range(sample_offset, total, size)):
            part = pcm[frame_bytes * start : frame_bytes * (start + size)]
            chunk = audio_pb2.AudioChunk(
                sequence=sequence,
                sample_offset=start,
                sample_count=len(part) // frame_bytes,
                data=part,
                recipe_id=take.recipe_id,
            )
            yield generate_pb2.GenerateResponse(chunk=chunk)
        sha256 = await asyncio.to_thread(sha256_hex, pcm)
        end = audio_pb2.StreamEnd(sample_count_total=total, sha256=bytes.fromhex(sha256))
        yield generate_pb2.GenerateResponse(finished=generate_pb2.GenerationFinished(end=end, take=take))

    async def _pcm_of(self, take: generate_pb2.Take) -> bytes:
        """The take's samples; where what is stored is damaged or gone they are made again, and must be the same."""
        try:
            return await self._takes.pcm(take)
        except (DataLoss, NotFound) as damage:
            if take.model.digest != self._info.digest:
                raise
            given: Codes | None = None
            resolved = await self._book.resolve(take.recipe)
            with suppress(DataLoss, NotFound, FailedPrecondition):
                given = await self._takes.codes(take)
            if given is None and (take.HasField("origin") or take.melody_sha256):
                raise
            job = EngineRequest(
                request_id=take.request_id,
                params=resolved.params,
                seed=take.seed,
                frame_count=round(take.duration_s * self._info.frame_rate_hz),
                chunk_frames=round((take.chunk_s or CHUNK_S) * self._info.frame_rate_hz),
                stream=self._player.open_stream(),
                given=given,
            )
            async with aclosing(job.stream):
                self._player.submit(job)
                parts = [piece.pcm async for piece in job.stream]
            pcm = await asyncio.to_thread(b"".join, parts)
            if not await self._takes.restore(take, pcm):
                raise damage
            return pcm

    def _check(self, request: generate_pb2.GenerateRequest) -> None:
        self._tunes.check(requested_melody(request))
        if request.duration_s > self._info.take_duration_s_max:
            limit = f"must be at most {self._info.take_duration_s_max:g}, not {request.duration_s:g}"
            raise invalid_field("duration_s", "TOO_LARGE", limit)

    async def _given_by_origin(self, request: generate_pb2.GenerateRequest) -> Codes:
        """The tokens that the origin gives. Raises NotFound, FailedPrecondition, InvalidInput, each naming its field."""
        origin = request.origin
        with naming("origin.request_id"):
            take = await self._takes.get(origin.request_id)
            if take.model.digest != self._info.digest:
                told = f"take {origin.request_id} was made by another model; this service runs {self._info.model_id}"
                raise FailedPrecondition(told, reason="MODEL_MISMATCH")
            known = await self._takes.codes(take)
        length_s = known.shape[1] / self._info.frame_rate_hz
        start_s = origin.start_s if origin.HasField("start_s") else length_s
        if start_s > length_s:
            raise invalid_field("origin.start_s", "TOO_LARGE", f"must be at most {length_s:g}, the length of the take")
        if start_s >= request.duration_s:
            raise invalid_field("duration_s", "TOO_SMALL", f"must be more than {start_s:g}, where new music begins")
        end = None
        if origin.HasField("end_s"):
            if not start_s < origin.end_s <= length_s:
                told = (
                    f"must lie after {start_s:g}, where new music begins, and at most at {length_s:g}, the take's end"
                )
                raise invalid_field("origin.end_s", "EMPTY_RANGE", told)
            end = self._frames_in(origin.end_s)
        return continuation_tokens(
            known, start=self._frames_in(start_s), end=end, frame_count=self._frame_count(request)
        )

    def _frames_in(self, duration_s: float) -> int:
        return round(duration_s * self._info.frame_rate_hz)

    def _check_offset(self, sample_offset: int, total: int) -> None:
        if sample_offset > total:
            told = f"the take has {total} samples; it cannot be resumed at {sample_offset}"
            raise invalid_field("resume_sample_offset", "OFFSET_BEYOND_END", told)

    def _frame_count(self, request: generate_pb2.GenerateRequest) -> int:
        return math.ceil(round(request.duration_s * self._info.frame_rate_hz, 6))

    def _sample_count(self, request: generate_pb2.GenerateRequest) -> int:
        return self._frame_count(request) * round(self._info.sample_rate_hz / self._info.frame_rate_hz)

    def _take_of(self, request_id: str, seed: int, resolved: Resolved, frame_count: int) -> generate_pb2.Take:
        return generate_pb2.Take(
            request_id=request_id,
            recipe=resolved.recipe,
            seed=seed,
            format=to_audio_format(self._info),
            duration_s=frame_count / self._info.frame_rate_hz,
            model=self._info,
            recipe_id=resolved.recipe_id,
            notices=resolved.notices,
            played=resolved.played,
        )

    def _started(self, take: generate_pb2.Take, total: int) -> generate_pb2.GenerateResponse:
        return generate_pb2.GenerateResponse(
            started=generate_pb2.GenerationStarted(
                request_id=take.request_id,
                format=take.format,
                sample_count_total=total,
                seed=take.seed,
                recipe_id=take.recipe_id,
                recipe=take.recipe,
                model=take.model,
                notices=take.notices,
                played=take.played,
            )
        )


class _Sounds:
    """The samples of a take in the making, and their digest so far: at the end of a long one nobody waits for either."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self._digest = hashlib.sha256()
        self._byte_count = 0

    def add(self, pcm: bytes) -> None:
        """Takes in what comes next."""
        self.parts.append(pcm)
        self._digest.update(pcm)
        self._byte_count += len(pcm)

    def end_of(self, take: generate_pb2.Take) -> audio_pb2.StreamEnd:
        """The end mark."""
        total = self._byte_count // (2 * take.format.channel_count)
        return audio_pb2.StreamEnd(sample_count_total=total, sha256=self._digest.digest())


def _is_in_its_tokens(resolved: Resolved) -> bool:
    """Whether a take can go on from its tokens alone as if it had never been cut. How far a push has eased off is not in them: such a
    take is made again from its beginning, and is the same."""
    return resolved.params.rule is not SteeringRule.EASE


def _with_said(given: Codes | None, said: Codes, frame_count: int) -> Codes:
    """What an earlier try has said goes before; what the origin gives stays behind it."""
    known = continuation_tokens(said, start=said.shape[1], end=None, frame_count=frame_count)
    return known if given is None else np.where(known >= 0, known, given)


def _chunk_of(piece: PcmBlock, sequence: int, resume_offset: int, channel_count: int) -> audio_pb2.AudioChunk | None:
    """The piece as a chunk, without what lies before the offset; None where nothing is left."""
    skipped = min(piece.sample_count, max(0, resume_offset - piece.sample_offset))
    if skipped == piece.sample_count:
        return None
    return audio_pb2.AudioChunk(
        sequence=sequence,
        sample_offset=piece.sample_offset + skipped,
        sample_count=piece.sample_count - skipped,
        data=piece.pcm[2 * channel_count * skipped :],
        recipe_id=piece.recipe_id,
        headroom_s=piece.headroom_s,
    )


def _chunk_s_of(request: generate_pb2.GenerateRequest) -> float:
    return request.chunk_s if request.HasField("chunk_s") else CHUNK_S


def _seed_of(request_id: str) -> int:
    """A seed where none was given: drawn from the id, so that asking again with the same id gives the same take."""
    return int.from_bytes(hashlib.sha256(b"seed:" + request_id.encode()).digest()[:6], "big")


def _digest_of(request: generate_pb2.GenerateRequest, model_digest: str) -> str:
    """What must be equal for two requests to be the same: everything but the id and the place to resume at."""
    bare = generate_pb2.GenerateRequest()
    bare.CopyFrom(request)
    bare.request_id, bare.resume_sample_offset = "", 0
    if bare.HasField("melody"):
        bare.melody.wav = bytes.fromhex(sha256_hex(request.melody.wav))  # a file would be long in hexadecimal
    return canonical_digest([bare.SerializeToString(deterministic=True).hex(), model_digest])

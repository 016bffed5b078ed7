"""`Generate` use case: new, resumed and replayed takes.

A take that was cut is resumed. A finished one is replayed.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing, nullcontext, suppress
from dataclasses import dataclass, replace

import numpy as np

from resonance.errors import DataLoss, FailedPrecondition, NotFound, ResonanceError, invalid_field
from resonance.identity import current_owner
from resonance.ids import canonical_digest, new_request_id, sha256_hex
from resonance.store.token_document import Codes
from resonance.v1 import generate_pb2
from resonance_generate.conditions.melody import MelodyChroma, MelodyReader
from resonance_generate.conditions.origin_sound import OriginSound, OriginSoundReader
from resonance_generate.conditions.recipe_changes import RecipeChangeReader, RecipeChanges
from resonance_generate.conditions.recipes import RecipeResolver, ResolvedRecipe, naming_field
from resonance_generate.engine.engine import Engine
from resonance_generate.engine.request import EngineRequest, GenerationParams, SteeringRule
from resonance_generate.responses import Event, StreamWriter, build_finished, build_started, build_take
from resonance_generate.takes.checkpoint import TakeCheckpoint
from resonance_generate.takes.continuation import continuation_tokens, origin_tokens, resumption_tokens
from resonance_generate.takes.library import TakeLibrary
from resonance_generate.takes.loop_finder import MARGIN_S
from resonance_generate.takes.loops import LOOP_S_MAX, loop_notice, make_loop
from resonance_generate.takes.room import StoreRoom
from resonance_generate.waiting_news import blocks_and_news

CHUNK_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conditions:
    """What shapes a take: its recipe, its melody, and the tokens and the sound from which it goes on."""

    resolved: ResolvedRecipe
    melody: MelodyChroma
    tokens: Codes | None
    sound: OriginSound | None
    changes: RecipeChanges = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _TakePlan:
    """A take that is going to be made: its description, its work for the engine, and its checkpoint where it has one."""

    take: generate_pb2.Take
    engine_request: EngineRequest
    checkpoint: TakeCheckpoint | None
    sample_count: int
    sample_offset: int
    is_transient: bool
    wanted_s: float


class Generation:
    """The use case `Generate`. Its streams yield `started`, chunks, and `finished`."""

    def __init__(
        self,
        engine: Engine,
        resolver: RecipeResolver,
        melodies: MelodyReader,
        sounds: OriginSoundReader,
        takes: TakeLibrary,
        room: StoreRoom,
        info: generate_pb2.ModelInfo,
    ) -> None:
        self._engine = engine
        self._resolver = resolver
        self._melodies = melodies
        self._sounds = sounds
        self._takes = takes
        self._room = room
        self._changes = RecipeChangeReader(resolver, info)
        self._info = info

    async def run(self, request: generate_pb2.GenerateRequest) -> AsyncGenerator[Event, None]:
        """Makes the take, or replays it where the same request has made it before."""
        self._check_duration(request)
        request_id = request.request_id or new_request_id()
        digest = request_digest(request, self._info.digest)
        if (done := await self._takes.find(request_id) if request.request_id else None) is None:
            events = self._make(await self._plan(request, request_id, digest))
        else:
            await self._takes.claim(request_id, digest)
            events = self.replay(done, request.resume_sample_offset, _chunk_s(request))
        async with aclosing(events):
            async for event in events:
                yield event

    async def replay(
        self, take: generate_pb2.Take, sample_offset: int, chunk_s: float = CHUNK_S
    ) -> AsyncGenerator[Event, None]:
        """The events of a finished take from a sample on. Raises InvalidInput where the take is shorter."""
        pcm = await self._load_pcm(take)
        frame_bytes = 2 * take.format.channel_count
        _check_offset(sample_offset, len(pcm) // frame_bytes)
        yield build_started(take, sample_count_total=len(pcm) // frame_bytes)
        async with aclosing(send_whole_take(take, pcm, sample_offset, chunk_s)) as events:
            async for event in events:
                yield event

    async def _plan(self, request: generate_pb2.GenerateRequest, request_id: str, digest: str) -> _TakePlan:
        """Resolves the recipe, the origin and the melody, and then binds the id to the request.

        The order matters: a request that is refused must not use its id up. A transient take writes nothing, not even its id, so that it
        can be made where the store is full.
        """
        resolved = await self._resolver.resolve(request.recipe)
        frame_count = self._frame_count(request)
        sample_count = frame_count * round(self._info.sample_rate_hz / self._info.frame_rate_hz)
        _check_offset(request.resume_sample_offset, sample_count)
        changes, sound = await self._changes.read(request), await self._sounds.read(request)
        tokens = self._sound_tokens(request, sound) if sound is not None else await self._read_origin(request)
        melody = await self._melodies.read(request)
        conditions = _Conditions(resolved=resolved, melody=melody, tokens=tokens, sound=sound, changes=changes)
        if request.is_transient:
            return self._to_plan(request, request_id, digest, conditions, sample_count)
        await self._room.check(request.duration_s)
        if (
            request.request_id
            and await self._takes.claim(request_id, digest)
            and _is_resumable(request, resolved.params)
        ):
            sampled = await self._takes.read_checkpoint(request_id, digest)
            if sampled is not None:
                tokens = resumption_tokens(sampled, tokens, frame_count=frame_count)
        return self._to_plan(request, request_id, digest, replace(conditions, tokens=tokens), sample_count)

    def _to_plan(
        self,
        request: generate_pb2.GenerateRequest,
        request_id: str,
        digest: str,
        conditions: _Conditions,
        sample_count: int,
    ) -> _TakePlan:
        take = self._describe(request, request_id, conditions)
        params = replace(conditions.resolved.params, melody=conditions.melody.chroma)
        engine_request = self._to_engine_request(take, params, conditions.tokens, conditions.changes)
        return _TakePlan(
            take=take,
            engine_request=replace(engine_request, is_background=request.is_background),
            checkpoint=self._open_checkpoint(request, digest, params),
            sample_count=sample_count,
            sample_offset=request.resume_sample_offset,
            is_transient=request.is_transient,
            wanted_s=request.duration_s,
        )

    async def _make(self, plan: _TakePlan) -> AsyncGenerator[Event, None]:
        """The events of a new take. Room for it is kept from here on, unless it is not kept itself."""
        with nullcontext() if plan.is_transient else self._room.reserved(plan.take.duration_s):
            make = self._make_loop if plan.take.HasField("loop") else self._make_in_room
            async with aclosing(make(plan)) as events:
                async for event in events:
                    yield event

    async def _make_in_room(self, plan: _TakePlan) -> AsyncGenerator[Event, None]:
        writer = StreamWriter(plan.take.format, sample_offset=plan.sample_offset)
        pcm: list[bytes] = []
        codes: list[Codes] = []
        news = blocks_and_news(self._engine, plan.engine_request)
        async with aclosing(plan.engine_request.stream), aclosing(news) as waiting:
            self._engine.submit(plan.engine_request)
            yield build_started(plan.take, sample_count_total=plan.sample_count)
            async for block in waiting:
                if isinstance(block, generate_pb2.GenerationQueued):
                    yield block
                    continue
                pcm.append(block.pcm)
                codes.append(block.codes)
                if plan.checkpoint is not None:
                    plan.checkpoint.add(block.codes)
                chunk = writer.write(block.pcm, recipe_id=block.recipe_id, headroom_s=block.headroom_s)
                if chunk is not None:
                    yield chunk
        end = writer.end()
        if end.sample_count_total != plan.sample_count:
            raise _cut_error(plan.take)
        if not plan.is_transient:
            # Shielded: a client that disconnects now still finds the whole take in the library.
            await asyncio.shield(self._save(plan, pcm, codes))
        yield build_finished(end, plan.take)

    async def _make_loop(self, plan: _TakePlan) -> AsyncGenerator[Event, None]:
        """The events of a loop: its samples are known, and sent, once all of the piece is made that it is cut out of."""
        pcm: list[bytes] = []
        codes: list[Codes] = []
        made = 0
        news = blocks_and_news(self._engine, plan.engine_request)
        async with aclosing(plan.engine_request.stream), aclosing(news) as waiting:
            self._engine.submit(plan.engine_request)
            yield build_started(plan.take)
            async for block in waiting:
                if isinstance(block, generate_pb2.GenerationQueued):
                    yield block
                    continue
                pcm.append(block.pcm)
                codes.append(block.codes)
                made += len(block.pcm) // (2 * plan.take.format.channel_count)
                yield generate_pb2.GenerationProgress(sample_count=made, sample_count_total=plan.sample_count)
        if made != plan.sample_count:
            raise _cut_error(plan.take)
        whole = await asyncio.to_thread(b"".join, pcm)
        loop = await make_loop(plan.take, whole, np.concatenate(codes, axis=1), duration_s=plan.wanted_s)
        samples = len(loop.pcm) // (2 * plan.take.format.channel_count)
        _check_offset(plan.sample_offset, samples)
        plan.take.duration_s = samples / plan.take.format.sample_rate_hz
        plan.take.loop.CopyFrom(loop.description)
        plan.take.notices.append(loop_notice(loop.description, plan.take.duration_s))
        if not plan.is_transient:
            await asyncio.shield(self._save(plan, [loop.pcm], [loop.codes]))
        async with aclosing(send_whole_take(plan.take, loop.pcm, plan.sample_offset, plan.take.chunk_s)) as events:
            async for event in events:
                yield event

    async def _save(self, plan: _TakePlan, pcm: list[bytes], codes: list[Codes]) -> None:
        if plan.checkpoint is not None:
            await plan.checkpoint.settle()
        await self._takes.save(plan.take, pcm, np.concatenate(codes, axis=1))

    async def _load_pcm(self, take: generate_pb2.Take) -> bytes:
        """The take's samples. Samples that are damaged or missing in the store are made again, and must have the same digest."""
        try:
            return await self._takes.pcm(take)
        except (DataLoss, NotFound) as damage:
            pcm = await self._make_again(take) if take.model.digest == self._info.digest else None
            if pcm is None or not await self._takes.restore(take, pcm):
                raise damage
            return pcm

    async def _make_again(self, take: generate_pb2.Take) -> bytes | None:
        """The samples of a finished take from its tokens, or from its recipe and seed; None where neither suffices."""
        if take.HasField("loop"):
            return None
        resolved = await self._resolver.resolve(take.recipe)
        tokens: Codes | None = None
        with suppress(DataLoss, NotFound, FailedPrecondition):
            tokens = await self._takes.codes(take)
        if tokens is None and (take.HasField("origin") or take.HasField("origin_sound") or take.melody_sha256):
            return None
        changes = await self._changes.read_again(take) if tokens is None else ()
        again = self._to_engine_request(take, resolved.params, tokens, changes)
        async with aclosing(again.stream) as blocks:
            self._engine.submit(again)
            parts = [block.pcm async for block in blocks]
        return await asyncio.to_thread(b"".join, parts)

    def _sound_tokens(self, request: generate_pb2.GenerateRequest, sound: OriginSound) -> Codes:
        """The prompt tokens that a sound gives. Raises InvalidInput where the take would end before the new part."""
        start_s = sound.description.new_start_s
        if start_s >= request.duration_s:
            raise invalid_field("duration_s", "TOO_SMALL", f"must be more than {start_s:g}, where new music begins")
        frames = sound.codes.shape[1]
        return continuation_tokens(sound.codes, start=frames, end=None, frame_count=self._frame_count(request))

    async def _read_origin(self, request: generate_pb2.GenerateRequest) -> Codes | None:
        """The prompt tokens that the origin gives, if there is one. Raises NotFound, FailedPrecondition, InvalidInput, naming the field."""
        if not request.HasField("origin"):
            return None
        with naming_field("origin.request_id"):
            take = await self._takes.get(request.origin.request_id)
            if take.model.digest != self._info.digest:
                message = f"take {take.request_id} was made by another model; this service runs {self._info.model_id}"
                raise FailedPrecondition(message, reason="MODEL_MISMATCH")
            known = await self._takes.codes(take)
        return origin_tokens(
            known,
            request.origin,
            duration_s=request.duration_s,
            frame_count=self._frame_count(request),
            frame_rate_hz=self._info.frame_rate_hz,
        )

    def _describe(
        self, request: generate_pb2.GenerateRequest, request_id: str, conditions: _Conditions
    ) -> generate_pb2.Take:
        seed = request.seed if request.HasField("seed") else _derive_seed(request_id)
        take = build_take(request_id, seed, conditions.resolved, self._info, frame_count=self._frame_count(request))
        take.chunk_s = _chunk_s(request)
        take.melody_sha256 = conditions.melody.sha256
        if request.duration_s > self._info.trained_duration_s:
            take.notices.append(
                f"{request.duration_s:g} s is longer than the {self._info.trained_duration_s:g} s that this model was trained on: "
                "rhythm and level may drift after that"
            )
        if request.HasField("origin"):
            take.origin.CopyFrom(request.origin)
        if request.loop:
            take.loop.SetInParent()
        self._changes.describe(conditions.changes, take)
        if conditions.sound is not None:
            take.origin_sound.CopyFrom(conditions.sound.description)
            take.notices.extend(conditions.sound.notices)
        return take

    def _to_engine_request(
        self,
        take: generate_pb2.Take,
        params: GenerationParams,
        prompt_tokens: Codes | None,
        changes: RecipeChanges = (),
    ) -> EngineRequest:
        return EngineRequest(
            owner=current_owner(),
            request_id=take.request_id,
            params=params,
            seed=take.seed,
            frame_count=round(take.duration_s * self._info.frame_rate_hz),
            chunk_frames=round(take.chunk_s * self._info.frame_rate_hz),
            stream=self._engine.open_stream(),
            prompt_tokens=prompt_tokens,
            changes=tuple((frame, replace(change.params, melody=params.melody)) for frame, change in changes),
            keeps_beginning=not (take.HasField("origin") or take.HasField("origin_sound") or take.recipe_changes),
        )

    def _open_checkpoint(
        self, request: generate_pb2.GenerateRequest, digest: str, params: GenerationParams
    ) -> TakeCheckpoint | None:
        """A checkpoint where a client can resume the take: it chose the id, and the take is kept and resumable."""
        if not request.request_id or request.is_transient or request.loop or not _is_resumable(request, params):
            return None
        return TakeCheckpoint(self._takes, request.request_id, digest, frame_rate_hz=self._info.frame_rate_hz)

    def _check_duration(self, request: generate_pb2.GenerateRequest) -> None:
        longest = self._info.take_duration_s_max
        if request.loop:
            longest = min(LOOP_S_MAX, longest - MARGIN_S)
            if request.HasField("origin") or request.HasField("origin_sound"):
                raise invalid_field("loop", "CONFLICT", "a loop is made anew: leave `origin` and `origin_sound` out")
        if request.duration_s > longest:
            what = " for a loop" if request.loop else ""
            message = f"must be at most {longest:g}{what}, not {request.duration_s:g}"
            raise invalid_field("duration_s", "TOO_LARGE", message)

    def _frame_count(self, request: generate_pb2.GenerateRequest) -> int:
        """The frames to make. Of a loop they are more than its length, so that whole bars can be cut out of them."""
        made_s = request.duration_s + (MARGIN_S if request.loop else 0.0)
        return math.ceil(round(made_s * self._info.frame_rate_hz, 6))


async def send_whole_take(
    take: generate_pb2.Take, pcm: bytes, sample_offset: int, chunk_s: float
) -> AsyncGenerator[Event, None]:
    """The chunks of a take whose samples are there, from a sample on, and its end mark."""
    frame_bytes = 2 * take.format.channel_count
    writer = StreamWriter(take.format, sample_offset=sample_offset)
    first, size = frame_bytes * sample_offset, frame_bytes * round(chunk_s * take.format.sample_rate_hz)
    await asyncio.to_thread(writer.write, pcm[:first], recipe_id=take.recipe_id)
    for start in range(first, len(pcm), size):
        chunk = writer.write(pcm[start : start + size], recipe_id=take.recipe_id)
        if chunk is not None:
            yield chunk
    yield build_finished(writer.end(), take)


def _cut_error(take: generate_pb2.Take) -> ResonanceError:
    return ResonanceError(f"take {take.request_id} ended before its last sample; ask again", reason="TAKE_CUT")


def _is_resumable(request: generate_pb2.GenerateRequest, params: GenerationParams) -> bool:
    """True where a cut take can continue from its tokens alone.

    The tokens lack the state of the rule EASE, and under which recipe each was made. Such a take is made again, and is the same.
    """
    return params.rule is not SteeringRule.EASE and not request.recipe_changes


def _check_offset(sample_offset: int, sample_count: int) -> None:
    if sample_offset > sample_count:
        message = f"the take has {sample_count} samples; it cannot be resumed at {sample_offset}"
        raise invalid_field("resume_sample_offset", "OFFSET_BEYOND_END", message)


def _chunk_s(request: generate_pb2.GenerateRequest) -> float:
    return request.chunk_s if request.HasField("chunk_s") else CHUNK_S


def _derive_seed(request_id: str) -> int:
    """Seed of a request without one. It depends on the id alone, so that the same id gives the same take again."""
    return int.from_bytes(hashlib.sha256(b"seed:" + request_id.encode()).digest()[:6], "big")


def request_digest(request: generate_pb2.GenerateRequest, model_digest: str) -> str:
    """Digest of what makes two requests the same: everything but the id and the offset to resume at."""
    bare = generate_pb2.GenerateRequest()
    bare.CopyFrom(request)
    bare.request_id, bare.resume_sample_offset, bare.is_background = "", 0, False
    if bare.HasField("melody"):
        bare.melody.wav = bytes.fromhex(sha256_hex(request.melody.wav))  # a whole file would be long in hexadecimal
    if bare.HasField("origin_sound"):
        bare.origin_sound.data = bytes.fromhex(sha256_hex(request.origin_sound.data))
    return canonical_digest([bare.SerializeToString(deterministic=True).hex(), model_digest])

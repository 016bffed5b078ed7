"""`Perform` use case: live music with controls.

Controls act on the next frames.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace

from resonance.errors import Conflict, DeadlineExceeded, InvalidInput, ResonanceError
from resonance.identity import current_owner
from resonance.ids import new_request_id, sha256_hex
from resonance.rpc.validation import validate
from resonance.v1 import audio_pb2, generate_pb2
from resonance_generate.conditions.melody import MelodyChroma, MelodyReader
from resonance_generate.conditions.recipes import RecipeResolver, ResolvedRecipe
from resonance_generate.engine.chunk_stream import PcmBlock
from resonance_generate.engine.engine import Engine
from resonance_generate.engine.request import EngineRequest
from resonance_generate.engine.running_request import RunningRequest
from resonance_generate.responses import (
    Event,
    StreamWriter,
    build_recipe_in_force,
    build_refusal,
    build_started,
    build_take,
)
from resonance_generate.takes.library import TakeLibrary
from resonance_generate.takes.recording import Recording
from resonance_generate.waiting_news import blocks_and_news
from resonance_model.model_info import to_audio_format

CHUNK_S = 0.2
# Each chunk is begun so late that it is ready this long before the previous one has been played. A control is heard after this lead, the
# rest of the current chunk, and the delay of the codebooks and the codec: docs/decisions/live-chunks-late.md.
LIVE_MARGIN_S = 0.12
# Chunks and answers that wait for the transport. A chunk may last 2.5 s: more of them would keep the slot of a client that reads nothing
# too long.
EVENTS_WAITING_MAX = 8
OPENING_S_MAX = 30.0
_Events = asyncio.Queue[Event | None]
COMMANDS = {
    generate_pb2.PLAYBACK_COMMAND_PLAY: RunningRequest.play,
    generate_pb2.PLAYBACK_COMMAND_PAUSE: RunningRequest.pause,
    generate_pb2.PLAYBACK_COMMAND_RESET: RunningRequest.reset,
    generate_pb2.PLAYBACK_COMMAND_STOP: RunningRequest.finish,
}


@dataclass(slots=True, kw_only=True)
class _State:
    """The conditions in force; controls replace them."""

    request: EngineRequest
    resolved: ResolvedRecipe
    melody: MelodyChroma


class Performance:
    """The use case `Perform`.

    A control that is refused is answered by a `RecipeInForce` with its fault, and the music continues unchanged. A client that half-closes
    sends no more controls; the music continues until the client leaves.
    """

    def __init__(
        self,
        engine: Engine,
        resolver: RecipeResolver,
        melodies: MelodyReader,
        takes: TakeLibrary,
        info: generate_pb2.ModelInfo,
    ) -> None:
        self._engine = engine
        self._takes = takes
        self._resolver = resolver
        self._melodies = melodies
        self._info = info

    async def run(self, requests: AsyncIterator[generate_pb2.PerformRequest]) -> AsyncGenerator[Event, None]:
        """Plays until the client stops it or leaves.

        Raises what `RecipeResolver.resolve`, `MelodyReader.read` and `Engine.submit` raise, and Conflict where a performance that is to be
        kept has the id of another take.
        """
        opening = await _read_opening(requests)
        resolved = await self._resolver.resolve(opening.recipe)
        melody = await self._melodies.read(opening)
        request = self.build_request(opening, resolved, melody)
        state = _State(request=request, resolved=resolved, melody=melody)
        events: _Events = asyncio.Queue(EVENTS_WAITING_MAX)
        description = build_take(request.request_id, request.seed, resolved, self._info)
        recording = await self.open_recording(opening, description) if opening.keep else None
        async with aclosing(request.stream):
            self._engine.submit(request)
            yield build_started(description)
            writer = StreamWriter(to_audio_format(self._info))
            music = asyncio.create_task(_write_music(blocks_and_news(self._engine, request), writer, events))
            controls = asyncio.create_task(self._apply_all(requests, state, events))
            try:
                while (event := await events.get()) is not None:
                    if recording is not None:
                        recording.add(event)
                        if isinstance(event, audio_pb2.StreamEnd):
                            # A client that leaves meanwhile cancels this call, not the writing.
                            await asyncio.shield(self._takes.run_in_background(recording.save()))
                    yield event
                if controls.done():
                    controls.result()  # an unforeseen failure there ends the performance: no control would act any more
                await music
            finally:
                if recording is not None:  # the client may have left; the take is stored although its call is gone
                    self._takes.run_in_background(recording.save())
                await _cancel(music, controls)

    async def open_recording(self, opening: generate_pb2.PerformOpening, description: generate_pb2.Take) -> Recording:
        """Binds the id, so that no take of another request is replaced."""
        take = generate_pb2.Take()
        take.CopyFrom(description)
        take.chunk_s = opening.chunk_s if opening.HasField("chunk_s") else CHUNK_S
        if await self._takes.claim(
            take.request_id, f"performance {sha256_hex(opening.SerializeToString(deterministic=True))}"
        ):
            raise Conflict(
                f"request id {take.request_id} names a performance already; choose a new one",
                reason="REQUEST_ID_REUSED",
            )
        return Recording(take, self._takes, self._engine.lag_samples)

    async def _apply_all(
        self, requests: AsyncIterator[generate_pb2.PerformRequest], state: _State, events: _Events
    ) -> None:
        is_stopped = False
        try:
            async for request in requests:
                try:
                    if is_stopped:
                        raise InvalidInput("the performance was stopped; open a new one", reason="STOPPED")
                    is_stopped = await self._apply(request, state, events)
                except ResonanceError as refusal:
                    await events.put(build_refusal(refusal))
        except Exception:
            await events.put(None)
            raise

    async def _apply(self, request: generate_pb2.PerformRequest, state: _State, events: _Events) -> bool:
        """Applies one control; returns whether it stops the performance."""
        validate(request)
        if request.WhichOneof("part") != "control":
            raise InvalidInput("a performance is opened once; send controls", reason="OPENED_TWICE")
        control = request.control
        _check_consistent(control)
        if _changes_music(control):
            await events.put(await self._change_music(control, state))
        if control.command in COMMANDS:
            self._engine.apply(state.request, COMMANDS[control.command])
        return control.command == generate_pb2.PLAYBACK_COMMAND_STOP

    async def _change_music(self, control: generate_pb2.PerformControl, state: _State) -> generate_pb2.RecipeInForce:
        """Puts another recipe, another melody or both in force; nothing changes where either is refused."""
        resolved = await self._resolver.resolve(control.recipe) if control.HasField("recipe") else state.resolved
        is_melody_kept = not control.HasField("melody") and not control.without_melody
        melody = state.melody if is_melody_kept else await self._melodies.read(control)
        params = replace(resolved.params, melody=melody.chroma)
        change = self._engine.apply(state.request, lambda running: running.update(params))
        sample_offset = await asyncio.wrap_future(change)
        state.resolved, state.melody = resolved, melody
        return build_recipe_in_force(resolved, sample_offset=sample_offset, melody_sha256=melody.sha256)

    def build_request(
        self, opening: generate_pb2.PerformOpening, resolved: ResolvedRecipe, melody: MelodyChroma
    ) -> EngineRequest:
        """The engine's request of a performance, with a stream that belongs to this event loop."""
        request_id = opening.request_id or new_request_id()
        chunk_s = opening.chunk_s if opening.HasField("chunk_s") else CHUNK_S
        drawn = int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:6], "big")
        return EngineRequest(
            owner=current_owner(),
            request_id=request_id,
            params=replace(resolved.params, melody=melody.chroma),
            seed=opening.seed if opening.HasField("seed") else drawn,
            frame_count=None,
            chunk_frames=round(chunk_s * self._info.frame_rate_hz),
            stream=self._engine.open_stream(),
            lead_s=LIVE_MARGIN_S,
        )


def _changes_music(control: generate_pb2.PerformControl) -> bool:
    return control.HasField("recipe") or control.HasField("melody") or control.without_melody


def _check_consistent(control: generate_pb2.PerformControl) -> None:
    """Raises InvalidInput for a control that contradicts itself, before any part of it is applied."""
    if control.HasField("melody") and control.without_melody:
        raise InvalidInput("a control has a melody or goes on without one, not both", reason="CONFLICTING_CONTROLS")
    if control.command == generate_pb2.PLAYBACK_COMMAND_STOP and _changes_music(control):
        raise InvalidInput(
            "a control that stops the music cannot change it too; send one or the other", reason="CONFLICTING_CONTROLS"
        )


async def _read_opening(requests: AsyncIterator[generate_pb2.PerformRequest]) -> generate_pb2.PerformOpening:
    try:
        async with asyncio.timeout(OPENING_S_MAX):
            first = await anext(requests, None)
    except TimeoutError:
        raise DeadlineExceeded(f"no opening came within {OPENING_S_MAX:.0f} s", reason="NO_OPENING") from None
    if first is None or first.WhichOneof("part") != "opening":
        raise InvalidInput("the first message of a performance is its opening", reason="NO_OPENING")
    validate(first)
    return first.opening


async def _write_music(
    music: AsyncGenerator[PcmBlock | generate_pb2.GenerationQueued, None], writer: StreamWriter, events: _Events
) -> None:
    """Puts chunks, places in the queue and the end mark into the events, and None after them."""
    try:
        async with aclosing(music):
            async for block in music:
                if isinstance(block, generate_pb2.GenerationQueued):
                    await events.put(block)
                    continue
                chunk = writer.write(block.pcm, recipe_id=block.recipe_id, headroom_s=block.headroom_s)
                if chunk is not None:
                    await events.put(chunk)
        await events.put(writer.end())
    except ResonanceError:
        await events.put(None)  # the failure itself is raised where the task is awaited
        raise
    await events.put(None)


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, ResonanceError):
            await task

"""A live performance: controls come in while chunks go out, and the very next frames obey."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace

from torch import Tensor

from resonance.errors import DeadlineExceeded, InvalidInput, ResonanceError
from resonance.ids import new_request_id, sha256_hex
from resonance.rpc.validation import validate
from resonance.v1 import audio_pb2, generate_pb2
from resonance_generate.conditions.melody import MelodyReader, requested_melody
from resonance_generate.conditions.recipes import RecipeBook, Resolved
from resonance_generate.engine.async_engine import AsyncEngine
from resonance_generate.engine.chunk_stream import ChunkStream
from resonance_generate.engine.engine import Engine
from resonance_generate.engine.request import EngineRequest
from resonance_model.model_info import to_audio_format

CHUNK_S = 0.2
# Each chunk is begun so late that it is done this long before the one in hand has been played. A control is heard after that, the rest of
# the chunk in hand, and what the codebooks' delay and the codec hold back: docs/decisions/live-chunks-late.md.
LEAD_S = 0.12
# Chunks and answers that wait for the transport. A chunk may last 2.5 s: more of them would keep a listener who reads nothing too long.
ANSWERS_WAITING_MAX = 8
OPENING_S_MAX = 30.0
_Answers = asyncio.Queue[generate_pb2.PerformResponse | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tune:
    """A tune's pitch classes `[frames, 12]` and its file's SHA-256; None and nothing where none is followed."""

    classes: Tensor | None
    sha256: str


@dataclass(slots=True, kw_only=True)
class _Playing:
    """What a performance plays now; controls change it."""

    job: EngineRequest
    resolved: Resolved
    tune: _Tune


class Performance:
    """What one `Perform` call does.

    A control that cannot be obeyed is answered by a `RecipeInForce` that carries its fault, and the music goes on as it was. A client that
    half-closes sends no more controls; the music plays on until it stops or leaves.
    """

    def __init__(
        self, player: AsyncEngine, book: RecipeBook, tunes: MelodyReader, info: generate_pb2.ModelInfo
    ) -> None:
        self._player = player
        self._book = book
        self._tunes = tunes
        self._info = info

    async def run(
        self, requests: AsyncIterator[generate_pb2.PerformRequest]
    ) -> AsyncGenerator[generate_pb2.PerformResponse, None]:
        """Plays until the client stops it or leaves. Raises what `RecipeBook.resolve`, `MelodyReader.hear` and `AsyncEngine.submit` raise."""
        opening = await _opening_of(requests)
        self._tunes.check(requested_melody(opening))
        resolved = await self._book.resolve(opening.recipe)
        tune = await self._tune_of(requested_melody(opening))
        playing = _Playing(job=self._job_of(opening, resolved, tune), resolved=resolved, tune=tune)
        job = playing.job
        answers: _Answers = asyncio.Queue(ANSWERS_WAITING_MAX)
        async with aclosing(job.stream):
            self._player.submit(job)
            yield self._started(job, resolved)
            tasks = (
                asyncio.create_task(_pump(job.stream, answers)),
                asyncio.create_task(self._obey_all(requests, playing, answers)),
            )
            try:
                while (answer := await answers.get()) is not None:
                    yield answer
                if tasks[1].done():
                    tasks[1].result()  # nobody would hear the controls any more: what broke them ends the performance
                await tasks[0]
            finally:
                await _cancel(*tasks)

    async def _obey_all(
        self, requests: AsyncIterator[generate_pb2.PerformRequest], playing: _Playing, answers: _Answers
    ) -> None:
        is_stopped = False
        try:
            async for request in requests:
                try:
                    if is_stopped:
                        raise InvalidInput("the performance was stopped; open a new one", reason="STOPPED")
                    is_stopped = await self._obey(request, playing, answers)
                except ResonanceError as refusal:
                    fault = generate_pb2.RecipeInForce(fault=f"{refusal.reason}: {refusal.message}")
                    await answers.put(generate_pb2.PerformResponse(recipe=fault))
        except Exception:
            await answers.put(None)
            raise

    async def _obey(self, request: generate_pb2.PerformRequest, playing: _Playing, answers: _Answers) -> bool:
        """Obeys one control; returns whether it was the last."""
        validate(request)
        if request.WhichOneof("part") != "control":
            raise InvalidInput("a performance is opened once; send controls", reason="OPENED_TWICE")
        control = request.control
        _check_consistent(control)
        self._tunes.check(requested_melody(control))
        if _changes_music(control):
            await answers.put(generate_pb2.PerformResponse(recipe=await self._change(control, playing)))
        return self._command(control.command, playing.job)

    async def _change(self, control: generate_pb2.PerformControl, playing: _Playing) -> generate_pb2.RecipeInForce:
        """Puts another recipe, another tune or both in force; nothing changes where either is refused."""
        resolved = await self._book.resolve(control.recipe) if control.HasField("recipe") else playing.resolved
        tune = playing.tune
        if control.without_melody or control.HasField("melody"):
            tune = await self._tune_of(requested_melody(control))
        params = replace(resolved.params, melody=tune.classes)
        sample_offset = await self._player.update(playing.job, params)
        playing.resolved, playing.tune = resolved, tune
        return generate_pb2.RecipeInForce(
            recipe_id=resolved.recipe_id,
            recipe=resolved.recipe,
            sample_offset=sample_offset,
            melody_sha256=tune.sha256,
            notices=resolved.notices,
            played=resolved.played,
        )

    async def _tune_of(self, melody: generate_pb2.Melody | None) -> _Tune:
        classes = await self._tunes.hear(melody)
        return _Tune(classes=classes, sha256="" if melody is None else sha256_hex(melody.wav))

    def _command(self, command: generate_pb2.PlaybackCommand, job: EngineRequest) -> bool:
        orders = {
            generate_pb2.PLAYBACK_COMMAND_PLAY: Engine.play,
            generate_pb2.PLAYBACK_COMMAND_PAUSE: Engine.pause,
            generate_pb2.PLAYBACK_COMMAND_RESET: Engine.reset,
            generate_pb2.PLAYBACK_COMMAND_STOP: Engine.finish,
        }
        if command in orders:
            self._player.order(lambda engine: orders[command](engine, job))
        return command == generate_pb2.PLAYBACK_COMMAND_STOP

    def _job_of(self, opening: generate_pb2.PerformOpening, resolved: Resolved, tune: _Tune) -> EngineRequest:
        request_id = opening.request_id or new_request_id()
        chunk_s = opening.chunk_s if opening.HasField("chunk_s") else CHUNK_S
        drawn = int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:6], "big")
        return EngineRequest(
            request_id=request_id,
            params=replace(resolved.params, melody=tune.classes),
            seed=opening.seed if opening.HasField("seed") else drawn,
            frame_count=None,
            chunk_frames=round(chunk_s * self._info.frame_rate_hz),
            stream=self._player.open_stream(),
            lead_s=LEAD_S,
        )

    def _started(self, job: EngineRequest, resolved: Resolved) -> generate_pb2.PerformResponse:
        return generate_pb2.PerformResponse(
            started=generate_pb2.GenerationStarted(
                request_id=job.request_id,
                format=to_audio_format(self._info),
                seed=job.seed,
                recipe_id=resolved.recipe_id,
                recipe=resolved.recipe,
                model=self._info,
                notices=resolved.notices,
                played=resolved.played,
            )
        )


def _changes_music(control: generate_pb2.PerformControl) -> bool:
    return control.HasField("recipe") or control.HasField("melody") or control.without_melody


def _check_consistent(control: generate_pb2.PerformControl) -> None:
    """Raises InvalidInput for a control that contradicts itself; it is refused before any of it is obeyed."""
    if control.HasField("melody") and control.without_melody:
        raise InvalidInput("a control has a melody or goes on without one, not both", reason="CONFLICTING_CONTROLS")
    if control.command == generate_pb2.PLAYBACK_COMMAND_STOP and _changes_music(control):
        raise InvalidInput(
            "a control that stops the music cannot change it too; send one or the other", reason="CONFLICTING_CONTROLS"
        )


async def _opening_of(requests: AsyncIterator[generate_pb2.PerformRequest]) -> generate_pb2.PerformOpening:
    try:
        async with asyncio.timeout(OPENING_S_MAX):
            first = await anext(requests, None)
    except TimeoutError:
        raise DeadlineExceeded(f"no opening came within {OPENING_S_MAX:.0f} s", reason="NO_OPENING") from None
    if first is None or first.WhichOneof("part") != "opening":
        raise InvalidInput("the first message of a performance is its opening", reason="NO_OPENING")
    validate(first)
    return first.opening


async def _pump(stream: ChunkStream, answers: _Answers) -> None:
    """Moves pieces into the answers, and the end mark; None comes last. Cancelled, it leaves at once: nobody reads the answers then."""
    digest, total, sequence = hashlib.sha256(), 0, 0
    try:
        async for piece in stream:
            digest.update(piece.pcm)
            total += piece.sample_count
            chunk = audio_pb2.AudioChunk(
                sequence=sequence,
                sample_offset=piece.sample_offset,
                sample_count=piece.sample_count,
                data=piece.pcm,
                recipe_id=piece.recipe_id,
                headroom_s=piece.headroom_s,
            )
            sequence += 1
            await answers.put(generate_pb2.PerformResponse(chunk=chunk))
        end = audio_pb2.StreamEnd(sample_count_total=total, sha256=digest.digest())
        await answers.put(generate_pb2.PerformResponse(finished=end))
    except ResonanceError:
        await answers.put(None)  # the failure itself is raised where the task is awaited
        raise
    await answers.put(None)


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, ResonanceError):
            await task

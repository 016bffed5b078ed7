"""Live music by Lyria RealTime behind `Perform`: controls, reconnection with a cross-fade, the local model as the last resort."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from google.protobuf import json_format

from resonance.errors import InvalidInput, ResonanceError, Unavailable, invalid_field
from resonance.google.door import GoogleDoor
from resonance.google.failures import to_domain_error
from resonance.google.prices import Kind
from resonance.google.spending import spending_on
from resonance.identity import current_owner
from resonance.ids import canonical_digest, new_request_id
from resonance.rpc.validation import validate
from resonance.v1 import audio_pb2, generate_pb2, steering_pb2
from resonance_generate.backends.capabilities import LYRIA_LIVE, Backend
from resonance_generate.backends.lyria_words import BPM, LyriaConditions, LyriaWords
from resonance_generate.backends.sound_joining import SoundJoiner, StereoResampler
from resonance_generate.backends.wishes import controls_of_performance, ignored_controls
from resonance_generate.performance import Performance
from resonance_generate.responses import Event, StreamWriter, build_refusal

RATE_HZ = 48_000
FAILURES_MAX = 3
# Live music is counted ahead in pieces of this length.
PAID_S = 10.0
_EVENTS_WAITING_MAX = 32
_STALL_S_MAX = 15.0
_RECONNECT_S, _RECONNECT_S_MAX = 0.1, 2.0
_BEATS_A_BAR = 4
# Failures after which another try would fail too.
_FINAL = ("SPENDING_CEILING", "PRICE_UNKNOWN", "GOOGLE_KEY_REFUSED", "GOOGLE_NO_MODEL")
_COMMANDS = {
    generate_pb2.PLAYBACK_COMMAND_PLAY: "play",
    generate_pb2.PLAYBACK_COMMAND_PAUSE: "pause",
    generate_pb2.PLAYBACK_COMMAND_RESET: "reset_context",
}


class LyriaPerformances:
    """Opens performances on Lyria."""

    def __init__(self, door: GoogleDoor, model: str, words: LyriaWords, local: Performance, backend: Backend) -> None:
        self.door = door
        self.model = model
        self.words = words
        self.local = local
        self.backend = backend

    async def run(
        self, opening: generate_pb2.PerformOpening, requests: AsyncIterator[generate_pb2.PerformRequest]
    ) -> AsyncGenerator[Event, None]:
        """Plays until the client stops it or leaves.

        Raises:
            InvalidInput: the opening asks for a melody.
            NotFound: there is no such taste.
            ResonanceError: Lyria failed, and the local model could not take over either.
        """
        if opening.HasField("melody"):
            raise invalid_field("melody", "BACKEND_CANNOT", f"{LYRIA_LIVE} follows no melody; name another backend")
        seed = opening.seed if opening.HasField("seed") else None
        conditions = await self.words.live(opening.recipe, seed=seed)
        performance = _LyriaPerformance(self, opening, conditions)
        async for event in performance.run(requests):
            yield event


class _LyriaPerformance:
    """One performance. Its sound is 16-bit stereo at 48 kHz, also where the local model plays on."""

    def __init__(
        self,
        parts: LyriaPerformances,
        opening: generate_pb2.PerformOpening,
        conditions: LyriaConditions,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parts = parts
        self._recipe, self._conditions = opening.recipe, conditions
        self._opening = opening
        self._request_id = opening.request_id or new_request_id()
        self._clock = clock
        self._format = audio_pb2.AudioFormat(
            sample_rate_hz=RATE_HZ, channel_count=2, encoding=audio_pb2.SAMPLE_ENCODING_PCM_S16LE
        )
        self._writer = StreamWriter(self._format)
        self._joiner = SoundJoiner(rate_hz=RATE_HZ)
        self._events: asyncio.Queue[Event | None] = asyncio.Queue(_EVENTS_WAITING_MAX)
        self._session: Any = None
        self._local: asyncio.Queue[generate_pb2.PerformRequest | None] | None = None
        self._is_paused = self._is_stopped = False
        self._sent = 0
        self._paid_s = 0.0
        self._played_from_s: float | None = None
        self._lost_at_s: float | None = None
        self._loss = ""
        self._at_bar: asyncio.Task[None] | None = None

    async def run(self, requests: AsyncIterator[generate_pb2.PerformRequest]) -> AsyncGenerator[Event, None]:
        """The events of the performance."""
        yield self._started()
        music = asyncio.create_task(self._play())
        controls = asyncio.create_task(self._control(requests))
        try:
            while (event := await self._events.get()) is not None:
                yield event
            if controls.done():
                controls.result()
            await music
        finally:
            for task in (music, controls, *([self._at_bar] if self._at_bar else [])):
                task.cancel()
                with suppress(asyncio.CancelledError, ResonanceError):
                    await task

    # --- music

    async def _play(self) -> None:
        """Plays from Google, and after FAILURES_MAX failures in a row from the local model; ends the events."""
        failures = 0
        try:
            while not self._is_stopped:
                try:
                    failures = await self._play_once(failures)
                except ResonanceError as error:
                    failures += 1
                    if self._is_stopped:
                        break
                    self._lose(error)
                    if failures >= FAILURES_MAX or error.reason in _FINAL:
                        await self._take_over(error)
                        break
                    await asyncio.sleep(min(_RECONNECT_S * 2**failures, _RECONNECT_S_MAX))
            await self._send(self._joiner.rest())
            await self._events.put(self._writer.end())
        finally:
            with suppress(asyncio.QueueFull):
                self._events.put_nowait(None)

    async def _play_once(self, failures: int) -> int:
        """Plays on one socket until it ends, which is an error. Returns the failures in a row where the performance was stopped."""
        await self._pay()
        try:
            async with self._parts.door.live_music(self._parts.model) as session:
                await self._apply(session, self._conditions)
                if not self._is_paused:
                    await session.play()
                self._session = session
                async for message in session.receive():
                    if message.filtered_prompt is not None:
                        await self._tell_filtered(message.filtered_prompt)
                    for chunk in (message.server_content.audio_chunks if message.server_content else None) or ():
                        failures = 0
                        await self._hear(chunk.data or b"")
                    if self._is_stopped:
                        return failures
                raise Unavailable(f"{self._parts.model} ended the music", reason="GOOGLE_AWAY")
        except asyncio.CancelledError:
            raise
        except Exception as failure:
            # `failures` grows in the caller; sound in between has set it back.
            error = to_domain_error(failure, self._parts.model)
            if failures == 0 and error.reason not in _FINAL and self._lost_at_s is None:
                self._lose(error)
                return 0
            raise error from None
        finally:
            self._session = None

    def _lose(self, error: ResonanceError) -> None:
        """Notes when the connection was lost, and why."""
        self._loss = error.message
        if self._lost_at_s is None:
            self._lost_at_s = self._clock()

    async def _hear(self, pcm: bytes) -> None:
        """Takes sound of Google's: joins it after a loss, and pays for the next piece in time."""
        if self._lost_at_s is not None:
            await self._tell_back()
        await self._send(self._joiner.push(pcm))
        if self._sent / RATE_HZ > self._paid_s - PAID_S / 2:
            await self._pay()

    async def _pay(self) -> None:
        """Counts the next piece of live music where less than half a piece is left."""
        if self._sent / RATE_HZ <= self._paid_s - PAID_S / 2:
            return
        spending, owner = self._parts.door.spending, current_owner()
        with spending_on(self._request_id):
            await spending.reserve(Kind.LIVE_S, PAID_S, owner=owner, request_id=self._request_id)
        self._paid_s += PAID_S

    async def _send(self, pcm: bytes) -> None:
        """Hands samples over. A client that reads nothing for long loses the performance, because it costs money."""
        if not pcm:
            return
        now_s = self._clock()
        if self._played_from_s is None:
            self._played_from_s = now_s
        chunk = self._writer.write(pcm, recipe_id=_id_of(self._recipe), headroom_s=max(self._ahead_s(now_s), 0.0))
        self._sent += len(pcm) // 4
        if chunk is not None:
            try:
                async with asyncio.timeout(_STALL_S_MAX):
                    await self._events.put(chunk)
            except TimeoutError:
                raise Unavailable("the listener reads nothing; open another performance", reason="STALLED") from None

    def _ahead_s(self, now_s: float) -> float:
        """Seconds that were sent beyond what a client that never pauses has played."""
        return 0.0 if self._played_from_s is None else self._sent / RATE_HZ - (now_s - self._played_from_s)

    async def _tell_back(self) -> None:
        """Tells that the connection is back, how long it was away, and whether the listener ran out of sound."""
        assert self._lost_at_s is not None
        now_s = self._clock()
        away_s, gap_s = now_s - self._lost_at_s, -self._ahead_s(now_s)
        self._lost_at_s = None
        self._joiner.restart()
        notice = (
            f"the connection to {self._parts.model} was lost for {away_s:.1f} s ({self._loss}); the music is faded over"
        )
        if gap_s > 0 and self._played_from_s is not None:
            self._played_from_s += gap_s
            notice += f", with a gap of {gap_s:.1f} s"
        await self._tell(notice)

    async def _tell_filtered(self, filtered: Any) -> None:
        await self._tell(
            f"the words “{str(filtered.text)[:100]}” are not played: {str(filtered.filtered_reason)[:200]}"
        )

    async def _tell(self, *notices: str) -> None:
        await self._events.put(self._in_force(notices))

    # --- the local model

    async def _take_over(self, error: ResonanceError) -> None:
        """Lets the local model play on with the recipe in force, told."""
        await self._tell(f"{LYRIA_LIVE} failed ({error.message}); the model of this machine plays on")
        self._joiner.restart()
        self._local = asyncio.Queue()
        opening = generate_pb2.PerformOpening(recipe=self._recipe)
        if self._opening.HasField("chunk_s"):
            opening.chunk_s = self._opening.chunk_s
        await self._local.put(generate_pb2.PerformRequest(opening=opening))
        if self._is_paused:
            pause = generate_pb2.PerformControl(command=generate_pb2.PLAYBACK_COMMAND_PAUSE)
            await self._local.put(generate_pb2.PerformRequest(control=pause))
        begun, resampler = self._sent, None
        async for event in self._parts.local.run(_drain(self._local)):
            if isinstance(event, generate_pb2.GenerationStarted):
                resampler = StereoResampler(event.format, RATE_HZ)
            elif isinstance(event, audio_pb2.AudioChunk):
                assert resampler is not None
                await self._send(self._joiner.push(resampler.push(event.data)))
            elif isinstance(event, generate_pb2.RecipeInForce):
                if resampler is not None and not event.HasField("fault"):
                    event.sample_offset = begun + round(event.sample_offset * resampler.ratio)
                await self._events.put(event)
            elif isinstance(event, generate_pb2.GenerationQueued):
                await self._events.put(event)

    # --- controls

    async def _control(self, requests: AsyncIterator[generate_pb2.PerformRequest]) -> None:
        try:
            async for request in requests:
                if self._local is not None:
                    await self._local.put(request)
                    continue
                try:
                    await self._obey(request)
                except ResonanceError as refusal:
                    await self._events.put(build_refusal(refusal))
        finally:
            if self._local is not None:
                await self._local.put(None)

    async def _obey(self, request: generate_pb2.PerformRequest) -> None:
        validate(request)
        if request.WhichOneof("part") != "control":
            raise InvalidInput("a performance is opened once; send controls", reason="OPENED_TWICE")
        control = request.control
        if self._is_stopped:
            raise InvalidInput("the performance was stopped; open a new one", reason="STOPPED")
        if control.HasField("melody"):
            raise invalid_field("melody", "BACKEND_CANNOT", f"{LYRIA_LIVE} follows no melody")
        is_stop = control.command == generate_pb2.PLAYBACK_COMMAND_STOP
        if is_stop and control.HasField("recipe"):
            raise InvalidInput("a control stops or changes the recipe, not both", reason="CONFLICTING_CONTROLS")
        if control.HasField("recipe"):
            await self._change_recipe(control.recipe)
        if is_stop:
            self._is_stopped = True
            if self._session is not None:
                await self._session.close()
        elif control.command in _COMMANDS:
            self._is_paused = control.command == generate_pb2.PLAYBACK_COMMAND_PAUSE
            if self._session is not None:
                await getattr(self._session, _COMMANDS[control.command])()

    async def _change_recipe(self, recipe: steering_pb2.Recipe) -> None:
        """Changes the music: words and most knobs at once, tempo and key at the next bar, because they need the context to be reset."""
        before, after = self._conditions, await self._parts.words.live(recipe)
        self._recipe, self._conditions = recipe, after
        notices = [*after.notices, *self._ignored(generate_pb2.PerformOpening(recipe=recipe))]
        if self._session is not None:
            waits = after.differs_at_a_bar(before)
            kept = {name: before.config[name] for name in ("bpm", "scale") if name in before.config}
            now = {name: value for name, value in after.config.items() if name not in ("bpm", "scale")} | kept
            at_once = LyriaConditions(prompts=after.prompts, config=now, notices=()) if waits else after
            await self._apply(self._session, at_once)
            if waits:
                wait_s = self._until_bar_s(before.config.get("bpm", BPM))
                notices.append(f"tempo and key change at the next bar, in {wait_s:.1f} s")
                if self._at_bar is not None:
                    self._at_bar.cancel()
                self._at_bar = asyncio.create_task(self._reset_at_bar(wait_s))
        await self._events.put(self._in_force(notices))

    async def _reset_at_bar(self, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        if (session := self._session) is not None:
            with suppress(Exception):  # a socket that is cut gets the whole recipe when it is opened again
                await self._apply(session, self._conditions)
                await session.reset_context()

    def _until_bar_s(self, bpm: float) -> float:
        bar_s = _BEATS_A_BAR * 60.0 / bpm
        return bar_s - (self._sent / RATE_HZ) % bar_s

    async def _apply(self, session: Any, conditions: LyriaConditions) -> None:
        from google.genai import types

        prompts = [types.WeightedPrompt(text=text, weight=weight) for text, weight in conditions.prompts]
        await session.set_weighted_prompts(prompts)
        await session.set_music_generation_config(types.LiveMusicGenerationConfig(**conditions.config))

    # --- messages

    def _started(self) -> generate_pb2.GenerationStarted:
        prices = self._parts.door.spending.prices
        model = self._parts.model
        return generate_pb2.GenerationStarted(
            request_id=self._request_id,
            format=self._format,
            seed=self._opening.seed,
            recipe_id=_id_of(self._recipe),
            recipe=self._recipe,
            model=generate_pb2.ModelInfo(
                model_id=model,
                backend=LYRIA_LIVE,
                sample_rate_hz=RATE_HZ,
                capabilities=generate_pb2.ModelCapabilities(live=True, stereo=True),
            ),
            notices=[
                f"played by {model} at Google for about ${prices.usd.get(Kind.LIVE_S, 0.0) * 60:.3f} a minute "
                f"(price of {prices.day or 'no day'}); the words go there",
                *self._conditions.notices,
                *self._ignored(self._opening),
            ],
        )

    def _ignored(self, opening: generate_pb2.PerformOpening) -> list[str]:
        ignored = ignored_controls(self._parts.backend, controls_of_performance(opening))
        return [f"without effect on {LYRIA_LIVE}: {', '.join(ignored)}"] if ignored else []

    def _in_force(self, notices: Any) -> generate_pb2.RecipeInForce:
        return generate_pb2.RecipeInForce(
            recipe_id=_id_of(self._recipe), recipe=self._recipe, sample_offset=self._sent, notices=list(notices)
        )


async def _drain(
    requests: asyncio.Queue[generate_pb2.PerformRequest | None],
) -> AsyncGenerator[generate_pb2.PerformRequest, None]:
    while (request := await requests.get()) is not None:
        yield request


def _id_of(recipe: steering_pb2.Recipe) -> str:
    return canonical_digest(json_format.MessageToDict(recipe))[:16]

"""Songs by Lyria: asked for once, decoded in a confined child, sent and kept as takes with their lyrics."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from google.protobuf import json_format

from resonance.audio.sandbox import run_child
from resonance.errors import DeadlineExceeded, Unavailable, invalid_field
from resonance.google.door import GoogleDoor
from resonance.google.prices import Kind
from resonance.google.spending import spending_on
from resonance.ids import canonical_digest, new_request_id
from resonance.v1 import audio_pb2, generate_pb2
from resonance_generate.backends.capabilities import LYRIA_SONGS, Backend
from resonance_generate.backends.lyria_words import LyriaWords
from resonance_generate.backends.wishes import controls_of_take, ignored_controls
from resonance_generate.generation import CHUNK_S, Generation, request_digest, send_whole_take
from resonance_generate.responses import Event, build_started
from resonance_generate.takes.library import TakeLibrary
from resonance_generate.takes.room import StoreRoom

RATE_HZ = 44_100
_REFUSED = ("melody", "origin", "origin_sound", "loop", "recipe_changes")
_WORKER = "resonance_generate.backends.decode_worker"
_DECODE_S_MAX = 300.0
_LENGTH_TOLERANCE = 0.1


class SongGeneration:
    """The use case `Generate` with a song model. A finished song is replayed like every other take."""

    def __init__(
        self,
        door: GoogleDoor,
        model: str,
        words: LyriaWords,
        generation: Generation,
        takes: TakeLibrary,
        room: StoreRoom,
        backend: Backend,
    ) -> None:
        self._door = door
        self._model = model
        self._words = words
        self._generation = generation
        self._takes = takes
        self._room = room
        self._backend = backend

    async def run(self, request: generate_pb2.GenerateRequest) -> AsyncGenerator[Event, None]:
        """Makes the song, or replays it where the same request has made it before.

        Raises:
            InvalidInput: the request asks for what no song model does, or Google refuses the words.
            Overloaded, FailedPrecondition: a ceiling is reached, there is no price, or Google is busy.
            Unavailable, DeadlineExceeded: no song came; it may be asked for again.
        """
        for name in _REFUSED:
            if request.HasField(name) if name in ("melody", "origin", "origin_sound") else getattr(request, name):
                raise invalid_field(name, "BACKEND_CANNOT", f"{LYRIA_SONGS} cannot do this; name another backend")
        request_id = request.request_id or new_request_id()
        digest = request_digest(request, self._model)
        done = await self._takes.find(request_id) if request.request_id else None
        if not request.is_transient:
            await self._takes.claim(request_id, digest)
        if done is not None:
            events = self._generation.replay(done, request.resume_sample_offset, CHUNK_S)
        else:
            take, pcm = await self._make(request, request_id)
            yield build_started(take, sample_count_total=len(pcm) // 4)
            events = send_whole_take(take, pcm, min(request.resume_sample_offset, len(pcm) // 4), CHUNK_S)
        async with aclosing(events):
            async for event in events:
                yield event

    async def _make(self, request: generate_pb2.GenerateRequest, request_id: str) -> tuple[generate_pb2.Take, bytes]:
        prompt, notices = await self._words.song(request.recipe, duration_s=request.duration_s)
        with spending_on(request_id):
            answer = await self._door.make(
                self._model, prompt, response_format={"type": "audio"}, kind=Kind.SONG, quantity=1.0
            )
        pcm = await self._decode(answer.data)
        seconds = len(pcm) / 4 / RATE_HZ
        take = generate_pb2.Take(
            request_id=request_id,
            recipe=request.recipe,
            recipe_id=canonical_digest(json_format.MessageToDict(request.recipe))[:16],
            format=audio_pb2.AudioFormat(
                sample_rate_hz=RATE_HZ, channel_count=2, encoding=audio_pb2.SAMPLE_ENCODING_PCM_S16LE
            ),
            duration_s=seconds,
            chunk_s=CHUNK_S,
            model=generate_pb2.ModelInfo(
                model_id=self._model,
                backend=LYRIA_SONGS,
                sample_rate_hz=RATE_HZ,
                limits_note="A song model of Google's; sound and words went there.",
            ),
            backend=LYRIA_SONGS,
            lyrics=answer.text[:20_000],
            cost_usd=answer.cost_usd,
            notices=[*notices, *self._notices(request, seconds, answer.cost_usd)],
        )
        if not request.is_transient:
            await self._room.check(seconds)
            # Shielded: it is paid for, so a client that disconnects now still finds it in the library.
            await asyncio.shield(self._takes.save(take, [pcm]))
        return take, pcm

    def _notices(self, request: generate_pb2.GenerateRequest, seconds: float, cost_usd: float) -> list[str]:
        day = self._door.spending.prices.day
        notices = [f"made by {self._model} at Google for about ${cost_usd:.3f} (price of {day}); the words went there"]
        if ignored := ignored_controls(self._backend, controls_of_take(request)):
            notices.append(f"without effect on {LYRIA_SONGS}: {', '.join(ignored)}")
        if abs(seconds - request.duration_s) > _LENGTH_TOLERANCE * request.duration_s:
            notices.append(f"the song is {seconds:.1f} s long; {request.duration_s:g} s were asked for in words")
        return notices

    async def _decode(self, data: bytes) -> bytes:
        """Interleaved 16-bit stereo samples at RATE_HZ."""
        with tempfile.TemporaryDirectory(prefix="song-") as made:
            source, target = Path(made) / "source", Path(made) / "pcm"
            await asyncio.to_thread(source.write_bytes, data)
            arguments = [str(source), str(target), str(RATE_HZ)]
            result = await run_child(_WORKER, arguments, folder=Path(made), timeout_s=_DECODE_S_MAX)
            if result.timed_out:
                raise DeadlineExceeded("the song could not be decoded in time", reason="DECODE_TIMEOUT")
            answer = json.loads(result.lines[-1]) if result.lines else {}
            if "samples" not in answer:
                what = answer.get("fault", "a file that cannot be decoded")
                raise Unavailable(f"{self._model} sent {what}", reason="GOOGLE_WRONG_ANSWER", retry_after_s=2.0)
            return await asyncio.to_thread(target.read_bytes)

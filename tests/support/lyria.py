"""Backends over a tiny model and the server that stands for Google's: an installation, and a client of a performance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np

from resonance.google.door import GoogleDoor, open_google
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import audio_pb2, generate_pb2, steering_pb2
from resonance_generate.backends.dispatch import Backends, open_backends
from resonance_generate.conditions.melody import MelodyReader
from resonance_generate.conditions.origin_sound import OriginSoundReader
from resonance_generate.conditions.recipes import RecipeResolver
from resonance_generate.conditions.vectors import Vectors
from resonance_generate.engine.engine import Engine
from resonance_generate.generation import Generation
from resonance_generate.performance import Performance
from resonance_generate.takes.library import TakeLibrary
from resonance_generate.takes.room import StoreRoom
from resonance_model.loaded_model import LoadedModel
from resonance_model.model_info import to_model_info
from support.google import KEY, GoogleServer

PLAY, PAUSE, STOP = (
    generate_pb2.PLAYBACK_COMMAND_PLAY,
    generate_pb2.PLAYBACK_COMMAND_PAUSE,
    generate_pb2.PLAYBACK_COMMAND_STOP,
)


def settings_of(server: GoogleServer, **more: object) -> Settings:
    known: dict[str, object] = {
        "gemini_api_key": KEY,
        "gemini_url": server.url,
        "google_prices": "song=0.08,live_s=0.002@2026-11-30",
        "backends": "local,lyria-songs,lyria-live",
    }
    return Settings(**known | more)  # type: ignore[arg-type]


class Installation:
    """Backends over a tiny model and the server."""

    def __init__(self, tiny: LoadedModel, settings: Settings, engine: Engine) -> None:
        store, info = MemoryStore(), to_model_info(tiny, settings)
        vectors = Vectors(store, model_digest=tiny.description.digest, item_max=1)
        resolver, melodies = RecipeResolver(tiny, vectors), MelodyReader(tiny, settings)
        self.takes, room = TakeLibrary(store), StoreRoom(store, info)
        sounds = OriginSoundReader(tiny, settings, store)
        self.generation = Generation(engine, resolver, melodies, sounds, self.takes, room, info)
        performance = Performance(engine, resolver, melodies, self.takes, info)
        self.door: GoogleDoor | None = open_google(settings, store)
        self.backends: Backends = open_backends(
            settings, self.door, self.generation, performance, vectors, self.takes, room, info
        )


def recipe_of(text: str = "jazz", **fields: object) -> steering_pb2.Recipe:
    return steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text=text, weight=1.0)], **fields)  # type: ignore[arg-type]


def song_of(**fields: object) -> generate_pb2.GenerateRequest:
    known: dict[str, object] = {"recipe": recipe_of(), "duration_s": 4, "backend": "lyria-songs"}
    return generate_pb2.GenerateRequest(**known | fields)  # type: ignore[arg-type]


async def made(backends: Backends, request: generate_pb2.GenerateRequest) -> tuple[bytes, generate_pb2.Take]:
    pcm, take, total = b"", generate_pb2.Take(), 0
    async with aclosing(backends.generate(request)) as events:
        async for event in events:
            if isinstance(event, generate_pb2.GenerationStarted):
                total = event.sample_count_total
            elif isinstance(event, audio_pb2.AudioChunk):
                pcm += event.data
            elif isinstance(event, generate_pb2.GenerationFinished):
                take = event.take
                assert event.end.sample_count_total == total, "the stream begins with what it will hold"
    return pcm, take


class Player:
    """A client of a performance: sends controls, keeps what it hears."""

    def __init__(self, backends: Backends, **opening: object) -> None:
        known: dict[str, object] = {"recipe": recipe_of(), "backend": "lyria-live"}
        self._requests: asyncio.Queue[generate_pb2.PerformRequest | None] = asyncio.Queue()
        self._requests.put_nowait(
            generate_pb2.PerformRequest(opening=generate_pb2.PerformOpening(**known | opening))  # type: ignore[arg-type]
        )
        self.started = generate_pb2.GenerationStarted()
        self.recipes: list[generate_pb2.RecipeInForce] = []
        self.chunks: list[audio_pb2.AudioChunk] = []
        self.end = audio_pb2.StreamEnd()
        self.task = asyncio.create_task(self._play(backends))

    def send(self, **control: object) -> None:
        self._requests.put_nowait(
            generate_pb2.PerformRequest(control=generate_pb2.PerformControl(**control))  # type: ignore[arg-type]
        )

    async def heard(self, chunks: int, within_s: float = 20.0) -> None:
        async with asyncio.timeout(within_s):
            while len(self.chunks) < chunks:
                if self.task.done():
                    self.task.result()
                    raise AssertionError("the performance ended")
                await asyncio.sleep(0.02)

    async def told(self, words: str, within_s: float = 20.0) -> str:
        async with asyncio.timeout(within_s):
            while not (found := [notice for one in self.recipes for notice in one.notices if words in notice]):
                if self.task.done():
                    self.task.result()
                    raise AssertionError(f"the performance ended; it told {self.recipes}")
                await asyncio.sleep(0.02)
        return found[-1]

    async def stopped(self) -> None:
        self.send(command=STOP)
        async with asyncio.timeout(20):
            await self.task

    async def _play(self, backends: Backends) -> None:
        async with aclosing(backends.perform(self._read())) as events:
            async for event in events:
                if isinstance(event, generate_pb2.GenerationStarted):
                    self.started = event
                elif isinstance(event, generate_pb2.RecipeInForce):
                    self.recipes.append(event)
                elif isinstance(event, audio_pb2.AudioChunk):
                    self.chunks.append(event)
                elif isinstance(event, audio_pb2.StreamEnd):
                    self.end = event

    async def _read(self) -> AsyncIterator[generate_pb2.PerformRequest]:
        while (request := await self._requests.get()) is not None:
            yield request

    @property
    def samples(self) -> np.ndarray:
        return np.frombuffer(b"".join(chunk.data for chunk in self.chunks), "<i2").reshape(-1, 2)

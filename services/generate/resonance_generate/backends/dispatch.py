"""Backends of an installation: each request goes to the one that it names, or to the first that obeys all its controls."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from resonance.errors import InvalidInput, Unsupported, invalid_field
from resonance.google.door import GoogleDoor
from resonance.settings import Settings
from resonance.v1 import generate_pb2
from resonance_generate.backends import lyria_live, lyria_songs
from resonance_generate.backends.capabilities import (
    LOCAL,
    LYRIA_LIVE,
    LYRIA_SONGS,
    NAMES,
    Backend,
    local_backend,
    lyria_backend,
)
from resonance_generate.backends.lyria_words import LyriaWords
from resonance_generate.backends.wishes import choose_backend, controls_of_performance, controls_of_take
from resonance_generate.conditions.vectors import Vectors
from resonance_generate.generation import Generation
from resonance_generate.performance import Performance
from resonance_generate.responses import Event
from resonance_generate.takes.library import TakeLibrary
from resonance_generate.takes.room import StoreRoom


class Backends:
    """The local model, and with a key those of Google that `RESONANCE_BACKENDS` names."""

    def __init__(
        self,
        backends: Sequence[Backend],
        generation: Generation,
        performance: Performance,
        songs: lyria_songs.SongGeneration | None = None,
        live: lyria_live.LyriaPerformances | None = None,
    ) -> None:
        self._backends = tuple(backends)
        self._generation = generation
        self._performance = performance
        self._songs = songs
        self._live = live

    @property
    def infos(self) -> list[generate_pb2.BackendInfo]:
        """What requests can name, in the order of preference."""
        return [backend.info for backend in self._backends]

    def check_local(self, name: str) -> None:
        """Raises Unsupported where a request for several takes names another backend than the local one."""
        if name and name != LOCAL:
            raise Unsupported(
                "several takes of one request are made by the local backend alone", reason="BACKEND_CANNOT"
            )

    async def generate(self, request: generate_pb2.GenerateRequest) -> AsyncGenerator[Event, None]:
        """A take. Raises what `choose_backend` and the chosen backend raise."""
        chosen = choose_backend(request.backend, self._backends, controls_of_take(request), performs=False)
        is_song = chosen.name == LYRIA_SONGS and self._songs is not None
        events = self._songs.run(request) if is_song and self._songs is not None else self._generation.run(request)
        async for event in events:
            yield event

    async def perform(self, requests: AsyncIterator[generate_pb2.PerformRequest]) -> AsyncGenerator[Event, None]:
        """Live music. Raises what `choose_backend` and the chosen backend raise."""
        first = await anext(requests, None)
        if first is None or first.WhichOneof("part") != "opening" or self._live is None:
            async for event in self._performance.run(_chained(self._checked(first), requests)):
                yield event
            return
        used = controls_of_performance(first.opening)
        chosen = choose_backend(first.opening.backend, self._backends, used, performs=True)
        events = (
            self._live.run(first.opening, requests)
            if chosen.name == LYRIA_LIVE
            else self._performance.run(_chained(first, requests))
        )
        async for event in events:
            yield event

    def _checked(self, first: generate_pb2.PerformRequest | None) -> generate_pb2.PerformRequest | None:
        """The first message, where only the local model plays. Raises NotFound and Unsupported for another name."""
        if first is not None and first.WhichOneof("part") == "opening":
            choose_backend(first.opening.backend, self._backends, [], performs=True)
        return first


def open_backends(
    settings: Settings,
    door: GoogleDoor | None,
    generation: Generation,
    performance: Performance,
    vectors: Vectors,
    takes: TakeLibrary,
    room: StoreRoom,
    model: generate_pb2.ModelInfo,
) -> Backends:
    """The backends of `RESONANCE_BACKENDS`.

    Raises:
        InvalidInput: it names an unknown backend, one twice, or one of Google's without a key.
    """
    names = [name.strip() for name in settings.backends.split(",") if name.strip()]
    _check_names(names, door)
    found: dict[str, Backend] = {LOCAL: local_backend(model)}
    songs = live = None
    if door is not None:
        words, prices = LyriaWords(vectors), door.spending.prices
        song_model, live_model = settings.lyria_song_model, settings.lyria_live_model
        found[LYRIA_SONGS] = lyria_backend(LYRIA_SONGS, song_model, prices, sample_rate_hz=lyria_songs.RATE_HZ)
        found[LYRIA_LIVE] = lyria_backend(LYRIA_LIVE, live_model, prices, sample_rate_hz=lyria_live.RATE_HZ)
        if LYRIA_SONGS in names:
            songs = lyria_songs.SongGeneration(door, song_model, words, generation, takes, room, found[LYRIA_SONGS])
        if LYRIA_LIVE in names:
            live = lyria_live.LyriaPerformances(door, live_model, words, performance, found[LYRIA_LIVE])
    return Backends([found[name] for name in names], generation, performance, songs, live)


def _check_names(names: Sequence[str], door: GoogleDoor | None) -> None:
    setting = "RESONANCE_BACKENDS"
    if not names or len(set(names)) < len(names) or not set(names) <= set(NAMES):
        raise invalid_field(setting, "INVALID_SETTING", f"must be some of {', '.join(NAMES)}, each once, with commas")
    if door is None and (foreign := [name for name in names if name != LOCAL]):
        message = f"{', '.join(foreign)} need a key in RESONANCE_GEMINI_API_KEY or RESONANCE_GEMINI_API_KEY_FILE"
        raise InvalidInput(f"{setting}: {message}", reason="INVALID_SETTING")


async def _chained(
    first: generate_pb2.PerformRequest | None, rest: AsyncIterator[generate_pb2.PerformRequest]
) -> AsyncGenerator[generate_pb2.PerformRequest, None]:
    if first is not None:
        yield first
    async for request in rest:
        yield request

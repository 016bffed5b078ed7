"""Lyria behind our doors: songs as takes, live music with controls, cut sockets, the local model as the last resort."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np
import pytest
from support.google import KEY, LYRICS, GoogleServer, google_server

from resonance.errors import Conflict, FailedPrecondition, InvalidInput, NotFound, Overloaded, Unavailable, Unsupported
from resonance.google import GoogleDoor, open_google
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import audio_pb2, generate_pb2, steering_pb2
from resonance_generate.backends.dispatch import Backends, open_backends
from resonance_generate.backends.lyria_words import LyriaWords
from resonance_generate.backends.sound_joining import FADE_S, SoundJoiner
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

PLAY, PAUSE, STOP = (
    generate_pb2.PLAYBACK_COMMAND_PLAY,
    generate_pb2.PLAYBACK_COMMAND_PAUSE,
    generate_pb2.PLAYBACK_COMMAND_STOP,
)


@pytest.fixture
async def server() -> AsyncIterator[GoogleServer]:
    async with google_server() as server:
        yield server


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
        performance = Performance(engine, resolver, melodies, info)
        self.door: GoogleDoor | None = open_google(settings, store)
        self.backends: Backends = open_backends(
            settings, self.door, self.generation, performance, vectors, self.takes, room, info
        )


@pytest.fixture
async def engine(tiny: LoadedModel) -> AsyncIterator[Engine]:
    engine = Engine(tiny, slot_count=2, queue_places=0, stall_s_max=5)
    engine.start()
    yield engine
    await asyncio.to_thread(engine.stop)


@pytest.fixture
async def installation(tiny: LoadedModel, server: GoogleServer, engine: Engine) -> AsyncIterator[Installation]:
    made = Installation(tiny, settings_of(server), engine)
    yield made
    assert made.door is not None
    await made.door.close()


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
                assert event.end.sample_count_total == total or not total
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


# --- songs


async def test_a_song_is_sent_kept_with_its_lyrics_and_replayed_without_being_paid_again(
    installation: Installation, server: GoogleServer
) -> None:
    request = song_of(request_id="song-1", recipe=recipe_of("a waltz", bpm=90, key="A minor"))
    pcm, take = await made(installation.backends, request)
    assert take.lyrics == LYRICS
    assert (take.format.sample_rate_hz, take.format.channel_count, take.backend) == (44_100, 2, "lyria-songs")
    assert len(pcm) / 4 / 44_100 == pytest.approx(4.0, abs=0.1)
    assert take.cost_usd == pytest.approx(0.08)
    assert any("$0.080" in notice for notice in take.notices)
    asked = str(server.asked[0]["input"])
    assert "a waltz" in asked
    assert "90 bpm" in asked
    assert "A minor" in asked
    again, stored = await made(installation.backends, request)
    assert again == pcm
    assert len(server.asked) == 1
    assert stored.request_id == "song-1"
    with pytest.raises(FailedPrecondition, match="no tokens"):
        await installation.takes.codes(await installation.takes.get("song-1"))
    with pytest.raises(Conflict):
        await made(installation.backends, song_of(request_id="song-1", recipe=recipe_of("a march")))


async def test_what_a_song_model_cannot_do_is_refused_or_told(installation: Installation, server: GoogleServer) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await made(installation.backends, song_of(loop=True))
    assert refusal.value.violations[0].field == "loop"
    with pytest.raises(Unsupported):
        await made(installation.backends, song_of(backend="lyria-live"))
    with pytest.raises(NotFound, match="local, lyria-songs, lyria-live"):
        await made(installation.backends, song_of(backend="suno"))
    assert server.asked == []
    recipe = recipe_of(temperature=1.2, sliders=steering_pb2.Sliders(energy=-0.9))
    _, take = await made(installation.backends, song_of(recipe=recipe, seed=3, duration_s=60))
    told = " | ".join(take.notices)
    assert "without effect on lyria-songs: temperature, seed" in told
    assert "60 s were asked for" in told
    assert "very calm" in str(server.asked[0]["input"])


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("429", Overloaded), ("refusal", InvalidInput), ("truncated", Unavailable), ("wrong_type", Unavailable)],
)
async def test_a_failed_song_leaves_no_take_and_may_be_asked_for_again(
    installation: Installation, server: GoogleServer, fault: str, kind: type[Exception]
) -> None:
    server.faults = [fault]
    request = song_of(request_id="again")
    with pytest.raises(kind):
        await made(installation.backends, request)
    assert await installation.takes.find("again") is None
    _, take = await made(installation.backends, request)
    assert take.lyrics == LYRICS


async def test_a_request_without_a_backend_is_made_here_bit_for_bit_as_without_a_key(
    installation: Installation, server: GoogleServer
) -> None:
    request = song_of(backend="", duration_s=1, seed=7, is_transient=True)
    pcm, take = await made(installation.backends, request)
    alone, plain = b"", None
    async with aclosing(installation.generation.run(request)) as events:
        async for event in events:
            alone += event.data if isinstance(event, audio_pb2.AudioChunk) else b""
            plain = event.take if isinstance(event, generate_pb2.GenerationFinished) else plain
    assert pcm == alone
    assert plain is not None
    assert take.backend == plain.backend == ""
    assert server.calls.total() == 0


def test_backends_that_need_a_key_are_refused_without_one(tiny: LoadedModel, engine: Engine) -> None:
    for backends in ("lyria-live", "local,local", "", "local,other"):
        with pytest.raises(InvalidInput):
            Installation(tiny, Settings(backends=backends), engine)
    only = Installation(tiny, Settings(), engine).backends.infos
    assert [info.name for info in only] == ["local"]


async def test_every_control_of_every_backend_is_named(installation: Installation) -> None:
    tables = {info.name: {one.name: one.support for one in info.controls} for info in installation.backends.infos}
    assert tables["lyria-live"]["bpm"] == generate_pb2.CONTROL_SUPPORT_EXACT
    assert tables["lyria-songs"]["melody"] == generate_pb2.CONTROL_SUPPORT_NONE
    assert tables["lyria-live"]["sliders.emotional_tension"] == generate_pb2.CONTROL_SUPPORT_WORDS
    sliders = {f"sliders.{name}" for name in steering_pb2.Sliders.DESCRIPTOR.fields_by_name}
    assert all(sliders <= set(table) for table in tables.values())


# --- live music


async def test_prompts_knobs_and_playback_go_to_the_socket_one_to_one(
    installation: Installation, server: GoogleServer
) -> None:
    sliders = steering_pb2.Sliders(energy=0.5, instrument_density=-1, emotional_tension=0.8, bass_resonance=-1)
    player = Player(
        installation.backends,
        recipe=recipe_of("jazz, no drums", bpm=100, key="F# minor", guidance_scale=9, sliders=sliders),
        seed=5,
    )
    await player.heard(3)
    assert (player.started.format.sample_rate_hz, player.started.format.channel_count) == (48_000, 2)
    assert "a minute" in player.started.notices[0]
    prompts = server.live_messages[1]["clientContent"]["weightedPrompts"]
    assert {"text": "jazz, no drums", "weight": 1.0} in prompts
    assert any(prompt["text"] == "tense, dissonant harmony" for prompt in prompts)
    config = server.live_messages[2]["musicGenerationConfig"]
    assert (config["bpm"], config["scale"], config["seed"]) == (100, "A_MAJOR_G_FLAT_MINOR", 5)
    assert (config["density"], config["brightness"], config["guidance"]) == (0.0, 0.75, 6.0)
    assert config["muteDrums"] is True
    assert config["muteBass"] is True
    player.send(command=PAUSE)
    player.send(command=PLAY)
    player.send(recipe=recipe_of("piano", bpm=140))
    assert "next bar" in await player.told("next bar")
    async with asyncio.timeout(10):
        while {"playbackControl": "RESET_CONTEXT"} not in server.live_messages:
            await asyncio.sleep(0.05)
    sent = [message for message in server.live_messages if "musicGenerationConfig" in message]
    assert [one["musicGenerationConfig"].get("bpm") for one in sent] == [100, 100, 140]
    controls = [message["playbackControl"] for message in server.live_messages if "playbackControl" in message]
    assert controls[:3] == ["PLAY", "PAUSE", "PLAY"]
    await player.stopped()
    assert player.end.sample_count_total == len(player.samples)


async def test_filtered_prompts_are_told_and_the_music_goes_on(
    installation: Installation, server: GoogleServer
) -> None:
    server.filtered_prompts = ("like a famous singer",)
    player = Player(installation.backends)
    await player.heard(2)
    player.send(recipe=recipe_of("like a famous singer"))
    assert "names an artist" in await player.told("are not played")
    await player.heard(len(player.chunks) + 2)
    player.send(melody=generate_pb2.Melody(wav=b"x"))
    async with asyncio.timeout(10):
        while not any(one.HasField("fault") for one in player.recipes):
            await asyncio.sleep(0.02)
    await player.stopped()


async def test_cut_sockets_are_opened_again_faded_over_and_each_is_told(
    installation: Installation, server: GoogleServer
) -> None:
    server.is_fast, server.chunk_s = True, 0.4
    random = np.random.default_rng(4)
    cuts = 12
    server.cut_after = [int(count) for count in random.integers(1, 6, cuts)]
    player = Player(installation.backends)
    async with asyncio.timeout(60):
        while server.sockets <= cuts:
            await asyncio.sleep(0.05)
    await player.heard(len(player.chunks) + 3)
    await player.stopped()
    told = [notice for one in player.recipes for notice in one.notices if "was lost for" in notice]
    assert len(told) == cuts
    assert not any("gap" in notice for notice in told)
    steps = np.abs(np.diff(player.samples[:, 0].astype(int)))
    tone_step = 8000 * 2 * np.pi * 220 / 48_000
    assert steps.max() < 3 * tone_step, "a cut makes no click"
    assert not any("plays on" in notice for one in player.recipes for notice in one.notices)


async def test_after_three_failures_the_model_of_this_machine_plays_on_told(
    installation: Installation, server: GoogleServer
) -> None:
    server.cut_after, server.refused_sockets = [2], 0
    player = Player(installation.backends, recipe=recipe_of("jazz"))
    await player.heard(1)
    server.refused_sockets = 50
    notice = await player.told("plays on")
    assert KEY not in notice
    before = len(player.chunks)
    await player.heard(before + 4)
    player.send(recipe=recipe_of("drums"))
    async with asyncio.timeout(20):
        while not any(one.recipe.prompts and one.recipe.prompts[0].text == "drums" for one in player.recipes):
            await asyncio.sleep(0.02)
    await player.stopped()
    assert player.end.sample_count_total == len(player.samples)
    offsets = [chunk.sample_offset for chunk in player.chunks]
    assert offsets == sorted(offsets)


async def test_a_ceiling_ends_what_is_paid_for_and_the_local_model_plays_on(
    tiny: LoadedModel, server: GoogleServer, engine: Engine
) -> None:
    server.is_fast, server.chunk_s = True, 1.0
    settings = settings_of(server, google_usd_request_max=0.05)  # 25 s of live music
    installation = Installation(tiny, settings, engine)
    player = Player(installation.backends)
    notice = await player.told("plays on")
    assert "$0.05" in notice
    assert installation.door is not None
    spent = await installation.door.spending.spent(owner="")
    assert spent.day_usd <= 0.05
    await player.stopped()
    await installation.door.close()


async def test_a_knob_is_heard_soon(installation: Installation, server: GoogleServer) -> None:
    """What we add between a control and its sound: the way to the socket, and the tail that is held back."""
    player = Player(installation.backends)
    await player.heard(3)
    delays = []
    for number in range(12):
        began = time.perf_counter()
        player.send(recipe=recipe_of(f"wish {number}"))
        async with asyncio.timeout(5):
            while not any(f"wish {number}" in str(message) for message in server.live_messages):
                await asyncio.sleep(0.002)
        delays.append(time.perf_counter() - began)
        await asyncio.sleep(0.05)
    await player.stopped()
    assert float(np.median(delays)) + FADE_S < 0.25


def test_joined_sound_is_late_by_the_fade_and_whole() -> None:
    joiner = SoundJoiner(rate_hz=1000)
    sound = np.arange(4000, dtype=np.int16)
    pcm = np.stack([sound, sound], 1).tobytes()
    parts = [joiner.push(pcm[start : start + 1000]) for start in range(0, len(pcm), 1000)]
    out = np.frombuffer(b"".join(parts), "<i2").reshape(-1, 2)[:, 0]
    assert np.array_equal(out, sound[: len(out)])
    assert len(sound) - len(out) == round(FADE_S * 1000)
    joiner.restart()
    after = np.frombuffer(joiner.push(pcm), "<i2").reshape(-1, 2)
    assert len(after) == 4000 - 100
    assert len(np.frombuffer(joiner.rest(), "<i2")) == 200


@pytest.mark.parametrize(
    ("key", "scale"),
    [("C major", "C_MAJOR_A_MINOR"), ("A minor", "C_MAJOR_A_MINOR"), ("Bb major", "B_FLAT_MAJOR_G_MINOR"),
     ("F# minor", "A_MAJOR_G_FLAT_MINOR"), ("C sharp minor", "E_MAJOR_D_FLAT_MINOR"), ("Ebm", "G_FLAT_MAJOR_E_FLAT_MINOR")],
)  # fmt: skip
async def test_keys_become_scales(key: str, scale: str) -> None:
    words = LyriaWords(Vectors(MemoryStore(), model_digest="d", item_max=1))
    assert (await words.live(recipe_of(key=key))).config["scale"] == scale

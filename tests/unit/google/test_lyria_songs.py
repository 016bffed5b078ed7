"""Lyria songs behind `Generate`: takes with lyrics, refusals, and a local backend that stays as it is."""

from __future__ import annotations

from contextlib import aclosing

import pytest
from support.google import LYRICS, GoogleServer
from support.lyria import Installation, made, recipe_of, song_of

from resonance.errors import Conflict, FailedPrecondition, InvalidInput, NotFound, Overloaded, Unavailable, Unsupported
from resonance.settings import Settings
from resonance.v1 import audio_pb2, generate_pb2, steering_pb2
from resonance_generate.engine.engine import Engine
from resonance_model.loaded_model import LoadedModel


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

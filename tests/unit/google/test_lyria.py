"""Lyria live behind `Perform`: controls, cut sockets, ceilings, the local model as the last resort."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest
from support.google import KEY, GoogleServer
from support.lyria import PAUSE, PLAY, Installation, Player, recipe_of, settings_of

from resonance.store import MemoryStore
from resonance.v1 import generate_pb2, steering_pb2
from resonance_generate.backends.lyria_words import LyriaWords
from resonance_generate.backends.sound_joining import FADE_S, SoundJoiner
from resonance_generate.conditions.vectors import Vectors
from resonance_generate.engine.engine import Engine
from resonance_model.loaded_model import LoadedModel


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
    await installation.takes.close()
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

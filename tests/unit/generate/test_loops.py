"""Seamless loops: whole bars of the heard tempo, a join that is no larger a change than the music has, files without fades."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np
import pytest
from numpy.typing import NDArray

from resonance.audio.delivery.master import Mastering, loudness_lufs, master_kept, master_loop
from resonance.audio.wav import pcm16
from resonance.errors import InvalidInput
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import audio_pb2, generate_pb2, steering_pb2
from resonance_generate.conditions.melody import MelodyReader
from resonance_generate.conditions.origin_sound import OriginSoundReader
from resonance_generate.conditions.recipes import RecipeResolver
from resonance_generate.conditions.vectors import Vectors
from resonance_generate.engine.engine import Engine
from resonance_generate.generation import Generation
from resonance_generate.takes.library import TakeLibrary
from resonance_generate.takes.loop_finder import MARGIN_S, LoopCut, cut_loop, find_loop, measure_seam
from resonance_generate.takes.room import StoreRoom
from resonance_model.loaded_model import LoadedModel
from resonance_model.model_info import to_model_info

RATE_HZ = 16_000


def groove(bpm: float, duration_s: float, *, beats: int = 4) -> NDArray[np.float32]:
    """A bass drum on each bar's first beat, a hat on every beat, and a chord a bar."""
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    beat_s = 60 / bpm
    since_beat, since_bar = time_s % beat_s, time_s % (beats * beat_s)
    noise = np.random.default_rng(1).standard_normal(len(time_s))
    drum = np.sin(2 * np.pi * 60 * since_bar) * np.exp(-12 * since_bar)
    chord = sum(np.sin(2 * np.pi * hz * since_bar) for hz in (220.0, 277.2, 329.6)) * np.exp(-1.5 * since_bar)
    return (0.5 * drum + 0.1 * chord + 0.08 * noise * np.exp(-60 * since_beat)).astype(np.float32)


def pad(duration_s: float) -> NDArray[np.float32]:
    """Three tones that swell slowly: no pulse."""
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    tones = [np.sin(2 * np.pi * hz * time_s) * (1 + 0.5 * np.sin(2 * np.pi * time_s / 7.3)) for hz in (196, 247, 294)]
    return (0.1 * sum(tones)).astype(np.float32)


def looped(piece: NDArray[np.float32], cut: LoopCut) -> NDArray[np.float32]:
    return cut_loop(piece[None].astype(np.float64), cut)[0].astype(np.float32)


@pytest.mark.parametrize(("bpm", "beats"), [(75, 4), (97.3, 4), (124, 4), (104, 3)])
def test_a_loop_has_whole_bars_and_its_join_is_no_larger_a_change_than_a_beat(bpm: float, beats: int) -> None:
    piece = groove(bpm, 10 + MARGIN_S, beats=beats)
    cut = find_loop(piece, RATE_HZ, duration_s=10, beats_per_bar=beats, told_bpm=bpm)
    bar = beats * 60 / bpm * RATE_HZ
    assert cut.bpm == pytest.approx(bpm, rel=0.002)
    assert cut.bar_count == round(10 / (beats * 60 / bpm))
    assert cut.length == pytest.approx(cut.bar_count * bar, abs=0.01 * RATE_HZ)
    seam = measure_seam(piece, looped(piece, cut), cut, RATE_HZ, beat_s=60 / bpm)
    assert seam.flux_ratio <= 1.05
    assert abs(seam.level_db) <= seam.inner_level_db + 1
    # Played again, it is the groove as it would have gone on.
    longer = groove(bpm, 40, beats=beats)
    wrong = LoopCut(start=cut.start, length=cut.length - round(0.3 * bar), crossfade=0)
    assert likeness(looped(piece, cut), longer[cut.start :]) > 0.95
    assert likeness(looped(piece, wrong), longer[cut.start :]) < 0.8


def likeness(loop: NDArray[np.float32], music: NDArray[np.float32]) -> float:
    """Correlation of the second turn of a loop with the music at that time."""
    second = music[len(loop) : 2 * len(loop)].astype(np.float64)
    return float(loop @ second / np.sqrt(np.square(loop).sum() * np.square(second).sum()))


def test_without_a_pulse_the_loop_has_the_length_asked_for_and_says_why() -> None:
    piece = pad(8 + MARGIN_S)
    cut = find_loop(piece, RATE_HZ, duration_s=8, beats_per_bar=4)
    assert (cut.bpm, cut.bar_count, cut.no_bars) == (None, 0, "no steady pulse")
    assert cut.length / RATE_HZ == pytest.approx(8, abs=0.01)
    loop = looped(piece, cut)
    steps = np.abs(np.diff(np.concatenate([loop, loop])))
    assert steps[len(loop) - 1] <= steps.max() * 1.01
    assert measure_seam(piece, loop, cut, RATE_HZ, beat_s=None).flux_ratio <= 1.2


def test_silence_is_cut_too() -> None:
    cut = find_loop(np.zeros(RATE_HZ * 12, np.float32), RATE_HZ, duration_s=4, beats_per_bar=4)
    assert (cut.no_bars, round(cut.length / RATE_HZ, 2)) == ("no steady pulse", 4)


def test_the_kept_file_of_a_loop_goes_on_into_itself_at_the_target_loudness() -> None:
    piece = pad(4 + MARGIN_S) * np.float32(0.2)
    cut = find_loop(piece, RATE_HZ, duration_s=4, beats_per_bar=4)
    pcm = pcm16(looped(piece, cut)[None])
    options = {"sample_rate_hz": RATE_HZ, "channel_count": 1}
    mastering = Mastering(watermark_payload=b"\1\2\3")
    loop, faded = master_loop(pcm, mastering, **options), master_kept(pcm, mastering, **options)
    assert loop.shape == faded.shape == (1, len(pcm) // 2)
    assert loudness_lufs(loop, RATE_HZ) == pytest.approx(-16, abs=0.3)
    inner = np.abs(np.diff(loop[0])).max()
    assert abs(loop[0, 0] - loop[0, -1]) <= inner
    # A take fades at both ends; the loop is at its full level there.
    near = slice(0, 40)
    assert np.square(loop[0, near]).mean() > 4 * np.square(faded[0, near]).mean()


@pytest.fixture
async def generation(tiny: LoadedModel) -> AsyncIterator[Generation]:
    store, info = MemoryStore(), to_model_info(tiny, Settings())
    engine = Engine(tiny, slot_count=2, queue_places=1, stall_s_max=5)
    resolver = RecipeResolver(tiny, Vectors(store, model_digest=tiny.description.digest, item_max=1))
    readers = MelodyReader(tiny, Settings()), OriginSoundReader(tiny, Settings(), store)
    takes = TakeLibrary(store)
    engine.start()
    yield Generation(engine, resolver, *readers, takes, StoreRoom(store, info), info)
    await asyncio.to_thread(engine.stop)
    await takes.close()


def request_of(**fields: object) -> generate_pb2.GenerateRequest:
    recipe = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text="jazz", weight=1.0)])
    values = {"request_id": "round", "recipe": recipe, "duration_s": 2, "seed": 7, "loop": True} | fields
    return generate_pb2.GenerateRequest(**values)  # type: ignore[arg-type]


async def test_a_loop_tells_its_progress_and_then_its_samples_and_is_replayed(generation: Generation) -> None:
    async def made() -> tuple[list[str], bytes, generate_pb2.Take, int]:
        kinds, pcm, take, total = [], b"", generate_pb2.Take(), 0
        async with aclosing(generation.run(request_of())) as events:
            async for event in events:
                kinds.append(type(event).__name__)
                if isinstance(event, audio_pb2.AudioChunk):
                    pcm += event.data
                elif isinstance(event, generate_pb2.GenerationStarted):
                    assert event.is_loop
                    total = event.sample_count_total
                elif isinstance(event, generate_pb2.GenerationFinished):
                    take = event.take
        return kinds, pcm, take, total

    kinds, pcm, take, total = await made()
    assert (kinds[0], total, kinds[-1]) == ("GenerationStarted", 0, "GenerationFinished")
    assert kinds.index("AudioChunk") > kinds.index("GenerationProgress")
    assert kinds[kinds.index("AudioChunk") :].count("GenerationProgress") == 0
    assert take.duration_s == pytest.approx(len(pcm) / 2 / take.format.sample_rate_hz)
    assert take.loop.bar_count or take.loop.no_bars
    assert take.loop.crossfade_s > 0
    assert "the loop" in take.notices[-1]
    again, replayed, _, replayed_total = await made()
    assert "GenerationProgress" not in again
    assert (replayed, replayed_total) == (pcm, len(pcm) // 2)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"duration_s": 61}, "duration_s"),
        ({"origin": generate_pb2.Origin(request_id="x")}, "loop"),
        ({"origin_sound": generate_pb2.OriginSound(data=b"x")}, "loop"),
    ],
)
async def test_what_a_loop_cannot_be_is_a_fault_of_its_field(
    generation: Generation, fields: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        async with aclosing(generation.run(request_of(**fields))) as events:
            await anext(events)
    assert caught.value.violations[0].field == field

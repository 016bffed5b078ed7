"""Takes that go on from a sound file: its tokens, where the new part begins, and refusals."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from support.sounds import sound_bytes, tone

from resonance.audio.decode import DecodeLimits, decode_file
from resonance.audio.wav import pcm16, wav_header
from resonance.errors import FailedPrecondition, InvalidInput, NotFound
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import audio_pb2, generate_pb2, steering_pb2
from resonance_generate.conditions.melody import MelodyReader
from resonance_generate.conditions.origin_sound import SOUND_S_MAX, OriginSoundReader
from resonance_generate.conditions.recipes import RecipeResolver
from resonance_generate.conditions.vectors import Vectors
from resonance_generate.engine.engine import Engine
from resonance_generate.generation import Generation
from resonance_generate.takes.library import TakeLibrary
from resonance_generate.takes.room import StoreRoom
from resonance_ingest.sources.upload_sessions import UploadSessions
from resonance_model.loaded_model import LoadedModel
from resonance_model.model_info import to_model_info


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def generation(tiny: LoadedModel, store: MemoryStore) -> AsyncIterator[Generation]:
    engine = Engine(tiny, slot_count=2, queue_places=1, stall_s_max=5)
    info = to_model_info(tiny, Settings())
    resolver = RecipeResolver(tiny, Vectors(store, model_digest=tiny.description.digest, item_max=1))
    readers = MelodyReader(tiny, Settings()), OriginSoundReader(tiny, Settings(), store)
    takes = TakeLibrary(store)
    engine.start()
    yield Generation(engine, resolver, *readers, takes, StoreRoom(store, info), info)
    await asyncio.to_thread(engine.stop)
    await takes.close()


def request_of(sound: generate_pb2.OriginSound, **fields: object) -> generate_pb2.GenerateRequest:
    recipe = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text="jazz", weight=1.0)])
    values = {"request_id": "on", "recipe": recipe, "duration_s": 4, "seed": 7, "origin_sound": sound} | fields
    return generate_pb2.GenerateRequest(**values)  # type: ignore[arg-type]


async def made(
    generation: Generation, request: generate_pb2.GenerateRequest
) -> tuple[bytes, generate_pb2.Take, list[str]]:
    pcm, take, notices = b"", generate_pb2.Take(), []
    async with aclosing(generation.run(request)) as events:
        async for event in events:
            if isinstance(event, audio_pb2.AudioChunk):
                pcm += event.data
            elif isinstance(event, generate_pb2.GenerationStarted):
                notices = list(event.notices)
            elif isinstance(event, generate_pb2.GenerationFinished):
                take = event.take
    return pcm, take, notices


async def test_the_sound_is_the_beginning_and_the_take_says_where_the_new_part_begins(
    generation: Generation, tiny: LoadedModel, store: MemoryStore, tmp_path: Path
) -> None:
    sound = sound_bytes("mp3", tmp_path, duration_s=2.5, pitch_hz=330.0)
    _, take, notices = await made(generation, request_of(generate_pb2.OriginSound(data=sound, filename="mine.mp3")))
    start_s = take.origin_sound.new_start_s
    assert start_s == pytest.approx(2.5, abs=0.06)
    assert (take.origin_sound.filename, take.duration_s) == ("mine.mp3", 4)
    assert f"the new part begins at {start_s:g} s" in notices
    # Its first tokens are the codec's of the sound by the signal chain of tastes.
    (tmp_path / "mine.mp3").write_bytes(sound)
    rate_hz = tiny.description.sample_rate_hz
    decoded = await decode_file(
        tmp_path / "mine.mp3", tmp_path / "pcm", sample_rate_hz=rate_hz, limits=DecodeLimits.of(Settings())
    )
    frames = round(start_s * tiny.description.frame_rate_hz)
    rest = decoded.sample_count - frames * tiny.description.hop_samples
    expected = tiny.codec.encode(torch.from_numpy(decoded.samples()[rest:].copy()))[:, :frames]
    codes = await TakeLibrary(store).codes(take)
    assert np.array_equal(codes[:, :frames], expected.numpy())
    assert codes.shape[1] == 4 * tiny.description.frame_rate_hz


async def test_the_same_sound_as_an_upload_is_the_same_take(
    generation: Generation, store: MemoryStore, tmp_path: Path
) -> None:
    sound = sound_bytes("flac", tmp_path, duration_s=2.0)

    async def pieces() -> AsyncIterator[bytes]:
        yield sound[:1000]
        yield sound[1000:]

    uploads = UploadSessions(store, Settings())
    session = await uploads.open("mine.flac", len(sound))
    half = await uploads.open("half.flac", len(sound))
    await uploads.write(session.upload_id, 0, pieces())
    by_upload, take, _ = await made(generation, request_of(generate_pb2.OriginSound(upload_id=session.upload_id)))
    by_data, _, _ = await made(generation, request_of(generate_pb2.OriginSound(data=sound), request_id="other"))
    assert by_upload == by_data
    assert take.origin_sound.filename == "mine.flac"
    assert (await uploads.get(session.upload_id)).job_id == ""
    with pytest.raises(FailedPrecondition) as caught:
        await made(generation, request_of(generate_pb2.OriginSound(upload_id=half.upload_id), request_id="half"))
    assert (caught.value.reason, caught.value.violations[0].field) == ("UPLOAD_NOT_WHOLE", "origin_sound.upload_id")
    with pytest.raises(NotFound):
        await made(generation, request_of(generate_pb2.OriginSound(upload_id="never"), request_id="never"))


async def test_of_a_long_sound_the_end_is_taken_and_told(generation: Generation, tmp_path: Path) -> None:
    sound = sound_bytes("opus", tmp_path, duration_s=SOUND_S_MAX + 5)
    given = generate_pb2.OriginSound(data=sound)
    _, take, notices = await made(generation, request_of(given, duration_s=SOUND_S_MAX + 1))
    assert take.origin_sound.new_start_s == SOUND_S_MAX
    assert any("its last 30 s" in notice for notice in notices)


async def test_a_cut_take_is_resumed_and_another_sound_is_another_request(
    generation: Generation, tmp_path: Path
) -> None:
    sound = generate_pb2.OriginSound(data=sound_bytes("wav", tmp_path, duration_s=2.0))
    request = request_of(sound)
    async with aclosing(generation.run(request)) as events:
        async for event in events:
            if isinstance(event, audio_pb2.AudioChunk):
                break
    whole, _, _ = await made(generation, request)
    again, _, _ = await made(generation, request_of(sound, request_id="fresh"))
    assert whole == again
    other = generate_pb2.OriginSound(data=sound_bytes("wav", tmp_path, duration_s=2.0, pitch_hz=220.0))
    with pytest.raises(Exception, match="was used for another request"):
        await made(generation, request_of(other))


def silence() -> bytes:
    header = wav_header(sample_rate_hz=16_000, channel_count=1, sample_count=32_000, info={})
    return header + bytes(64_000)


def blip() -> bytes:
    header = wav_header(sample_rate_hz=16_000, channel_count=1, sample_count=4_800, info={})
    return header + pcm16(tone(0.3, 16_000)[None])


@pytest.mark.parametrize(
    ("given", "change", "field", "reason"),
    [
        ({"data": b"no sound at all"}, {}, "origin_sound.data", "NOT_AUDIO"),
        ({"data": silence()}, {}, "origin_sound.data", "SILENT_TRACK"),
        ({"data": blip()}, {}, "origin_sound.data", None),
        ({}, {}, "origin_sound", "REQUIRED"),
        ({"data": b"x", "upload_id": "y"}, {}, "origin_sound", "REQUIRED"),
        ({"data": b"x"}, {"origin": generate_pb2.Origin(request_id="z")}, "origin_sound", "CONFLICT"),
        ("tone", {"duration_s": 2}, "duration_s", "TOO_SMALL"),
    ],
)
async def test_refusals_name_the_field_and_use_no_id_up(
    generation: Generation, tmp_path: Path, given: object, change: dict[str, object], field: str, reason: str | None
) -> None:
    fine = generate_pb2.OriginSound(data=sound_bytes("wav", tmp_path, duration_s=3.0))
    sound = fine if given == "tone" else generate_pb2.OriginSound(**given)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput) as caught:
        await made(generation, request_of(sound, **change))
    assert caught.value.violations[0].field == field
    assert reason is None or caught.value.violations[0].reason == reason
    await made(generation, request_of(fine))


async def test_the_file_says_that_its_beginning_was_given(
    generation: Generation, store: MemoryStore, tmp_path: Path
) -> None:
    sound = generate_pb2.OriginSound(data=sound_bytes("wav", tmp_path, duration_s=2.0))
    _, take, _ = await made(generation, request_of(sound))
    with av.open(io.BytesIO((await store.get(take.audio_key)).data)) as container:
        assert "Its beginning is a sound that its user gave" in container.metadata["comment"]

"""Stored takes: provenance in files, restoration by equal digest."""

from __future__ import annotations

import io
import threading
from typing import Any

import numpy as np
import pytest
import soundfile

from resonance.store import MemoryStore
from resonance.v1 import audio_pb2, generate_pb2
from resonance_generate.takes import library as library_module
from resonance_generate.takes.library import TakeLibrary

PCM = bytes(range(256)) * 100


def build_take(request_id: str) -> generate_pb2.Take:
    take = generate_pb2.Take(
        request_id=request_id, seed=3, format=audio_pb2.AudioFormat(sample_rate_hz=8000, channel_count=1)
    )
    take.recipe.prompts.add(text="jazz", weight=1.0)
    return take


async def saved(store: MemoryStore) -> tuple[TakeLibrary, generate_pb2.Take]:
    library = TakeLibrary(store)
    await library.save(build_take("mine"), [PCM[:9000], PCM[9000:]], np.zeros((4, 40), dtype=np.int64))
    take = await library.get("mine")
    await library.close()
    return library, take


async def test_what_lies_in_the_store_says_that_a_machine_made_it() -> None:
    store = MemoryStore()
    library, take = await saved(store)
    with soundfile.SoundFile(io.BytesIO((await store.get(take.audio_key)).data)) as song:
        assert '"seed": 3' in song.copy_metadata()["comment"]
    assert await library.pcm(take) == PCM


async def test_lost_sound_is_restored_as_it_was_and_nothing_else_is() -> None:
    store = MemoryStore()
    library, take = await saved(store)
    await store.delete(take.audio_key)
    assert not await library.restore(take, PCM[:-2] + b"xx")
    assert await library.restore(take, PCM)
    assert (await store.get(take.audio_key)).sha256 == take.audio_sha256


async def test_nothing_that_takes_a_long_takes_time_is_done_on_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop sends live chunks: tens of megabytes are hashed, joined and split on other threads."""
    long, here = 1_000_000, threading.current_thread()
    done: list[str] = []

    def watched(name: str) -> None:
        real = getattr(library_module, name)

        def watching(*args: Any, **options: Any) -> Any:
            assert threading.current_thread() is not here, name
            done.append(name)
            return real(*args, **options)

        monkeypatch.setattr(library_module, name, watching)

    for name in ("_to_wav", "pcm_in", "_first_channel"):
        watched(name)
    library = TakeLibrary(MemoryStore())
    take, codes = build_take("long"), np.zeros((4, 40), dtype=np.int64)
    await library.save(take, [b"ab" * long] * 3, codes)
    assert await library.pcm(take) == b"ab" * 3 * long
    assert await library.restore(take, b"ab" * 3 * long)
    await library.close()
    assert done == ["_to_wav", "_first_channel", "pcm_in", "_to_wav"]


def test_the_tempo_is_estimated_from_the_first_channel_of_the_first_minute() -> None:
    audio_format = audio_pb2.AudioFormat(sample_rate_hz=100, channel_count=2)
    samples = np.arange(2 * 7000, dtype="<i2").tobytes()
    head = library_module._first_channel([samples[:1000], samples[1000:]], audio_format)
    assert np.frombuffer(head, "<i2").tolist() == list(range(0, 12_000, 2))

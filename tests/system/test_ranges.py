"""time_select on the embedded model: only chosen seconds count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import sounds

from resonance.client import AsyncClient
from resonance.settings import Settings
from resonance.steering.direction import Direction
from resonance.store import open_store
from resonance.v1 import steering_pb2
from resonance_app.all_in_one import all_in_one

pytestmark = pytest.mark.slow
RATE = 32_000


def cosine(one: Direction, other: Direction) -> float:
    """The mean over layers of the cosine between two directions."""
    norms = np.linalg.norm(one.per_layer, axis=1) * np.linalg.norm(other.per_layer, axis=1)
    return float(((one.per_layer * other.per_layer).sum(axis=1) / norms).mean())


def melody(length_s: float) -> Any:
    time_s = np.arange(round(length_s * RATE)) / RATE
    pitch_hz = 220 * 2 ** (np.floor(4 * time_s) % 5 * 2 / 12)
    return (0.3 * np.sin(2 * np.pi * pitch_hz * time_s) * np.exp(-3 * (4 * time_s % 1))).astype(np.float32)


async def test_chosen_seconds_make_the_taste_of_the_song_cut_to_them(tmp_path: Path) -> None:
    """With the model that ships: the tiny one tells no music from noise. In this process, which has torch already."""
    settings = Settings(http_addr="127.0.0.1:0", grpc_addr="127.0.0.1:0", data_dir=tmp_path / "data", drain_s_max=1.0)
    hiss = 0.2 * np.random.default_rng(0).standard_normal(12 * RATE).astype(np.float32)
    song = np.concatenate([melody(8), hiss])
    whole = sounds.write_float_wav(tmp_path / "song.wav", song)
    cut = sounds.write_float_wav(tmp_path / "cut.wav", song[: 8 * RATE])
    async with all_in_one(settings) as running, AsyncClient(running.grpc_address) as client:

        async def taste(path: Path, *bounds: tuple[float, float]) -> steering_pb2.TasteSummary:
            options = steering_pb2.TasteOptions()
            for begin, end in bounds:
                options.mix_mode = steering_pb2.MIX_MODE_TIME_SELECT
                options.ranges.add(track_index=0, start_s=begin, end_s=end)
            return (await client.taste_from_files([path], options=options)).taste

        tune, rest, alone = await taste(whole, (0, 8)), await taste(whole, (9, 17)), await taste(cut)
        store = await open_store(settings)
        vectors = [Direction.from_bytes((await store.get(one.vector_key)).data) for one in (tune, rest, alone)]
        await store.close()
    # The level of a track is set as a whole, so that the cut song is the same music at another gain.
    of_tune, of_rest, of_alone = vectors
    assert cosine(of_tune, of_alone) > 0.9, "sound after the range acts on the gain of the track alone"
    assert cosine(of_tune, of_rest) < 0.6
    assert "dense" in tune.character.words
    assert "sparse" in rest.character.words

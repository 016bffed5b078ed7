"""time_select on the embedded model: chosen seconds alone make the taste."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import sounds
from tests.system.conftest import System, start, stop

from resonance.client.client import Client
from resonance.v1 import steering_pb2

pytestmark = pytest.mark.slow
RATE = 32_000


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The system with the model that ships: the tiny one is deaf to what music is."""
    running = start(tmp_path_factory.mktemp("trained"), Path("embedded"))
    yield running
    stop(running)


def melody(length_s: float) -> Any:
    time_s = np.arange(round(length_s * RATE)) / RATE
    pitch_hz = 220 * 2 ** (np.floor(4 * time_s) % 5 * 2 / 12)
    return (0.3 * np.sin(2 * np.pi * pitch_hz * time_s) * np.exp(-3 * (4 * time_s % 1))).astype(np.float32)


def test_chosen_seconds_make_the_taste_of_the_song_cut_to_them(trained: System, tmp_path: Path) -> None:
    hiss = 0.2 * np.random.default_rng(0).standard_normal(12 * RATE).astype(np.float32)
    song = np.concatenate([melody(8), hiss])
    whole = sounds.write_float_wav(tmp_path / "song.wav", song)
    cut = sounds.write_float_wav(tmp_path / "cut.wav", song[: 8 * RATE])
    with Client(trained.grpc) as client:

        def taste(path: Path, *bounds: tuple[float, float]) -> steering_pb2.TasteSummary:
            options = steering_pb2.TasteOptions()
            for begin, end in bounds:
                options.mix_mode = steering_pb2.MIX_MODE_TIME_SELECT
                options.ranges.add(track_index=0, start_s=begin, end_s=end)
            return client.taste_from_files([path], options=options).taste

        tune, rest, alone = taste(whole, (0, 8)), taste(whole, (9, 17)), taste(cut)
    assert tune.vector_sha256 == alone.vector_sha256, "what lies after the range has no part in it"
    assert tune.vector_sha256 != rest.vector_sha256
    assert "dense" in tune.character.words
    assert "sparse" in rest.character.words

"""Bit flips in stored objects: detection, no damaged sound, recomputation.

The seed is printed: `make robust SEED=n ARGS=tests/faults/test_bit_flips.py` repeats a run.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from support import robust, sounds
from tests.contract.rest.real import real_system

from resonance.audio.wav import pcm_in
from resonance.errors import DataLoss
from resonance.store.files import FileStore
from resonance_model.loaded_model import LoadedModel

SEED = int(os.environ.get("SEED", "1"))
PLAYED = {"prompt": "calm piano", "duration_s": 1, "seed": 5, "is_transient": True, "raw": True}


@dataclass(frozen=True, slots=True)
class World:
    """A system with two tastes and a take, and the sound that it plays while its store is whole."""

    http: httpx.Client
    objects: Path
    whole: Path
    tastes: list[str]
    files: list[tuple[str, tuple[str, bytes]]]
    song: bytes
    take: bytes

    def play(self) -> httpx.Response:
        uses = [{"taste_id": taste, "strength": 2.0} for taste in self.tastes]
        return self.http.post("/v1/generations", json=PLAYED | {"tastes": uses})

    def restore(self) -> None:
        shutil.rmtree(self.objects, ignore_errors=True)  # the system may be writing meanwhile
        shutil.copytree(self.whole, self.objects, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def world(tiny_folder: Path, tiny: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("flips")
    # A cache of one vector and recipes with two tastes: every take reads both vectors from the disk.
    with (
        real_system(tiny_folder, folder / "data", prepared_for=tiny, vector_cache_items=1) as url,
        httpx.Client(base_url=url, timeout=60) as http,
    ):
        tastes, files = [], []
        for number in (1, 2):
            song = sounds.sound_bytes("flac", folder, duration_s=3.0, pitch_hz=150.0 * number)
            files.append(("files", (f"{number}.flac", song)))
            tastes.append(finished(http, [files[-1]])["id"])
        take = http.post("/v1/generations", json=PLAYED | {"request_id": "take-1", "is_transient": False})
        assert take.status_code == 200
        objects = folder / "data" / "store" / "objects"
        shutil.copytree(objects, folder / "whole")
        made = World(http, objects, folder / "whole", tastes, files, b"", take.content)
        song = made.play()
        assert song.status_code == 200
        yield World(http, objects, folder / "whole", tastes, files, song.content, take.content)


def finished(http: httpx.Client, files: list) -> dict:
    answer = http.post("/v1/tastes", files=files)
    with http.stream("GET", answer.headers["location"] + "/events") as events:
        for _ in events.iter_lines():
            pass
    taste = http.get(answer.headers["location"]).json()
    assert taste["state"] == "completed", taste
    return taste


def flip(path: Path, chooser: random.Random) -> int:
    data = bytearray(path.read_bytes())
    bit = chooser.randrange(len(data) * 8)
    data[bit // 8] ^= 1 << (bit % 8)
    path.write_bytes(data)
    return bit


async def flip_many(world: World, count: int) -> Counter[str]:
    print(f"SEED={SEED}")
    chooser, store, outcomes = random.Random(SEED), FileStore(world.objects.parent), Counter()
    interesting = ("takes/", "vectors/", "tastes/", "tracks/", "jobs/", "sounds/", "reference/")
    for number in range(count):
        prefix = interesting[number % len(interesting)]
        paths = sorted(path for path in (world.objects / prefix).rglob("*,1"))
        path = chooser.choice(paths)
        key = str(path.relative_to(world.objects)).removesuffix(",1")
        note = f"SEED={SEED} number={number} {key} bit {flip(path, chooser)}"
        with pytest.raises(DataLoss):
            await store.get(key)
        outcomes[f"{prefix} {look(world, prefix, note)}"] += 1
        world.restore()
    return outcomes


def look(world: World, prefix: str, note: str) -> str:
    """Uses the damaged object. Returns `as it was` or `refused`; any other sound fails."""
    if prefix == "takes/":
        answer = world.http.get("/v1/takes/take-1/audio?raw=true")
        expected = world.take
    elif prefix in ("tracks/", "sounds/", "reference/"):
        again = finished(world.http, [world.files[0]])
        assert again["taste"]["tracks"][0]["sha256"], note
        answer, expected = world.play(), world.song
        world.http.delete(f"/v1/tastes/{again['id']}")
    elif prefix == "jobs/":
        listed = world.http.get("/v1/tastes")
        assert listed.status_code == 200, note
        answer, expected = world.play(), world.song
    else:
        answer, expected = world.play(), world.song
    if answer.status_code == 200:
        assert pcm_in(answer.content) == pcm_in(expected), f"{note}: another sound was played"
        return "as it was"
    assert answer.status_code == 500, (note, answer.text)
    assert answer.json()["title"] == "Stored data is damaged", (note, answer.text)
    print(note, answer.json()["detail"])
    return "refused"


@pytest.mark.slow
async def test_a_sample_of_bit_flips_is_found_and_mended(world: World) -> None:
    outcomes = await flip_many(world, 14)
    assert not [outcome for outcome in outcomes if outcome.startswith(("vectors/ ref", "tracks/ ref", "sounds/ ref"))]


@robust
@pytest.mark.timeout(3600)
async def test_a_thousand_bit_flips_are_found_and_mended(world: World) -> None:
    outcomes = await flip_many(world, 1000)
    print(dict(outcomes))
    assert not [outcome for outcome in outcomes if outcome.startswith(("vectors/ ref", "tracks/ ref", "sounds/ ref"))]

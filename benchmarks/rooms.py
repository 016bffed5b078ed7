"""Rooms: underruns of 32 listeners under load, and whether the sound shows whose taste is in it.

    python -m benchmarks.rooms listeners        32 listeners and players, beside other live music, at 80 % of the capacity
    python -m benchmarks.rooms tastes           needs the songs and judges of benchmarks/tastes (fetched into its cache)

`listeners` needs a quiet machine: a neighbour's process is load too. `tastes` asks a judge that steering has never seen
about rooms of 1 to 32 members, each with a taste of other songs: is the room's sound nearer to a member's playlist than
the sound of the same room in which that member does not count? Chance is one half. It also asks which of the eight
playlists the sound is nearest to; chance is an eighth.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
import wave
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.listeners import SHARE, measure_capacity
from benchmarks.models import embedded
from resonance.client import AsyncClient
from resonance.rpc import RpcServer
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import generate_pb2, rooms_pb2, steering_pb2
from resonance_generate.build import open_generate
from resonance_generate.engine.metrics import HEADROOM, UNDERRUNS

LISTENERS, PLAYERS, SLOTS = 24, 8, 8
PROMPT = "a piece of music"
SIZES = (1, 2, 4, 8, 32)
SKIPPED_S, HEARD_S, ASKED_MAX = 4.0, 24.0, 8


@dataclass(slots=True)
class Ear:
    """A listener who plays at once and waits where the next chunk is late: `deficits_s` are the gaps, `skips` the parts left out."""

    prebuffer_s: float
    deficits_s: list[float] = field(default_factory=list)
    skips: int = 0
    heard_s: float = 0.0
    came_s: dict[int, float] = field(default_factory=dict)
    _ends_s: float | None = None
    _rate_hz: int = 0

    def hear(self, response: rooms_pb2.JoinPerformanceResponse, now_s: float) -> None:
        """Takes one message at the time at which it came."""
        if response.HasField("started"):
            self._rate_hz = response.started.format.sample_rate_hz
        elif response.HasField("skipped"):
            self.skips += 1
        elif response.HasField("chunk"):
            self.came_s[response.chunk.sequence] = now_s
            if self._ends_s is None:
                self._ends_s = now_s + self.prebuffer_s
            elif now_s > self._ends_s:
                self.deficits_s.append(now_s - self._ends_s)
                self._ends_s = now_s
            length_s = response.chunk.sample_count / self._rate_hz
            self._ends_s += length_s
            self.heard_s += length_s


async def measure_listeners(duration_s: float, beside: int | None = None) -> dict[str, Any]:
    """A room of 32 beside other performances: as many as bring the engine to 80 % of its capacity for whole takes, or `beside`.

    Live music in chunks of a quarter of a second costs more than whole takes. How much is left is the headroom: steps a second over the
    frame rate, at the end.
    """
    with tempfile.TemporaryDirectory() as folder:
        model = await asyncio.to_thread(embedded, Path(folder) / "model")
        settings = Settings(data_dir=Path(folder), grpc_addr="127.0.0.1:0", slots=SLOTS, queue_places=0)
        server = RpcServer(settings.grpc_addr)
        await server.bind()
        async with open_generate(settings, MemoryStore(), model) as parts, AsyncClient(server.address) as client:
            parts.add_to(server)
            await server.start()
            capacity = await measure_capacity(parts.engine)
            if beside is None:
                beside = max(0, min(SLOTS - 1, int(SHARE * capacity) - 1))
            late_before = UNDERRUNS._value.get()
            opening = generate_pb2.PerformOpening(recipe=_recipe())
            room = await client.rooms.open(opening)
            async with AsyncExitStack() as stack:
                # The listeners' own work must not take the interpreter from the service: they live in a process of their own.
                hearing = stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn")))
                for seed in range(beside):
                    playing = asyncio.create_task(_perform(client, seed, duration_s))
                    stack.callback(playing.cancel)
                tokens = [room.owner_token, *[room.play_token] * (PLAYERS - 1), *[room.listen_token] * LISTENERS]
                ears = await asyncio.get_running_loop().run_in_executor(
                    hearing, _hear, server.address, room.room_id, tokens, duration_s
                )
            late, slots = UNDERRUNS._value.get() - late_before, parts.engine.running_count
            headroom = HEADROOM._value.get()
            await server.stop(0)
    return {
        "capacity_s_per_s": round(capacity, 2),
        "performances_beside": beside,
        "load": round((1 + beside) / capacity, 2),
        "listeners": len(ears),
        "seconds_heard_each": round(min(ear.heard_s for ear in ears), 1),
        "underruns": sum(len(ear.deficits_s) for ear in ears),
        "worst_gap_ms": round(1000 * max((gap for ear in ears for gap in ear.deficits_s), default=0.0)),
        "chunks_late_from_the_engine": late,
        "skips": sum(ear.skips for ear in ears),
        "first_to_last_listener_ms": _spreads(ears),
        "slots_taken_at_the_end": slots,
        "headroom_at_the_end": round(headroom, 2),
    }


def _hear(address: str, room_id: str, tokens: Sequence[str], duration_s: float) -> list[Ear]:
    """What a listener for each token hears; runs in a process of its own."""

    async def hear_all() -> list[Ear]:
        ears = [Ear(prebuffer_s=0.2) for _ in tokens]
        async with AsyncClient(address) as client:
            pairs = zip(tokens, ears, strict=True)
            await asyncio.gather(*(_listen(client, room_id, token, ear, duration_s) for token, ear in pairs))
        return ears

    return asyncio.run(hear_all())


def _spreads(ears: Sequence[Ear]) -> dict[str, float]:
    """The time from the first listener who got a chunk to the last one, over chunks that all got."""
    common = set.intersection(*(set(ear.came_s) for ear in ears))
    spreads = [1000 * (max(times) - min(times)) for times in ([ear.came_s[one] for ear in ears] for one in common)]
    return {f"p{share}": round(float(np.percentile(spreads, share)), 1) for share in (50, 99)} if spreads else {}


async def _listen(client: AsyncClient, room_id: str, token: str, ear: Ear, duration_s: float) -> None:
    async def requests() -> AsyncIterator[rooms_pb2.JoinPerformanceRequest]:
        yield rooms_pb2.JoinPerformanceRequest(joining=rooms_pb2.RoomJoining(room_id=room_id, token=token))
        await asyncio.sleep(duration_s + 60)

    async with aclosing(client.rooms.join(requests())) as responses:
        async for response in responses:
            ear.hear(response, time.perf_counter())
            if ear.heard_s >= duration_s:
                return


async def _perform(client: AsyncClient, seed: int, duration_s: float) -> None:
    async def requests() -> AsyncIterator[generate_pb2.PerformRequest]:
        yield generate_pb2.PerformRequest(opening=generate_pb2.PerformOpening(recipe=_recipe(), seed=seed))
        await asyncio.sleep(2 * duration_s + 60)

    async with aclosing(client.perform(requests())) as responses:
        async for _ in responses:
            pass


async def record(address: str, tastes: Sequence[str], weights: Sequence[float], seed: int, path: Path) -> list[float]:
    """Records a room in which each taste is one member's; the members' `sounding_share` in the last mix. Made once."""
    facts = path.with_suffix(".json")
    if facts.exists():
        return list(json.loads(facts.read_text()))
    async with AsyncClient(address) as client, AsyncExitStack() as stack:
        room = await client.rooms.open(
            generate_pb2.PerformOpening(recipe=_recipe(), seed=seed), offered_taste_ids=sorted(set(tastes))[:16]
        )
        for taste_id, weight in zip(tastes, weights, strict=True):
            if weight:
                member = asyncio.create_task(_sit(client, room.room_id, room.play_token, taste_id))
                stack.callback(member.cancel)
        ear, pcm, mix = Ear(prebuffer_s=0.2), bytearray(), rooms_pb2.RoomMix()
        rate_hz = 0

        async def requests() -> AsyncIterator[rooms_pb2.JoinPerformanceRequest]:
            yield rooms_pb2.JoinPerformanceRequest(
                joining=rooms_pb2.RoomJoining(room_id=room.room_id, token=room.owner_token)
            )
            await asyncio.sleep(600)

        async with aclosing(client.rooms.join(requests())) as responses:
            async for response in responses:
                ear.hear(response, time.perf_counter())
                rate_hz = rate_hz or response.started.format.sample_rate_hz
                pcm += response.chunk.data
                if response.HasField("mix"):
                    mix = response.mix
                if ear.heard_s >= SKIPPED_S + HEARD_S:
                    break
    _write_wav(path, bytes(pcm[2 * round(SKIPPED_S * rate_hz) :]), rate_hz)
    shares = [member.sounding_share for member in mix.members if member.role == rooms_pb2.ROOM_ROLE_PLAYER]
    facts.write_text(json.dumps(shares))
    return shares


async def _sit(client: AsyncClient, room_id: str, token: str, taste_id: str) -> None:
    """A member who adds one taste and reads on."""
    part = rooms_pb2.RoomPart(tastes=[steering_pb2.TasteWeight(taste_id=taste_id, strength=1.0)])
    joining = rooms_pb2.RoomJoining(room_id=room_id, token=token, part=part, without_sound=True)

    async def requests() -> AsyncIterator[rooms_pb2.JoinPerformanceRequest]:
        yield rooms_pb2.JoinPerformanceRequest(joining=joining)
        await asyncio.sleep(600)

    async with aclosing(client.rooms.join(requests())) as responses:
        async for _ in responses:
            pass


def measure_tastes(cache: Path, seeds: int) -> dict[str, Any]:
    """Recognition by the judges of benchmarks/tastes."""
    from benchmarks.tastes.__main__ import ROOT, Run
    from benchmarks.tastes.fetch import fetch
    from benchmarks.tastes.judges import JUDGES, Bench, classes_of
    from benchmarks.tastes.manifest import PLAYLISTS, read_manifest
    from benchmarks.tastes.product import Product, product_digest
    from benchmarks.tastes.scoring import right_of_all

    if missing := fetch(cache):
        raise SystemExit("\n".join([*missing, "without all songs and judges nothing is measured"]))
    folder = cache / "products" / product_digest(ROOT)
    rooms = folder / "rooms"
    rooms.mkdir(parents=True, exist_ok=True)
    with Product(folder) as product:
        product.model()
        run = Run(product=product, songs=read_manifest(), cache=cache, ends=float("inf"), seconds=30.0)
        # Four members a playlist, each with a taste of two other songs of it.
        tastes = [
            (place, product.taste(f"{name} {start}", run.uploads(name, "taste")[start : start + 2]).taste_id)
            for start in (0, 2, 4, 6)
            for place, name in enumerate(PLAYLISTS)
        ]
        made = asyncio.run(_record_all(product.address, tastes, seeds, rooms))
    bench, found = Bench(cache), dict[str, Any]()
    for judge in JUDGES:
        if judge.role == "tags":
            continue
        classes = classes_of(bench, judge, [run.files(name, "taste") for name in PLAYLISTS])
        table: dict[str, Any] = {}
        for size in SIZES:
            nearer, right, shares = [], [], []
            for one in (one for one in made if one["size"] == size):
                near = classes.nearness([bench.take(judge, one["whole"]), bench.take(judge, one["without"])])
                nearer.append(float(near[0, one["place"]] > near[1, one["place"]]))
                right.append(float(right_of_all(near[:1], one["place"])[0]))
                shares.append(one["share"])
            table[str(size)] = {
                "rooms": len(nearer),
                "nearer_with_the_member": round(float(np.mean(nearer)), 3),
                "nearest_of_eight": round(float(np.mean(right)), 3),
                "mean_sounding_share": round(float(np.mean(shares)), 3),
            }
        found[judge.name] = table
    return found


async def _record_all(
    address: str, tastes: Sequence[tuple[int, str]], seeds: int, folder: Path
) -> list[dict[str, Any]]:
    """Rooms of each size with all members, and without one of them, for at most ASKED_MAX members each."""
    made = []
    for size in SIZES:
        for seed in range(seeds):
            members = [tastes[(seed * size + at) % len(tastes)] for at in range(size)]
            ids, name = [taste_id for _, taste_id in members], f"{size}-{seed}"
            shares = await record(address, ids, [1.0] * size, seed, folder / f"{name}.wav")
            for at in range(min(size, ASKED_MAX)):
                weights = [float(other != at) for other in range(size)]
                await record(address, ids, weights, seed, folder / f"{name}-without-{at}.wav")
                made.append(
                    {
                        "size": size,
                        "place": members[at][0],
                        "whole": folder / f"{name}.wav",
                        "without": folder / f"{name}-without-{at}.wav",
                        "share": float(np.mean(shares)) if shares else 0.0,
                    }
                )
            print(f"room of {size}, seed {seed}: recorded", flush=True)
    return made


def _recipe() -> steering_pb2.Recipe:
    return steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text=PROMPT)])


def _write_wav(path: Path, pcm: bytes, rate_hz: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm)


def main() -> None:
    """Measures one of the two and prints JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rooms")
    parser.add_argument("what", choices=("listeners", "tastes"))
    parser.add_argument("--seconds", type=float, default=60.0, help="of `listeners`")
    parser.add_argument("--beside", type=int, help="other performances, of `listeners`")
    parser.add_argument("--seeds", type=int, default=4, help="rooms of each size, of `tastes`")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/resonance-bench").expanduser())
    arguments = parser.parse_args()
    if arguments.what == "listeners":
        found = asyncio.run(measure_listeners(arguments.seconds, arguments.beside))
    else:
        found = measure_tastes(arguments.cache, arguments.seeds)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

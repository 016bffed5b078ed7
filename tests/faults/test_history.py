"""Random histories: submits, repeats, cancels and watches under kill -9 of workers, of the engine, and of both at once.

The seed is printed: `SEED=7 make test ARGS=tests/faults/test_history.py` repeats a run.
"""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from support import robust, sounds
from support.polling import eventually

from resonance.rpc import open_channel
from resonance.v1 import ingest_pb2, ingest_pb2_grpc, jobs_pb2

SEED = int(os.environ.get("SEED", "1"))
# What is killed: one of two replicas, the engine, both at the same moment, or everything, and the engine's file is lost.
VICTIMS, WEIGHTS = ("worker", "engine", "worker and engine", "all and the engine's file"), (4, 3, 3, 1)
FINAL = (jobs_pb2.JOB_STATE_COMPLETED, jobs_pb2.JOB_STATE_FAILED, jobs_pb2.JOB_STATE_CANCELLED)


@dataclass(kw_only=True)
class History:
    """All responses that clients got, checked as they come."""

    ids: dict[str, str] = field(default_factory=dict)
    latest: dict[str, Any] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)

    def accepted(self, request_id: str, job: Any) -> None:
        assert self.ids.setdefault(request_id, job.job_id) == job.job_id, "one request is one job"
        self.seen(job)

    def seen(self, job: Any) -> None:
        before = self.latest.get(job.job_id)
        if before is not None and before.revision <= job.revision:
            assert before.progress <= job.progress, "progress never falls"
            if before.state in FINAL:
                assert (before.state, before.error, before.taste) == (job.state, job.error, job.taste), "final is final"
        if before is None or before.revision < job.revision:
            self.latest[job.job_id] = job


class Client:
    """Calls any replica that answers, and repeats calls without a response, as real clients do."""

    def __init__(self, cluster: Any, history: History, chooser: random.Random) -> None:
        self._cluster = cluster
        self._history = history
        self._chooser = chooser

    async def play(self, number: int, files: list[bytes]) -> None:
        """Submits a job, repeats the request, and perhaps cancels the job."""
        request_id = f"r{number}"
        content = {f"{at}.flac": self._chooser.choice(files) for at in range(self._chooser.randint(1, 2))}
        job = await self._insist(lambda ingest: ingest.upload(content, request_id=request_id))
        self._history.accepted(request_id, job)
        await asyncio.sleep(self._chooser.random())
        if self._chooser.random() < 0.3:
            cancelled = await self._insist(lambda ingest: cancel(ingest, job.job_id))
            self._history.seen(cancelled)
            self._history.cancelled.add(job.job_id)
        again = await self._insist(lambda ingest: ingest.upload(content, request_id=request_id))
        self._history.accepted(request_id, again)

    async def until_final(self, job_id: str) -> None:
        while True:
            job = await self._insist(lambda ingest: ingest.job(job_id))
            self._history.seen(job)
            if job.state in FINAL:
                return
            await asyncio.sleep(0.1)

    async def _insist(self, call: Any) -> Any:
        while True:
            living = [each for each in self._cluster.processes if each.process.poll() is None]
            with suppress(grpc.aio.AioRpcError):
                if living:
                    return await call(self._chooser.choice(living))
            await asyncio.sleep(0.1)


async def cancel(ingest: Any, job_id: str) -> Any:
    async with open_channel(ingest.address) as channel:
        stub = ingest_pb2_grpc.IngestServiceStub(channel)
        return (await stub.CancelJob(ingest_pb2.CancelJobRequest(job_id=job_id))).job


async def kill_at_random(cluster: Any, chooser: random.Random, kills: int) -> None:
    """Kills at random moments, and starts again what does not come back by itself."""
    for _ in range(kills):
        await asyncio.sleep(chooser.uniform(0.2, 2.5))
        victim = chooser.choices(VICTIMS, weights=WEIGHTS)[0]
        print(f"kill: {victim}")
        living = [each for each in cluster.processes if each.process.poll() is None]
        victims = living if victim == "all and the engine's file" else [chooser.choice(living)]
        if victim != "engine":
            for each in victims:
                each.kill()
        if victim != "worker":
            cluster.kill_engine()
        if victim == "all and the engine's file":
            await eventually(lambda: not cluster.engine_pids())
            for path in (cluster.data_dir / "engine").glob("engine.db*"):
                path.unlink()
        if victim != "engine":
            await asyncio.gather(*(cluster.start() for _ in victims))


async def live_through(cluster: Any, tmp_path: Path, seed: int, *, clients: int, kills: int, within_s: float) -> None:
    print(f"SEED={seed}")
    chooser, history = random.Random(seed), History()
    files = [sounds.sound_bytes("flac", tmp_path, duration_s=12.0, pitch_hz=100.0 + seed + n) for n in range(3)]
    cluster.extract.pause_s = 0.05
    await asyncio.gather(cluster.start(), cluster.start())
    client = Client(cluster, history, chooser)
    async with asyncio.timeout(within_s):
        killing = asyncio.create_task(kill_at_random(cluster, chooser, kills))
        await asyncio.gather(*(client.play(number, files) for number in range(clients)))
        await killing
        await asyncio.gather(*(client.until_final(job_id) for job_id in history.ids.values()))
    assert len(history.latest) == clients, "an accepted job is never lost"
    for job_id, job in history.latest.items():
        expected = jobs_pb2.JOB_STATE_COMPLETED
        assert job.state == expected or job_id in history.cancelled, job
        assert (job_id in cluster.extract.tastes) == (job.state == expected), (
            "a job has a taste exactly where it completed"
        )
    assert cluster.extract.running == 0


@pytest.mark.slow
async def test_random_kills_break_no_promise(cluster, tmp_path: Path) -> None:
    await live_through(cluster, tmp_path, SEED, clients=5, kills=2, within_s=150.0)


@robust
@pytest.mark.parametrize("round_", range(100))
async def test_many_random_kills_break_no_promise(cluster, tmp_path: Path, round_: int) -> None:
    await live_through(cluster, tmp_path, SEED * 1000 + round_, clients=8, kills=6, within_s=900.0)

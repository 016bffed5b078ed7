"""Calibration jobs beside full slots, departed callers, other processes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from support.extracting import CANCELLED, COMPLETED, RUNNING, Bench, asked, finished

from resonance.errors import Cancelled, Overloaded, Unavailable
from resonance.identity import acting_as
from resonance.store.keys import concept_key
from resonance.store.owned import OwnedStore
from resonance.store.protocol import StoredObject
from resonance_extract.calibration.jobs import CalibrationJobs


async def settled(calibration_jobs: CalibrationJobs, calibration_job_id: str, *, waiting: str) -> None:
    async with asyncio.timeout(10):
        while waiting not in (await calibration_jobs.get(calibration_job_id)).progress.waiting:
            await asyncio.sleep(0.02)


async def test_a_calibration_job_waits_while_every_slot_is_taken_and_while_generate_is_away(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs()
    bench.renderer.refusals = [
        Unavailable("connection refused", retry_after_s=0.0),
        Overloaded("every place is taken", reason="QUEUE_FULL", retry_after_s=0.5),
        Overloaded("every place is taken", reason="QUEUE_FULL", retry_after_s=0.5),
    ]
    started = await calibration_jobs.start(asked())
    await settled(calibration_jobs, started.calibration_job_id, waiting="every place is taken")
    calibration_job = await finished(calibration_jobs, started.calibration_job_id)
    assert (calibration_job.state, calibration_job.progress.done, calibration_job.progress.waiting) == (
        COMPLETED,
        8,
        "",
    )


async def test_a_calibration_job_waits_while_the_store_is_away(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    calibration_jobs, replace_in, away = bench.calibration_jobs(), bench.store.replace, [True, True]

    async def sometimes(key: str, data: bytes, *, version: str) -> str:
        if len(bench.renderer.made) > 2 and away:
            away.pop()
            raise Unavailable("the store is away", retry_after_s=0.0)
        return await replace_in(key, data, version=version)

    monkeypatch.setattr(bench.store, "replace", sometimes)
    calibration_job = await finished(calibration_jobs, (await calibration_jobs.start(asked())).calibration_job_id)
    assert (calibration_job.state, calibration_job.error.message, len(bench.renderer.made)) == (COMPLETED, "", 8)


async def test_cancelling_one_that_waits_takes_effect_at_once(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs()
    bench.renderer.is_full = True
    started = await calibration_jobs.start(asked())
    await settled(calibration_jobs, started.calibration_job_id, waiting="46 s")
    async with asyncio.timeout(1):
        assert (await calibration_jobs.cancel(started.calibration_job_id)).state == CANCELLED


async def test_a_waiting_job_stops_when_another_process_cancels_it(bench: Bench) -> None:
    here, there = bench.calibration_jobs(), bench.calibration_jobs()
    bench.renderer.is_full = True
    started = await here.start(asked())
    await settled(here, started.calibration_job_id, waiting="46 s")
    assert (await there.cancel(started.calibration_job_id)).state == CANCELLED
    await asyncio.sleep(0.4)
    bench.renderer.is_full = False
    calibration_job = await finished(there, (await there.start(asked())).calibration_job_id)
    assert (calibration_job.state, len(bench.renderer.made)) == (COMPLETED, 8), "no other process renders the same"


# --- callers


async def test_a_caller_who_joined_a_calibration_job_and_leaves_does_not_end_it(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs()
    bench.renderer.pause_s = 0.1
    first = await calibration_jobs.start(asked())
    following = calibration_jobs.follow(asked())
    assert (await anext(following)).calibration_job_id == first.calibration_job_id
    await following.aclose()
    assert (await finished(calibration_jobs, first.calibration_job_id)).state == COMPLETED


async def test_a_starter_who_leaves_does_not_end_a_job_that_another_caller_joined(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs()
    bench.renderer.pause_s = 0.1
    following = calibration_jobs.follow(asked())
    calibration_job = await anext(following)
    assert (await calibration_jobs.start(asked())).state == RUNNING
    await following.aclose()
    assert (await finished(calibration_jobs, calibration_job.calibration_job_id)).state == COMPLETED


async def test_one_calibration_job_too_many_gets_a_retry_time(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs(open_of_owner_max=4)
    bench.renderer.pause_s = 60.0
    for place in range(4):
        await calibration_jobs.start(asked(strengths=[1.0 + place]))
    with pytest.raises(Overloaded) as caught:
        await calibration_jobs.start(asked(strengths=[7.0]))
    assert (caught.value.reason, caught.value.retry_after_s) == ("TOO_MANY_CALIBRATION_JOBS", 30.0)


async def test_two_owners_calibration_jobs_of_one_id_are_two(bench: Bench) -> None:
    store = OwnedStore(bench.store)
    calibration_jobs = replace(bench, store=store).calibration_jobs()
    bench.renderer.pause_s = 0.1
    ids = []
    for owner in ("o-alice", "o-bob"):
        with acting_as(owner):
            key = concept_key(bench.digest, "rush")
            await store.put(key, (await bench.store.get(key)).data)
            ids.append((await calibration_jobs.start(asked())).calibration_job_id)
    assert ids[0] == ids[1]
    with acting_as("o-bob"):
        assert (await calibration_jobs.cancel(ids[1])).state == CANCELLED
    with acting_as("o-alice"):
        assert (await finished(calibration_jobs, ids[0])).state == COMPLETED


async def test_a_joiner_in_another_process_keeps_the_calibration_job_when_its_starter_leaves(bench: Bench) -> None:
    here, there = bench.calibration_jobs(), bench.calibration_jobs()
    bench.renderer.pause_s = 0.1
    starter, joiner = here.follow(asked()), there.follow(asked())
    calibration_job = await anext(starter)
    assert (await anext(joiner)).calibration_job_id == calibration_job.calibration_job_id
    await starter.aclose()
    assert [seen.state async for seen in joiner][-1] == COMPLETED


async def test_a_waiting_caller_gets_cancelled_when_another_call_cancels_the_job(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs()
    bench.renderer.pause_s = 60.0
    following = calibration_jobs.follow(asked())
    calibration_job = await anext(following)
    await calibration_jobs.cancel(calibration_job.calibration_job_id)
    with pytest.raises(Cancelled, match="was cancelled"):
        async for _ in following:
            pass


class SlowReads:
    """A store as files and S3 are: readers see the object some time before they go on. Its writes are those of the inner store."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def get(self, key: str) -> StoredObject:
        try:
            return await self._inner.get(key)
        finally:
            await asyncio.sleep(0.05)


async def test_two_processes_asked_for_the_same_at_once_work_on_one_calibration_job(bench: Bench) -> None:
    """Both look before either has written."""
    slow = replace(bench, store=SlowReads(bench.store))
    here, there = slow.calibration_jobs(), slow.calibration_jobs()
    one, other = await asyncio.gather(here.start(asked()), there.start(asked()))
    assert one.calibration_job_id == other.calibration_job_id
    assert (await finished(here, one.calibration_job_id)).state == COMPLETED
    assert len(bench.renderer.made) == 8


async def test_a_watcher_reads_the_store_only_when_something_has_changed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = bench.calibration_jobs(), bench.calibration_jobs()
    bench.renderer.is_full = True  # nothing changes while the job waits for 46 s
    started = await here.start(asked())
    await settled(here, started.calibration_job_id, waiting="46 s")
    get, reads = bench.store.get, 0

    async def counted(key: str) -> StoredObject:
        nonlocal reads
        reads += 1
        return await get(key)

    changes = there.watch(started.calibration_job_id)
    await anext(changes)
    waiting = asyncio.create_task(anext(changes))
    await asyncio.sleep(1.5)  # the watcher asks the engine for the first time, and reads once more
    monkeypatch.setattr(bench.store, "get", counted)
    await asyncio.sleep(3.0)
    assert (reads, waiting.done()) == (0, False)
    monkeypatch.undo()
    await here.cancel(started.calibration_job_id)
    async with asyncio.timeout(2):
        assert (await waiting).state == CANCELLED, "a change of another process is seen"
    await changes.aclose()

"""Calibration jobs beside full slots, departed callers, differing clocks."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from support.extracting import CANCELLED, COMPLETED, FAILED, RUNNING, Bench, asked, finished, until

from resonance.errors import Cancelled, Overloaded, Unavailable
from resonance.identity import acting_as
from resonance.store.keys import calibration_job_key, concept_key, open_calibration_job_key
from resonance.store.owned import OwnedStore
from resonance.store.protocol import StoredObject
from resonance_extract.calibration.backoff import Backoff
from resonance_extract.calibration.job_document import CalibrationJobDocument
from resonance_extract.calibration.jobs import CALIBRATION_JOBS_RUNNING_MAX, CalibrationJobs


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


async def test_waiting_has_an_end_and_its_fault_is_the_refusal(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs(wait_s_max=0.3)
    bench.renderer.is_full = True
    calibration_job = await finished(calibration_jobs, (await calibration_jobs.start(asked())).calibration_job_id)
    assert (calibration_job.state, calibration_job.error.reason) == (FAILED, "QUEUE_FULL")


async def test_cancelling_one_that_waits_takes_effect_at_once(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs()
    bench.renderer.is_full = True
    started = await calibration_jobs.start(asked())
    await settled(calibration_jobs, started.calibration_job_id, waiting="46 s")
    async with asyncio.timeout(1):
        assert (await calibration_jobs.cancel(started.calibration_job_id)).state == CANCELLED


async def test_a_waiting_job_stops_when_another_process_cancels_it(bench: Bench) -> None:
    here, there = bench.calibration_jobs(lease_s=0.4), bench.calibration_jobs(lease_s=0.4)
    bench.renderer.is_full = True
    started = await here.start(asked())
    await settled(here, started.calibration_job_id, waiting="46 s")
    assert (await there.cancel(started.calibration_job_id)).state == CANCELLED
    await asyncio.sleep(0.4)
    bench.renderer.is_full = False
    calibration_job = await finished(there, (await there.start(asked())).calibration_job_id)
    assert (calibration_job.state, len(bench.renderer.made)) == (COMPLETED, 8), "no other process renders the same"


def test_a_backoff_follows_the_retry_times_and_restarts_with_progress() -> None:
    now = [0.0]
    backoff = Backoff(100.0, clock=lambda: now[0])
    full, away = Overloaded("full", retry_after_s=46.0), Unavailable("away", retry_after_s=1.0)
    assert backoff.pause_s(full) == 46.0
    assert [backoff.pause_s(away) for _ in range(5)] == [1.0, 2.0, 4.0, 8.0, 8.0]
    now[0] = 90.0
    assert backoff.pause_s(full) == 10.0
    backoff.progressed()
    now[0] = 189.0
    assert backoff.pause_s(away) == 1.0
    now[0] = 190.0
    with pytest.raises(Overloaded):
        backoff.pause_s(full)


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
    calibration_jobs = bench.calibration_jobs()
    bench.renderer.pause_s = 60.0
    for place in range(CALIBRATION_JOBS_RUNNING_MAX):
        await calibration_jobs.start(asked(strengths=[1.0 + place]))
    with pytest.raises(Overloaded) as caught:
        await calibration_jobs.start(asked(strengths=[7.0]))
    assert (caught.value.reason, caught.value.retry_after_s) == ("TOO_MANY_CALIBRATION_JOBS", 30.0)
    await calibration_jobs.close()


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


async def test_two_processes_asked_for_the_same_at_once_work_on_one_calibration_job(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = bench.calibration_jobs(), bench.calibration_jobs()
    get = bench.store.get

    async def slow(key: str) -> StoredObject:  # as files and S3 are: both look before either has written
        try:
            return await get(key)
        finally:
            await asyncio.sleep(0.05)

    monkeypatch.setattr(bench.store, "get", slow)
    one, other = await asyncio.gather(here.start(asked()), there.start(asked()))
    assert one.calibration_job_id == other.calibration_job_id
    assert (await finished(here, one.calibration_job_id)).state == COMPLETED
    assert len(bench.renderer.made) == 8


async def test_a_marker_that_another_process_removed_is_put_back(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs(lease_s=0.2)
    bench.renderer.pause_s = 60.0
    calibration_job = await calibration_jobs.start(asked())
    await bench.store.delete(
        open_calibration_job_key("", calibration_job.calibration_job_id)
    )  # as a process that read the job before this start
    await asyncio.sleep(0.2)
    assert await bench.store.exists(open_calibration_job_key("", calibration_job.calibration_job_id))
    await calibration_jobs.close()


# --- clocks


async def test_a_living_owner_whose_clock_is_wrong_keeps_its_calibration_job(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_it_is = CalibrationJobDocument.to_bytes

    def an_hour_late(document: CalibrationJobDocument) -> bytes:
        document.calibration_job.update_time.seconds -= 3600
        return as_it_is(document)

    monkeypatch.setattr(CalibrationJobDocument, "to_bytes", an_hour_late)
    here, there = bench.calibration_jobs(lease_s=0.4), bench.calibration_jobs(lease_s=0.4)
    bench.renderer.pause_s = 0.3
    started = await here.start(asked())
    for _ in range(8):
        assert await there.take_over() == 0
        await asyncio.sleep(0.1)
    calibration_job = await finished(here, started.calibration_job_id)
    assert (calibration_job.state, len(bench.renderer.made)) == (COMPLETED, 8)


async def test_a_dead_owners_calibration_job_is_taken_over_however_its_clock_ran(bench: Bench) -> None:
    bench.renderer.pause_s = 0.1
    first = bench.calibration_jobs(lease_s=0.3)
    started = await first.start(asked())
    await until(first, started.calibration_job_id, 1)
    await first.close()
    key = calibration_job_key(started.calibration_job_id)
    stored = await bench.store.get(key)
    document = json.loads(stored.data)
    document["calibration_job"]["updateTime"] = "2999-01-01T00:00:00Z"
    await bench.store.replace(key, json.dumps(document).encode(), version=stored.version)
    second = bench.calibration_jobs(lease_s=0.3)
    assert await second.take_over() == 0, "this process has not watched it for a lease yet"
    await asyncio.sleep(0.35)
    assert await second.take_over() == 1
    assert (await finished(second, started.calibration_job_id)).state == COMPLETED

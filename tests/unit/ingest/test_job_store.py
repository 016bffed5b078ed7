"""Job store: idempotency, one writer a part, monotone progress, final states."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.faulty_store import FaultKind, FaultyStore

from resonance.durable import Changes, Engine
from resonance.errors import Conflict, DataLoss, NotFound, Unavailable
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance_ingest.jobs import job_store
from resonance_ingest.jobs.job import Fault, Job, JobState, JobTrack, UploadedFile, from_json, to_json
from resonance_ingest.jobs.job_store import JobStore
from resonance_ingest.jobs.job_writer import JobStopped, JobWriter

# Nothing is started: these tests have one process, whose changes reach its watchers at once.
CHANGES = Changes(Engine(Settings()))


def a_job(number: int = 0, **fields: object) -> Job:
    plain = {"job_id": f"t-{number}", "request_digest": "d", "created_ms": 1000 + number, "updated_ms": 1000 + number}
    return Job(**{**plain, **fields})  # type: ignore[arg-type]


@pytest.fixture
def jobs() -> JobStore:
    return JobStore(MemoryStore(), CHANGES, clock_ms=itertools.count(10_000).__next__)


def test_a_job_is_read_back_as_it_was_written() -> None:
    job = a_job(
        title="Ünïcode ♫",
        tracks=(JobTrack(index=0, title="a", state=JobState.FAILED, error=Fault(reason="R", message="M.")),),
        uploads=(UploadedFile(filename="a", upload_id="u", byte_count=2, sha256="0", parts=("part",)),),
        options={"mix_mode": "MIX_MODE_MEAN"},
        taste={"taste_id": "t-0"},
    )
    assert from_json(to_json(job)) == job


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"state":"NEW"}', b"\xff"])
def test_a_document_that_is_no_job_is_named(data: bytes) -> None:
    with pytest.raises(DataLoss):
        from_json(data)


_CHANGES = st.lists(
    st.tuples(st.sampled_from(list(JobState)), st.floats(-1, 2), st.integers(0, 9)), min_size=1, max_size=12
)


@given(_CHANGES)
def test_progress_never_falls_and_a_final_job_never_changes(changes: list[tuple[JobState, float, int]]) -> None:
    job = a_job(tracks=(JobTrack(index=0, title="a"),))
    for state, progress, clips_done in changes:
        after = job.with_track(0, state=state, clips_done=clips_done).moved(state=state, progress=progress)
        assert job.progress <= after.progress <= 1.0
        assert after.revision >= job.revision
        assert after.tracks[0].clips_done >= job.tracks[0].clips_done
        if job.state.is_final:
            assert after == job
        if job.tracks[0].state.is_final:
            assert after.tracks == job.tracks
        job = after


async def test_fifty_parallel_duplicates_are_one_job(jobs: JobStore) -> None:
    wanted = [a_job(created_ms=1000 + number) for number in range(50)]
    found = await asyncio.gather(*(jobs.add(job) for job in wanted))
    assert len(set(map(to_json, found))) == 1
    assert len((await jobs.page(200, "")).jobs) == 1
    assert await jobs.open_ids() == ["t-0"]


async def test_the_same_id_for_another_request_is_refused(jobs: JobStore) -> None:
    await jobs.add(a_job())
    with pytest.raises(Conflict) as caught:
        await jobs.add(a_job(request_digest="other", created_ms=2000))
    assert caught.value.reason == "REQUEST_ID_REUSED"
    assert len((await jobs.page(0, "")).jobs) == 1


async def test_pages_go_from_the_newest_to_the_oldest_and_miss_nothing(jobs: JobStore) -> None:
    for number in range(7):
        await jobs.add(a_job(number))
    seen, token = [], ""
    while True:
        page = await jobs.page(3, token)
        seen += [job.job_id for job in page.jobs]
        token = page.next_token
        if not token:
            break
    assert seen == [f"t-{number}" for number in reversed(range(7))]


async def test_only_the_last_activity_that_began_a_part_may_write(jobs: JobStore) -> None:
    await jobs.add(a_job())
    first, second, other = (JobWriter(jobs, "t-0", part) for part in ("0", "0", "1"))
    await first.begin()
    await first.now(lambda job: job.moved(progress=0.1))
    await other.begin()
    await second.begin()
    with pytest.raises(JobStopped):
        await first.now(lambda job: job.moved(progress=0.2))
    await other.now(lambda job: job.moved(progress=0.3))
    assert (await second.now(lambda job: job.moved(progress=0.5))).progress == 0.5


async def test_a_late_write_to_a_cancelled_or_deleted_job_is_refused(jobs: JobStore) -> None:
    await jobs.add(a_job())
    writer = JobWriter(jobs, "t-0", "0")
    await writer.begin()
    cancelled = await jobs.change("t-0", lambda job: job.moved(state=JobState.CANCELLED))
    with pytest.raises(JobStopped):
        await writer.now(lambda job: job.moved(state=JobState.COMPLETED))
    assert (await jobs.get("t-0")) == cancelled
    assert await jobs.open_ids() == []
    await jobs.delete(cancelled)
    with pytest.raises(JobStopped, match="is gone"):
        await JobWriter(jobs, "t-0", "0").begin()


async def test_batches_are_stored_beside_the_work_and_the_work_ends_when_its_part_is_taken_over(jobs: JobStore) -> None:
    await jobs.add(a_job())
    writer, other = JobWriter(jobs, "t-0", "0"), JobWriter(jobs, "t-0", "0")
    await writer.begin()

    async def work() -> None:
        writer.soon(lambda job: job.moved(progress=0.4))
        while (await jobs.get("t-0")).progress < 0.4:
            await asyncio.sleep(0.02)
        await other.begin()
        writer.soon(lambda job: job.moved(progress=0.6))
        await asyncio.sleep(60)

    async with asyncio.timeout(5):
        with pytest.raises(JobStopped):
            await writer.run(work())
    job = await jobs.get("t-0")
    assert (job.progress, job.attempts, job.returns) == (0.4, 2, 1)


async def test_racing_changes_all_count(jobs: JobStore) -> None:
    await jobs.add(a_job(tracks=(JobTrack(index=0, title=""),)))

    def one_more(job: Job) -> Job:
        return job.with_track(0, clips_done=job.tracks[0].clips_done + 1)

    await asyncio.gather(*(jobs.change("t-0", one_more) for _ in range(20)))
    assert (await jobs.get("t-0")).tracks[0].clips_done == 20


async def test_a_watcher_sees_the_present_every_change_and_the_end(jobs: JobStore) -> None:
    await jobs.add(a_job())
    seen: list[tuple[int, JobState]] = []

    async def watch() -> None:
        async for job in jobs.watch("t-0"):
            seen.append((job.revision, job.state))

    watching = asyncio.create_task(watch())
    for state in (JobState.DOWNLOADING, JobState.EXTRACTING, JobState.COMPLETED):
        await asyncio.sleep(0.01)
        await jobs.change("t-0", lambda job, state=state: job.moved(state=state))
    await asyncio.wait_for(watching, 2)
    assert seen == [(1, "QUEUED"), (2, "DOWNLOADING"), (3, "EXTRACTING"), (4, "COMPLETED")]


async def test_a_watcher_that_returns_gets_only_new_revisions(jobs: JobStore) -> None:
    await jobs.add(a_job())
    await jobs.change("t-0", lambda job: job.moved(state=JobState.FAILED))
    assert [job.revision async for job in jobs.watch("t-0", 1)] == [2]
    assert [job.revision async for job in jobs.watch("t-0", 2)] == []


async def test_work_that_begins_and_ends_is_no_revision(jobs: JobStore) -> None:
    await jobs.add(a_job())
    writer = JobWriter(jobs, "t-0", "0")
    await writer.begin()
    await writer.run(asyncio.sleep(0))
    assert (await jobs.get("t-0")).revision == 1


def test_a_document_of_the_version_with_leases_is_read() -> None:
    document = json.loads(to_json(a_job(returns=0)))
    for name in ("workers", "attempts"):
        del document[name]
    document |= {"lease": {"owner": "a", "token": 7, "heartbeat": 3}, "returns": 6}
    job = from_json(json.dumps(document).encode())
    assert (job.attempts, job.returns, job.workers) == (0, 0, {})


async def test_a_deleted_job_is_gone_for_every_watcher(jobs: JobStore) -> None:
    job = await jobs.add(a_job())
    await jobs.delete(job)
    with pytest.raises(NotFound, match="no job t-0"):
        await jobs.get("t-0")
    assert (await jobs.page(0, "")).jobs == ()
    assert await jobs.open_ids() == []


async def test_a_damaged_job_does_not_block_the_others(jobs: JobStore) -> None:
    for number in range(3):
        await jobs.add(a_job(number))
    await jobs._store.put("jobs/t-1", b"{torn")
    assert [job.job_id for job in (await jobs.page(0, "")).jobs] == ["t-2", "t-0"]
    with pytest.raises(DataLoss):
        await jobs.get("t-1")


class LateStore(MemoryStore):
    """A store that writes a job's document at the moment when its marker is removed."""

    async def delete(self, key: str) -> None:
        await super().delete(key)
        if key.startswith("job-open/"):
            await self.put("jobs/t-0", to_json(a_job()))


async def test_a_marker_whose_document_comes_as_it_is_dropped_is_there_again() -> None:
    jobs = JobStore(LateStore(), CHANGES)
    await jobs.mark_open(a_job())
    (marker,) = await jobs.open_markers()
    await jobs.drop_marker(marker)
    assert await jobs.open_markers() == [marker]


async def test_the_marker_of_a_job_is_not_dropped(jobs: JobStore) -> None:
    await jobs.add(a_job(owner="ada"))
    (marker,) = await jobs.open_markers()
    await jobs.drop_marker(marker)
    assert await jobs.open_markers() == [marker]


async def test_a_job_that_was_long_in_writing_is_marked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(MemoryStore):
        async def create(self, key: str, data: bytes) -> str:
            for marker in [key async for key in self.keys("job-open/")]:
                await self.delete(marker)  # as by another replica that saw no document for a minute
            return await super().create(key, data)

    monkeypatch.setattr(job_store, "_WRITTEN_WITHIN_S", 0.0)
    jobs = JobStore(Slow(), CHANGES)
    await jobs.add(a_job())
    assert await jobs.open_ids() == ["t-0"]


async def test_a_lost_response_keeps_the_job_in_the_queue() -> None:
    store = MemoryStore()
    faulty = FaultyStore(store, first=2, kind=FaultKind.LOST_ANSWER)
    with pytest.raises(Unavailable):
        await JobStore(faulty, CHANGES).add(a_job())
    assert await JobStore(store, CHANGES).open_ids() == ["t-0"]
    assert (await JobStore(store, CHANGES).get("t-0")).job_id == "t-0"

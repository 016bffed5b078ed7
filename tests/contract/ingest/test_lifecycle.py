"""Job lifecycle: idempotent submission, watch, list, cancel, delete, full queue."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import grpc
import pytest
from support import sounds
from support.polling import eventually
from support.scripted_extract import ScriptedExtract
from tests.contract.ingest.conftest import serving_extract

from resonance.errors import InvalidInput, ResonanceError, Unavailable
from resonance.rpc import to_domain_error
from resonance.v1 import ingest_pb2, jobs_pb2, steering_pb2

STATE = jobs_pb2.JobState


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return sounds.sound_bytes("flac", tmp_path_factory.mktemp("song"))


@pytest.fixture(scope="module")
def long_song(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return sounds.sound_bytes("flac", tmp_path_factory.mktemp("song"), duration_s=60.0)


async def failure_of(call: Any) -> ResonanceError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return to_domain_error(caught.value)


async def until(job_id: str, system: Any, state: int) -> jobs_pb2.Job:
    """The job as soon as it has reached the state."""
    call = system.stub.WatchJob(ingest_pb2.WatchJobRequest(job_id=job_id))
    try:
        async for response in call:
            if response.job.state >= state:
                return response.job
    finally:
        call.cancel()
    raise AssertionError("the watch ended early")


def children() -> list[str]:
    """Command lines of this process's decoders and downloaders."""
    found = []
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        for child in (task / "children").read_text().split():
            found.append(Path(f"/proc/{child}/cmdline").read_text().replace("\0", " "))
    return [line for line in found if "_worker" in line]


async def test_the_same_request_is_the_same_job(system, song: bytes) -> None:
    first = await system.upload({"a.flac": song}, request_id="request-1")
    again = await system.upload({"a.flac": song}, request_id="request-1")
    assert first.job_id == again.job_id
    await system.done(first)
    late = await system.upload({"a.flac": song}, request_id="request-1")
    assert (late.job_id, late.state) == (first.job_id, STATE.JOB_STATE_COMPLETED)
    assert system.extract.calls == 1


async def test_the_same_request_id_for_other_files_is_refused(system, song: bytes) -> None:
    first = await system.upload({"a.flac": song}, request_id="request-1")
    error = await failure_of(system.upload({"b.flac": song}, request_id="request-1"))
    assert error.reason == "REQUEST_ID_REUSED"
    assert (await system.done(first)).state == STATE.JOB_STATE_COMPLETED


async def test_jobs_are_listed_newest_first_in_pages(system) -> None:
    ids = [(await system.upload({"a.mp3": b"no"})).job_id for _ in range(3)]
    request = ingest_pb2.ListJobsRequest(page_size=2)
    first = await system.stub.ListJobs(request)
    request.page_token = first.next_page_token
    second = await system.stub.ListJobs(request)
    assert [job.job_id for job in (*first.jobs, *second.jobs)] == ids[::-1]
    assert second.next_page_token == ""


@pytest.mark.parametrize("state", [STATE.JOB_STATE_QUEUED, STATE.JOB_STATE_PREPROCESSING, STATE.JOB_STATE_EXTRACTING])
async def test_cancelling_stops_everything_at_once(open_system, long_song: bytes, state: int) -> None:
    async with open_system(extract=ScriptedExtract(pause_s=0.3)) as system:
        job = await system.upload({"a.flac": long_song, "b.flac": long_song})
        await until(job.job_id, system, state)
        started_s = asyncio.get_running_loop().time()
        cancelled = (await system.stub.CancelJob(ingest_pb2.CancelJobRequest(job_id=job.job_id))).job
        assert asyncio.get_running_loop().time() - started_s < 5.0
        assert cancelled.state == STATE.JOB_STATE_CANCELLED
        assert (children(), system.leftovers()) == ([], [])
        await asyncio.sleep(0.1)
        assert system.extract.running == 0
        assert system.extract.tastes == {}
        again = (await system.stub.CancelJob(ingest_pb2.CancelJobRequest(job_id=job.job_id))).job
        assert again == cancelled
        assert [key async for key in system.store.keys("uploads/")] == []


async def test_a_final_job_is_not_cancelled(system, song: bytes) -> None:
    job = await system.done(await system.upload({"a.flac": song}))
    after = (await system.stub.CancelJob(ingest_pb2.CancelJobRequest(job_id=job.job_id))).job
    assert after == job


async def test_deleting_removes_the_job_and_its_taste(system, song: bytes) -> None:
    job = await system.done(await system.upload({"a.flac": song}))
    assert job.job_id in system.extract.tastes
    await asyncio.sleep(0.05)
    await system.stub.DeleteJob(ingest_pb2.DeleteJobRequest(job_id=job.job_id))
    assert system.extract.tastes == {}
    assert (await failure_of(system.stub.GetJob(ingest_pb2.GetJobRequest(job_id=job.job_id)))).reason == "NO_SUCH_JOB"
    assert await system.kept() == []


async def test_deleting_a_running_job_stops_it_first(open_system, long_song: bytes) -> None:
    async with open_system(extract=ScriptedExtract(pause_s=0.3)) as system:
        job = await system.upload({"a.flac": long_song})
        await until(job.job_id, system, STATE.JOB_STATE_EXTRACTING)
        await system.stub.DeleteJob(ingest_pb2.DeleteJobRequest(job_id=job.job_id))
        await eventually(lambda: system.extract.running == 0)
        await system.tidied_up()
        assert system.extract.tastes == {}
        assert await system.kept() == []


async def test_a_full_queue_refuses_an_upload_with_a_retry_time(open_system, long_song: bytes) -> None:
    async with open_system(extract=ScriptedExtract(pause_s=5.0), jobs_running_max=1, jobs_queued_max=2) as system:
        jobs = [await system.upload({"a.flac": long_song}, request_id=f"r{n}") for n in range(3)]
        error = await failure_of(system.upload({"a.flac": long_song}))
        assert error.reason == "TOO_MANY_JOBS"
        assert error.retry_after_s is not None
        assert error.retry_after_s >= 1.0
        repeated = await system.upload({"a.flac": long_song}, request_id="r2")
        assert repeated.job_id == jobs[2].job_id
        await system.stub.CancelJob(ingest_pb2.CancelJobRequest(job_id=jobs[1].job_id))
        assert (await system.upload({"a.flac": long_song})).state == STATE.JOB_STATE_QUEUED


async def test_a_burst_fills_every_place_and_no_more(open_system, song: bytes) -> None:
    async with open_system(extract=ScriptedExtract(pause_s=60.0), jobs_running_max=2, jobs_queued_max=4) as system:
        outcomes = await asyncio.gather(
            *(system.upload({"a.flac": song}, request_id=f"r{n}") for n in range(20)), return_exceptions=True
        )
        assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 6


async def test_a_job_outlasts_a_short_outage_of_the_extractor(open_system, song: bytes) -> None:
    away = Unavailable("not yet", reason="AWAY")
    async with open_system(extract=ScriptedExtract(fails_with=[away, away])) as system:
        states = await system.watch((await system.upload({"a.flac": song})).job_id)
        assert states[-1].state == STATE.JOB_STATE_COMPLETED
        assert [each.progress for each in states] == sorted(each.progress for each in states)
        assert [each.state for each in states] == sorted(each.state for each in states)


async def test_a_job_waits_while_the_extractor_is_away(open_system, song: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    async with open_system(extract_addr=address) as system:
        job = await system.upload({"a.flac": song})
        await asyncio.sleep(2.0)
        waiting = (await system.stub.GetJob(ingest_pb2.GetJobRequest(job_id=job.job_id))).job
        assert (waiting.state < STATE.JOB_STATE_COMPLETED, waiting.error.message) == (True, "")
        async with serving_extract(ScriptedExtract(), address):
            assert (await system.done(job)).state == STATE.JOB_STATE_COMPLETED


async def test_a_refusal_of_the_extractor_is_the_job_s_error(open_system, song: bytes) -> None:
    no = InvalidInput("no clip lies within the chosen ranges", reason="EMPTY_SELECTION")
    async with open_system(extract=ScriptedExtract(fails_with=[no])) as system:
        job = await system.done(await system.upload({"a.flac": song}))
        assert (job.state, job.error.reason) == (STATE.JOB_STATE_FAILED, "EMPTY_SELECTION")


async def test_unknown_ids_are_not_found_everywhere(system) -> None:
    for call in (
        system.stub.GetJob(ingest_pb2.GetJobRequest(job_id="t-none")),
        system.stub.CancelJob(ingest_pb2.CancelJobRequest(job_id="t-none")),
        system.stub.DeleteJob(ingest_pb2.DeleteJobRequest(job_id="t-none")),
        system.stub.WatchJob(ingest_pb2.WatchJobRequest(job_id="t-none")).read(),
    ):
        assert (await failure_of(call)).reason == "NO_SUCH_JOB"


def _upload(*parts: Any) -> list[ingest_pb2.UploadPlaylistRequest]:
    fields = {ingest_pb2.UploadHeader: "header", ingest_pb2.UploadTrack: "track", bytes: "data"}
    return [ingest_pb2.UploadPlaylistRequest(**{fields[type(part)]: part}) for part in parts]


HEADER, TRACK = ingest_pb2.UploadHeader(), ingest_pb2.UploadTrack(filename="a.mp3")
SELECT = steering_pb2.TasteOptions(mix_mode=steering_pb2.MIX_MODE_TIME_SELECT)
WORDS_OF_THE_CHORUS = steering_pb2.TasteOptions(
    mix_mode=steering_pb2.MIX_MODE_ATTENTION_WEIGHTED, direction_kind=steering_pb2.DIRECTION_KIND_WORDS
)
BACKWARDS = steering_pb2.TasteOptions(ranges=[steering_pb2.TrackRange(start_s=5.0, end_s=1.0)])


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([], "header"),
        (_upload(TRACK, b"x"), "header"),
        (_upload(HEADER), "tracks"),
        (_upload(HEADER, b"x"), "data"),
        (_upload(HEADER, TRACK, HEADER), "part"),
        (_upload(HEADER, ingest_pb2.UploadTrack()), "track.filename"),
        (_upload(HEADER, ingest_pb2.UploadTrack(filename="x" * 256)), "track.filename"),
        (_upload(ingest_pb2.UploadHeader(request_id="no/slashes")), "header.request_id"),
        (_upload(ingest_pb2.UploadHeader(title="x" * 201)), "header.title"),
        (_upload(ingest_pb2.UploadHeader(options=SELECT)), "header.options.ranges"),
        (_upload(ingest_pb2.UploadHeader(options=BACKWARDS)), "header.options.ranges[0]"),
        (_upload(ingest_pb2.UploadHeader(options=WORDS_OF_THE_CHORUS)), "header.options.mix_mode"),
        (_upload(HEADER, TRACK, b"x" * 1_048_577), "data"),
        (_upload(HEADER, *[TRACK] * 21), "tracks"),
        (_upload(HEADER, TRACK, *[b"x" * 1_000_000] * 3), "tracks[0]"),
    ],
)
async def test_a_wrong_upload_names_its_fault_and_leaves_nothing(open_system, messages: list, field: str) -> None:
    async with open_system(track_bytes_max=2_000_000, upload_bytes_max=3_000_000) as system:
        error = await failure_of(system.stub.UploadPlaylist(iter(messages)))
        assert isinstance(error, InvalidInput)
        assert [fault.field for fault in error.violations] == [field]
        assert [key async for key in system.store.keys("")] == []


async def _stands_still() -> Any:
    for message in _upload(HEADER, TRACK, b"x"):
        yield message
    await asyncio.sleep(60)


async def test_a_stalled_upload_is_ended(open_system) -> None:
    async with open_system(upload_stall_s_max=0.2) as system:
        error = await failure_of(system.stub.UploadPlaylist(_stands_still()))
        assert error.reason == "UPLOAD_STALLED"
        assert await system.kept() == []


async def test_uploads_beyond_the_number_of_places_are_refused(open_system, song: bytes) -> None:
    async with open_system(uploads_open_max=2) as system:
        standing = [system.stub.UploadPlaylist(_stands_still()) for _ in range(2)]
        await asyncio.sleep(0.2)
        error = await failure_of(system.upload({"a.flac": song}))
        assert (error.reason, error.retry_after_s) == ("TOO_MANY_UPLOADS", 3.0)
        for call in standing:
            call.cancel()
        await asyncio.sleep(0.2)
        assert (await system.done(await system.upload({"a.flac": song}))).state == STATE.JOB_STATE_COMPLETED


@pytest.mark.parametrize("_", range(5))
async def test_a_cut_upload_makes_no_job(system, song: bytes, _: int) -> None:
    async def cut() -> Any:
        for message in _upload(HEADER, TRACK, song[:20_000]):
            yield message
        await asyncio.sleep(60)

    calls = [system.stub.UploadPlaylist(cut()) for _ in range(8)]
    await asyncio.sleep(0.1)
    for call in calls:
        call.cancel()
    await asyncio.sleep(0.3)
    assert len((await system.stub.ListJobs(ingest_pb2.ListJobsRequest())).jobs) == 0
    assert await system.kept() == []


async def test_an_upload_that_breaks_off_leaves_nothing(system) -> None:
    async def broken() -> Any:
        for message in _upload(HEADER, TRACK, *[b"x" * 1_000_000] * 9):
            yield message
        await asyncio.sleep(60)

    call = system.stub.UploadPlaylist(broken())
    for _ in range(100):
        if [key async for key in system.store.keys("uploads/")]:
            break
        await asyncio.sleep(0.02)
    call.cancel()
    for _ in range(100):
        if not [key async for key in system.store.keys("")]:
            return
        await asyncio.sleep(0.02)
    pytest.fail("parts of a broken upload stay in the store")

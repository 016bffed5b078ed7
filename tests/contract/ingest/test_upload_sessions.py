"""Upload sessions: bytes survive breaks, cut uploads make no job."""

from __future__ import annotations

import asyncio
import hashlib
import random
from pathlib import Path
from typing import Any

import grpc
import pytest
from support import sounds
from support.scripted_extract import ScriptedExtract
from support.stores import each_store

from resonance.errors import Conflict, InvalidInput, ResonanceError, Unavailable
from resonance.rpc import to_domain_error
from resonance.store import MemoryStore
from resonance.v1 import ingest_pb2, jobs_pb2

STATE = jobs_pb2.JobState
store = each_store


async def failure_of(call: Any) -> ResonanceError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return to_domain_error(caught.value)


async def opened(system, data: bytes, name: str = "song.flac") -> ingest_pb2.ResumableUpload:
    request = ingest_pb2.OpenUploadRequest(filename=name, byte_count=len(data))
    return (await system.stub.OpenUpload(request)).upload


async def standing(system, upload_id: str) -> ingest_pb2.ResumableUpload:
    return (await system.stub.GetUpload(ingest_pb2.GetUploadRequest(upload_id=upload_id))).upload


def messages(upload_id: str, offset: int, data: bytes) -> list[ingest_pb2.WriteUploadRequest]:
    position = ingest_pb2.UploadPosition(upload_id=upload_id, offset=offset)
    pieces = [data[at : at + 100_000] for at in range(0, len(data), 100_000)]
    return [
        ingest_pb2.WriteUploadRequest(position=position),
        *(ingest_pb2.WriteUploadRequest(data=piece) for piece in pieces),
    ]


async def test_uploads_in_pieces_become_a_taste_once(open_system, store, tmp_path: Path) -> None:
    async with open_system(store=store) as system:
        songs = [sounds.sound_bytes("flac", tmp_path, pitch_hz=200.0 * n) for n in (1, 2)]
        ids = []
        for song in songs:
            upload = await opened(system, song)
            ids.append(upload.upload_id)
            half = len(song) // 2
            for at, piece in ((0, song[:half]), (half, song[half:])):
                upload = (await system.stub.WriteUpload(iter(messages(upload.upload_id, at, piece)))).upload
            assert (upload.offset, upload.sha256) == (len(song), hashlib.sha256(song).hexdigest())
        request = ingest_pb2.SubmitUploadsRequest(request_id="r", upload_ids=ids, title="Evening")
        job = (await system.stub.SubmitUploads(request)).job
        done = await system.done(job)
        assert done.state == STATE.JOB_STATE_COMPLETED, done
        assert (await system.stub.SubmitUploads(request)).job.job_id == job.job_id
        assert sorted(system.extract.heard) == [0, 1]
        for _ in range(100):
            if not [key async for key in system.store.keys("uploads/")]:
                return
            await asyncio.sleep(0.02)
        pytest.fail("the parts stay after the job")


async def test_an_upload_that_breaks_often_is_resumed(open_system, store) -> None:
    chooser = random.Random(7)
    data = chooser.randbytes(6_000_000)
    async with open_system(store=store) as system:
        upload_id = (await opened(system, data)).upload_id
        for _ in range(6):
            offset = (await standing(system, upload_id)).offset

            async def broken(offset: int = offset) -> Any:
                for message in messages(upload_id, offset, data[offset : offset + chooser.randrange(900_000)]):
                    yield message
                await asyncio.sleep(60)

            call = system.stub.WriteUpload(broken())
            await asyncio.sleep(chooser.uniform(0.0, 0.2))
            call.cancel()
            await asyncio.sleep(0.3)
            assert (await standing(system, upload_id)).offset >= offset, "what arrived is kept"
        offset = (await standing(system, upload_id)).offset
        assert offset > 0
        whole = (await system.stub.WriteUpload(iter(messages(upload_id, offset, data[offset:])))).upload
        assert whole.sha256 == hashlib.sha256(data).hexdigest()


async def test_of_concurrent_writers_at_one_offset_one_succeeds(open_system, store) -> None:
    data = random.Random(1).randbytes(400_000)
    async with open_system(store=store) as system:
        upload_id = (await opened(system, data)).upload_id
        calls = [system.stub.WriteUpload(iter(messages(upload_id, 0, data))) for _ in range(4)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        refusals = [
            to_domain_error(outcome).reason for outcome in outcomes if isinstance(outcome, grpc.aio.AioRpcError)
        ]
        assert refusals == ["UPLOAD_OFFSET_WRONG"] * 3
        assert (await standing(system, upload_id)).sha256 == hashlib.sha256(data).hexdigest()


async def test_incomplete_and_unknown_uploads_make_no_job(system) -> None:
    upload = await opened(system, b"x" * 1000)
    await system.stub.WriteUpload(iter(messages(upload.upload_id, 0, b"x" * 999)))
    for ids, reason in (([upload.upload_id], "UPLOAD_NOT_WHOLE"), (["none"], "NO_SUCH_UPLOAD")):
        error = await failure_of(system.stub.SubmitUploads(ingest_pb2.SubmitUploadsRequest(upload_ids=ids)))
        assert error.reason == reason
    more = await failure_of(system.stub.WriteUpload(iter(messages(upload.upload_id, 999, b"xx"))))
    assert isinstance(more, InvalidInput)
    assert (await standing(system, upload.upload_id)).offset == 999
    await system.stub.DeleteUpload(ingest_pb2.DeleteUploadRequest(upload_id=upload.upload_id))
    assert (await failure_of(standing(system, upload.upload_id))).reason == "NO_SUCH_UPLOAD"
    assert await system.kept() == []


async def test_an_upload_belongs_to_one_job(system, tmp_path: Path) -> None:
    song = sounds.sound_bytes("flac", tmp_path)
    upload_id = (await opened(system, song)).upload_id
    await system.stub.WriteUpload(iter(messages(upload_id, 0, song)))
    first, second = (ingest_pb2.SubmitUploadsRequest(request_id=name, upload_ids=[upload_id]) for name in "ab")
    job = (await system.stub.SubmitUploads(first)).job
    assert (await failure_of(system.stub.SubmitUploads(second))).reason in ("UPLOAD_IN_USE", "NO_SUCH_UPLOAD")
    assert (await system.done(job)).state == STATE.JOB_STATE_COMPLETED


async def arrived(system, name: str) -> str:
    """The id of a complete upload."""
    upload_id = (await opened(system, b"abc", name)).upload_id
    await system.stub.WriteUpload(iter(messages(upload_id, 0, b"abc")))
    return upload_id


def submission(*upload_ids: str, request_id: str = "") -> ingest_pb2.SubmitUploadsRequest:
    return ingest_pb2.SubmitUploadsRequest(upload_ids=upload_ids, request_id=request_id)


async def test_a_refused_playlist_leaves_its_uploads_free(system) -> None:
    free, also_free, used = [await arrived(system, name) for name in ("a.mp3", "b.mp3", "c.mp3")]
    await system.stub.SubmitUploads(submission(used))
    for mistake in ([free, used], [free, also_free, "none"]):
        error = await failure_of(system.stub.SubmitUploads(submission(*mistake)))
        assert error.reason in ("UPLOAD_IN_USE", "NO_SUCH_UPLOAD")
    await system.stub.DeleteUpload(ingest_pb2.DeleteUploadRequest(upload_id=also_free))
    assert (await system.stub.SubmitUploads(submission(free))).job.job_id


class WeakStore(MemoryStore):
    """A store that refuses new jobs while `is_away`, and changes of the upload `taken`."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.taken = ""

    async def create(self, key: str, data: bytes) -> str:
        if self.is_away and key.startswith("jobs/"):
            raise Unavailable("the object store answered 503", reason="STORE_UNAVAILABLE")
        return await super().create(key, data)

    async def replace(self, key: str, data: bytes, *, version: str) -> str:
        if self.taken and self.taken in key:
            raise Conflict("another writer was faster", reason="VERSION_CHANGED")
        return await super().replace(key, data, version=version)


async def test_uploads_of_a_job_that_could_not_be_written_are_free(open_system) -> None:
    store = WeakStore()
    async with open_system(store=store) as system:
        ids = [await arrived(system, name) for name in ("a.mp3", "b.mp3")]
        store.is_away = True
        assert (await failure_of(system.stub.SubmitUploads(submission(*ids)))).reason == "STORE_UNAVAILABLE"
        store.is_away = False
        assert (await system.stub.SubmitUploads(submission(*ids))).job.job_id


async def test_uploads_of_which_another_was_taken_meanwhile_are_free(open_system) -> None:
    store = WeakStore()
    async with open_system(store=store) as system:
        first, second = [await arrived(system, name) for name in ("a.mp3", "b.mp3")]
        store.taken = second
        assert (await failure_of(system.stub.SubmitUploads(submission(first, second)))).reason == "UPLOAD_IN_USE"
        await system.stub.DeleteUpload(ingest_pb2.DeleteUploadRequest(upload_id=first))


async def test_an_upload_that_broke_after_its_last_byte_is_complete(open_system, store) -> None:
    async with open_system(store=store) as system:
        upload_id = (await opened(system, b"abc")).upload_id
        call = system.stub.WriteUpload()
        for message in messages(upload_id, 0, b"abc"):
            await call.write(message)
        await asyncio.sleep(0.2)
        call.cancel()
        async with asyncio.timeout(10):
            while (upload := await standing(system, upload_id)).offset < 3:
                await asyncio.sleep(0.05)
        assert upload.sha256 == hashlib.sha256(b"abc").hexdigest()
        assert (await system.stub.SubmitUploads(submission(upload_id))).job.job_id


async def test_a_file_that_is_too_large_is_refused_before_its_bytes(open_system) -> None:
    async with open_system(track_bytes_max=1000) as system:
        request = ingest_pb2.OpenUploadRequest(filename="a", byte_count=1001)
        error = await failure_of(system.stub.OpenUpload(request))
        assert [fault.field for fault in error.violations] == ["byte_count"]


async def test_a_client_that_sends_nothing_is_refused_in_time(open_system) -> None:
    async def silent() -> Any:
        await asyncio.sleep(60)
        yield

    async with open_system(upload_header_s_max=0.2) as system:
        for call in (system.stub.WriteUpload(silent()), system.stub.UploadPlaylist(silent())):
            assert (await failure_of(call)).reason == "UPLOAD_STALLED"


class LostResponseStore(MemoryStore):
    """A store whose first write of a job succeeds and then reports a failure."""

    def __init__(self) -> None:
        super().__init__()
        self.has_failed = False

    async def create(self, key: str, data: bytes) -> str:
        sha256 = await super().create(key, data)
        if key.startswith("jobs/") and not self.has_failed:
            self.has_failed = True
            raise Unavailable("the response was lost", reason="STORE_UNAVAILABLE")
        return sha256


async def test_a_job_that_was_written_in_spite_of_an_error_keeps_its_files(open_system, tmp_path: Path) -> None:
    song = sounds.sound_bytes("flac", tmp_path)
    async with open_system(store=LostResponseStore()) as system:
        assert (await failure_of(system.upload({"a.flac": song}, request_id="r"))).reason == "STORE_UNAVAILABLE"
        job = await system.done(await system.upload({"a.flac": song}, request_id="r"))
        assert job.state == STATE.JOB_STATE_COMPLETED, job
        assert [key async for key in system.store.keys("uploads/")] == []


async def test_a_file_of_a_multipart_upload_belongs_to_its_job_alone(open_system, tmp_path: Path) -> None:
    song = sounds.sound_bytes("flac", tmp_path)
    async with open_system(jobs_running_max=1, extract=ScriptedExtract(pause_s=60.0)) as system:
        await system.upload({"a.flac": song})
        (upload_id,) = {key.split("/")[1] async for key in system.store.keys("uploads/")}
        assert (await standing(system, upload_id)).sha256 == hashlib.sha256(song).hexdigest()
        delete = system.stub.DeleteUpload(ingest_pb2.DeleteUploadRequest(upload_id=upload_id))
        assert (await failure_of(delete)).reason == "UPLOAD_IN_USE"
        assert (await failure_of(system.stub.SubmitUploads(submission(upload_id)))).reason == "UPLOAD_IN_USE"


HEADER, TRACK = ingest_pb2.UploadHeader, ingest_pb2.UploadTrack


@pytest.mark.parametrize(
    "parts",
    [
        [HEADER(), TRACK(filename="a", byte_count=10), b"x" * 9],
        [HEADER(), TRACK(filename="a", byte_count=10), b"x" * 9, TRACK(filename="b")],
        [HEADER(track_count=2), TRACK(filename="a"), b"x"],
        [HEADER(has_end=True), TRACK(filename="a"), b"x"],
    ],
)
async def test_an_upload_shorter_than_announced_is_refused(system, parts: list) -> None:
    kinds = {HEADER: "header", TRACK: "track", bytes: "data"}
    sent = [ingest_pb2.UploadPlaylistRequest(**{kinds[type(part)]: part}) for part in parts]
    error = await failure_of(system.stub.UploadPlaylist(iter(sent)))
    assert [fault.reason for fault in error.violations] == ["UPLOAD_CUT"]
    assert await system.kept() == []

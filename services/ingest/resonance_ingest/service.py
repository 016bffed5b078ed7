"""IngestService: the rpcs of playlists, jobs and uploads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import Any

from google.protobuf.json_format import MessageToDict

from resonance.completion import run_to_completion
from resonance.errors import Overloaded, ResonanceError, invalid_field
from resonance.identity import current_owner
from resonance.ids import canonical_digest, derive_job_id, new_request_id
from resonance.rpc import ServerContext, validate
from resonance.rpc.heartbeats import with_heartbeats
from resonance.settings import Settings
from resonance.steering.taste_options import check_taste_options
from resonance.store import ObjectStore
from resonance.v1 import ingest_pb2, ingest_pb2_grpc, steering_pb2
from resonance_ingest.jobs.job import Job, UploadedFile
from resonance_ingest.jobs.job_store import JobStore, same_request
from resonance_ingest.messages import to_job_message, to_upload_message
from resonance_ingest.pipeline.playlist_jobs import PlaylistJobs
from resonance_ingest.sources.incoming_files import IncomingFiles
from resonance_ingest.sources.links import check_link, clean_link
from resonance_ingest.sources.upload_sessions import UploadSession, UploadSessions
from resonance_ingest.upload_stream import read_first, read_upload_data, read_upload_header, receive_files, within

_READ_BYTES = 256 * 1024
_HEARTBEAT_S = 1.5  # a watcher receives a message at least every two seconds


class IngestService(ingest_pb2_grpc.IngestServiceServicer):
    """The servicer. It raises domain errors, which the server's interceptor maps to statuses."""

    def __init__(self, jobs: JobStore, playlists: PlaylistJobs, store: ObjectStore, settings: Settings) -> None:
        self._jobs = jobs
        self._playlists = playlists
        self._store = store
        self._settings = settings
        self._uploads = UploadSessions(store, settings)
        self._claim_lock = asyncio.Lock()
        self._uploads_open = 0

    async def SubmitPlaylist(  # noqa: N802
        self, request: ingest_pb2.SubmitPlaylistRequest, context: ServerContext
    ) -> ingest_pb2.SubmitPlaylistResponse:
        check_taste_options(request.options)
        url = clean_link(request.url)
        check_link(url, self._settings)
        options = _to_options(request.options)
        job = self._new_job(
            request.request_id or new_request_id(),
            canonical_digest({"url": url, "options": options, "title": request.title}),
            title=request.title,
            options=options,
            source_url=url,
        )
        return ingest_pb2.SubmitPlaylistResponse(job=to_job_message(await self._playlists.submit(job)))

    async def UploadPlaylist(  # noqa: N802
        self, requests: AsyncIterator[ingest_pb2.UploadPlaylistRequest], context: ServerContext
    ) -> ingest_pb2.UploadPlaylistResponse:
        header = await read_upload_header(requests, self._settings.upload_header_s_max)
        check_taste_options(header.options, "header.options")
        request_id = header.request_id or new_request_id()
        job_id = derive_job_id(request_id, current_owner())
        async with self._place(job_id), IncomingFiles(self._store, self._settings, job_id) as files:
            uploads = await receive_files(requests, files, self._settings.upload_stall_s_max, header)
            check_taste_options(header.options, "header.options", track_count=len(uploads))
            options = _to_options(header.options)
            content = [[upload.filename, upload.sha256] for upload in uploads]
            job = self._new_job(
                request_id,
                canonical_digest({"files": content, "options": options, "title": header.title}),
                title=header.title,
                options=options,
                uploads=uploads,
            )
            accepted = await run_to_completion(self._accept_files(job, files))
        return ingest_pb2.UploadPlaylistResponse(job=to_job_message(accepted))

    async def GetJob(  # noqa: N802
        self, request: ingest_pb2.GetJobRequest, context: ServerContext
    ) -> ingest_pb2.GetJobResponse:
        return ingest_pb2.GetJobResponse(job=to_job_message(await self._jobs.get(request.job_id)))

    async def WatchJob(  # noqa: N802
        self, request: ingest_pb2.WatchJobRequest, context: ServerContext
    ) -> AsyncIterator[ingest_pb2.WatchJobResponse]:
        after = request.after_revision if request.HasField("after_revision") else None
        async with aclosing(self._jobs.watch(request.job_id, after)) as states:
            async for job in with_heartbeats(states, _HEARTBEAT_S):
                is_unchanged, job = job is None, job or await self._jobs.get(request.job_id)
                yield ingest_pb2.WatchJobResponse(job=to_job_message(job), is_unchanged=is_unchanged)

    async def ListJobs(  # noqa: N802
        self, request: ingest_pb2.ListJobsRequest, context: ServerContext
    ) -> ingest_pb2.ListJobsResponse:
        page = await self._jobs.page(request.page_size, request.page_token)
        return ingest_pb2.ListJobsResponse(
            jobs=[to_job_message(job) for job in page.jobs], next_page_token=page.next_token
        )

    async def CancelJob(  # noqa: N802
        self, request: ingest_pb2.CancelJobRequest, context: ServerContext
    ) -> ingest_pb2.CancelJobResponse:
        return ingest_pb2.CancelJobResponse(job=to_job_message(await self._playlists.cancel(request.job_id)))

    async def RetryJob(  # noqa: N802
        self, request: ingest_pb2.RetryJobRequest, context: ServerContext
    ) -> ingest_pb2.RetryJobResponse:
        return ingest_pb2.RetryJobResponse(job=to_job_message(await self._playlists.retry(request.job_id)))

    async def DeleteJob(  # noqa: N802
        self, request: ingest_pb2.DeleteJobRequest, context: ServerContext
    ) -> ingest_pb2.DeleteJobResponse:
        await self._playlists.delete(request.job_id)
        return ingest_pb2.DeleteJobResponse()

    async def OpenUpload(  # noqa: N802
        self, request: ingest_pb2.OpenUploadRequest, context: ServerContext
    ) -> ingest_pb2.OpenUploadResponse:
        session = await self._uploads.open(request.filename, request.byte_count)
        return ingest_pb2.OpenUploadResponse(upload=to_upload_message(session))

    async def WriteUpload(  # noqa: N802
        self, requests: AsyncIterator[ingest_pb2.WriteUploadRequest], context: ServerContext
    ) -> ingest_pb2.WriteUploadResponse:
        first = await read_first(requests, self._settings.upload_header_s_max)
        if first is None or not first.HasField("position"):
            raise invalid_field("position", "REQUIRED", "the bytes of an upload begin with their position")
        validate(first)
        with self._one_more_upload():
            data = read_upload_data(within(requests, self._settings.upload_stall_s_max))
            session = await self._uploads.write(first.position.upload_id, first.position.offset, data)
        return ingest_pb2.WriteUploadResponse(upload=to_upload_message(session))

    async def GetUpload(  # noqa: N802
        self, request: ingest_pb2.GetUploadRequest, context: ServerContext
    ) -> ingest_pb2.GetUploadResponse:
        return ingest_pb2.GetUploadResponse(upload=to_upload_message(await self._uploads.get(request.upload_id)))

    async def ReadUpload(  # noqa: N802
        self, request: ingest_pb2.ReadUploadRequest, context: ServerContext
    ) -> AsyncIterator[ingest_pb2.ReadUploadResponse]:
        async with aclosing(self._uploads.read(request.upload_id)) as parts:
            async for data in parts:
                for start in range(0, len(data), _READ_BYTES):
                    yield ingest_pb2.ReadUploadResponse(data=data[start : start + _READ_BYTES])

    async def DeleteUpload(  # noqa: N802
        self, request: ingest_pb2.DeleteUploadRequest, context: ServerContext
    ) -> ingest_pb2.DeleteUploadResponse:
        await self._uploads.delete(request.upload_id)
        return ingest_pb2.DeleteUploadResponse()

    async def SubmitUploads(  # noqa: N802
        self, request: ingest_pb2.SubmitUploadsRequest, context: ServerContext
    ) -> ingest_pb2.SubmitUploadsResponse:
        check_taste_options(request.options, track_count=len(request.upload_ids))
        options = _to_options(request.options)
        content = {"uploads": list(request.upload_ids), "options": options, "title": request.title}
        request_id = request.request_id or new_request_id()
        job = self._new_job(request_id, canonical_digest(content), title=request.title, options=options)
        there = await self._jobs.find(job.job_id)
        if there is not None:
            return ingest_pb2.SubmitUploadsResponse(job=to_job_message(same_request(there, job.request_digest)))
        await self._playlists.check_room()
        sessions = await self._uploads.ready(request.upload_ids, job.job_id)
        accepted = await run_to_completion(self._accept_sessions(job, sessions))
        return ingest_pb2.SubmitUploadsResponse(job=to_job_message(accepted))

    async def _accept_files(self, job: Job, files: IncomingFiles) -> Job:
        """Submits the job and keeps the files that it uses. During an outage of the store they stay for the sweep."""
        files.keep()
        try:
            accepted = await self._playlists.submit(job)
        except ResonanceError:
            with suppress(ResonanceError):
                if not _uses(await self._jobs.find(job.job_id), job.uploads):
                    files.drop()
            raise
        if not _uses(accepted, job.uploads):
            files.drop()
        return accepted

    async def _accept_sessions(self, job: Job, sessions: Sequence[UploadSession]) -> Job:
        """Claims the uploads and submits the job. Where the submission fails, the uploads are released."""
        async with (
            self._claim_lock
        ):  # of two tries of one request, a failed one must not release the claims of the other
            try:
                uploads = await self._uploads.claim(sessions, job.job_id)
                return await self._playlists.submit(replace(job, uploads=uploads))
            except ResonanceError:
                with suppress(ResonanceError):  # during an outage of the store they stay for the sweep
                    await self._release(job, sessions)
                raise

    async def _release(self, job: Job, sessions: Sequence[UploadSession]) -> None:
        there = await self._jobs.find(job.job_id)
        used = {upload.upload_id for upload in there.uploads} if there else set()
        unused = [session for session in sessions if session.upload_id not in used]
        await self._uploads.release(unused, job.job_id)

    @asynccontextmanager
    async def _place(self, job_id: str) -> AsyncIterator[None]:
        """A place for an upload. A full queue refuses it before its bytes come, unless the request has a job already."""
        if await self._jobs.find(job_id) is None:
            await self._playlists.check_room()
        with self._one_more_upload():
            yield

    @contextmanager
    def _one_more_upload(self) -> Iterator[None]:
        if self._uploads_open >= self._settings.uploads_open_max:
            message = f"{self._uploads_open} uploads are coming in at the moment; try again in a few seconds"
            raise Overloaded(message, reason="TOO_MANY_UPLOADS", retry_after_s=3.0)
        self._uploads_open += 1
        try:
            yield
        finally:
            self._uploads_open -= 1

    def _new_job(
        self,
        request_id: str,
        request_digest: str,
        *,
        title: str,
        options: dict[str, Any],
        source_url: str = "",
        uploads: tuple[UploadedFile, ...] = (),
    ) -> Job:
        now_ms = self._jobs.now_ms()
        return Job(
            job_id=derive_job_id(request_id, current_owner()),
            request_digest=request_digest,
            owner=current_owner(),
            created_ms=now_ms,
            updated_ms=now_ms,
            title=title,
            options=options,
            source_url=source_url,
            uploads=uploads,
        )


def _to_options(options: steering_pb2.TasteOptions) -> dict[str, Any]:
    return MessageToDict(options, preserving_proto_field_name=True)


def _uses(job: Job | None, uploads: Sequence[UploadedFile]) -> bool:
    return job is not None and job.uploads == tuple(uploads)

"""What the gateway asks of the services. Every call has a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from resonance.errors import DataLoss, DeadlineExceeded, NotFound, Unavailable, invalid_field
from resonance.rpc import STREAM_S_MAX, open_channel
from resonance.settings import Settings
from resonance.v1 import (
    extract_pb2,
    extract_pb2_grpc,
    generate_pb2,
    generate_pb2_grpc,
    ingest_pb2,
    ingest_pb2_grpc,
    shares_pb2,
    shares_pb2_grpc,
)
from resonance_gateway import messages
from resonance_gateway.bodies import (
    CalibrationBody,
    ConceptBody,
    GenerationBody,
    PageQuery,
    PerformanceBody,
    ReferenceBody,
    RefinementBody,
    TasteBody,
    UploadFields,
)
from resonance_gateway.http.multipart import FileOpening, FilePiece
from resonance_gateway.schema.proto_json import to_json
from resonance_gateway.services.live_performance import LivePerformance
from resonance_gateway.services.take_stream import TakeStream
from resonance_gateway.services.uploads import ask, domain_errors, listen, write_bytes, write_upload

Json = dict[str, Any]

_UNARY_S = 20.0
_REFINE_S = 40.0  # a language model may be asked first
_HEALTH_S = 2.0
_DAMAGED = ("OBJECT_DAMAGED", "VECTOR_DAMAGED", "NO_SUCH_OBJECT")
_SERVICES = {
    "ingest": "resonance.v1.IngestService",
    "extract": "resonance.v1.ExtractService",
    "generate": "resonance.v1.GenerateService",
}


class Services:
    """The three services as the gateway sees them: checked bodies in, plain JSON values and streams out.

    Every method raises the ResonanceError that the service domain_errors, with fields under their REST names.
    """

    def __init__(self, settings: Settings) -> None:
        self._stream_s = settings.request_s_max
        self._channels = {
            address: open_channel(address, must_check=settings.asks_for_keys)
            for address in map(settings.service_address, _SERVICES)
        }
        self._by_service = {name: self._channels[settings.service_address(name)] for name in _SERVICES}
        self._ingest = ingest_pb2_grpc.IngestServiceStub(self._by_service["ingest"])
        self._shares = shares_pb2_grpc.ShareServiceStub(self._by_service["ingest"])
        self._extract = extract_pb2_grpc.ExtractServiceStub(self._by_service["extract"])
        self._generate = generate_pb2_grpc.GenerateServiceStub(self._by_service["generate"])

    async def close(self) -> None:
        """Closes the channels."""
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))

    # Health and model.

    async def health(self) -> dict[str, str]:
        """Each service's state: `ok`, `not_serving` or `unreachable`."""
        states = await asyncio.gather(*(self._health_of(name) for name in _SERVICES))
        return dict(zip(_SERVICES, states, strict=True))

    async def model(self) -> Json:
        """The loaded model."""
        response = await ask("generate", self._generate.GetModel(generate_pb2.GetModelRequest(), timeout=_UNARY_S))
        return to_json(response.model)

    # Tastes.

    async def submit(self, body: TasteBody, request_id: str) -> Json:
        """A playlist by link as an accepted taste."""
        request = messages.submit_request(body, request_id)
        response = await ask("ingest", self._ingest.SubmitPlaylist(request, timeout=_UNARY_S))
        return messages.taste_json(response.job)

    async def upload(
        self, fields: UploadFields, request_id: str, files: AsyncIterator[FileOpening | FilePiece]
    ) -> Json:
        """Files as an accepted taste, sent on while they arrive."""
        call = self._ingest.UploadPlaylist(timeout=self._stream_s)
        try:
            with domain_errors("ingest"):
                await write_upload(call, messages.upload_header(fields, request_id), files)
                return messages.taste_json((await call).job)
        finally:
            call.cancel()

    async def submit_uploads(self, body: TasteBody, request_id: str) -> Json:
        """Resumable uploads as an accepted taste."""
        request = messages.submit_uploads_request(body, request_id)
        response = await ask("ingest", self._ingest.SubmitUploads(request, timeout=_UNARY_S))
        return messages.taste_json(response.job)

    async def open_upload(self, filename: str, byte_count: int) -> Json:
        """A new resumable upload."""
        request = ingest_pb2.OpenUploadRequest(filename=filename, byte_count=byte_count)
        return to_json((await ask("ingest", self._ingest.OpenUpload(request, timeout=_UNARY_S))).upload)

    async def get_upload(self, upload_id: str) -> Json:
        """One resumable upload."""
        request = ingest_pb2.GetUploadRequest(upload_id=upload_id)
        return to_json((await ask("ingest", self._ingest.GetUpload(request, timeout=_UNARY_S))).upload)

    async def write_upload(self, upload_id: str, offset: int, chunks: AsyncIterator[bytes]) -> Json:
        """The upload after these bytes. Where the caller leaves, what came is kept, and its leaving is raised after that."""
        call = self._ingest.WriteUpload(timeout=self._stream_s)
        try:
            with domain_errors("ingest"):
                left = await write_bytes(call, messages.upload_position(upload_id, offset), chunks)
                upload = to_json((await call).upload)
        finally:
            call.cancel()
        if left is not None:
            raise left
        return upload

    async def delete_upload(self, upload_id: str) -> None:
        """Removes a resumable upload."""
        request = ingest_pb2.DeleteUploadRequest(upload_id=upload_id)
        await ask("ingest", self._ingest.DeleteUpload(request, timeout=_UNARY_S))

    async def tastes(self, page: PageQuery) -> Json:
        """One page of tastes, newest first."""
        request = ingest_pb2.ListJobsRequest(page_size=page.page_size, page_token=page.page_token)
        response = await ask("ingest", self._ingest.ListJobs(request, timeout=_UNARY_S))
        return {
            "tastes": [messages.taste_json(job) for job in response.jobs],
            "next_page_token": response.next_page_token,
        }

    async def taste(self, taste_id: str) -> Json:
        """One taste."""
        request = ingest_pb2.GetJobRequest(job_id=taste_id)
        response = await ask("ingest", self._ingest.GetJob(request, timeout=_UNARY_S))
        return messages.taste_json(response.job)

    async def cancel_taste(self, taste_id: str) -> Json:
        """The taste after it was domain_errors to stop."""
        request = ingest_pb2.CancelJobRequest(job_id=taste_id)
        response = await ask("ingest", self._ingest.CancelJob(request, timeout=_UNARY_S))
        return messages.taste_json(response.job)

    async def retry_taste(self, taste_id: str) -> Json:
        """The new taste that goes on with the tracks that failed."""
        request = ingest_pb2.RetryJobRequest(job_id=taste_id)
        response = await ask("ingest", self._ingest.RetryJob(request, timeout=_UNARY_S))
        return messages.taste_json(response.job)

    async def delete_taste(self, taste_id: str) -> None:
        """Removes a taste."""
        request = ingest_pb2.DeleteJobRequest(job_id=taste_id)
        await ask("ingest", self._ingest.DeleteJob(request, timeout=_UNARY_S))

    async def watch_taste(self, taste_id: str, after_revision: int | None) -> AsyncGenerator[Json, None]:
        """The taste now and at every change, until its state is final, or until the stream's time is up: ask again then."""
        request = ingest_pb2.WatchJobRequest(job_id=taste_id, after_revision=after_revision)
        call = self._ingest.WatchJob(request, timeout=self._stream_s)
        with suppress(DeadlineExceeded):
            async for response in listen("ingest", call):
                yield messages.taste_json(response.job)

    # Concepts.

    async def concepts(self) -> list[Json]:
        """All concepts of the model."""
        call = self._extract.ListConcepts(extract_pb2.ListConceptsRequest(), timeout=_UNARY_S)
        return [to_json(concept) for concept in (await ask("extract", call)).concepts]

    async def compute_concept(self, body: ConceptBody) -> AsyncGenerator[tuple[str, Json], None]:
        """`("progress", ...)` many times, then `("concept", ...)`."""
        call = self._extract.ComputeConcept(messages.concept_request(body), timeout=self._stream_s)
        async for response in listen("extract", call):
            yield _event_of(response)

    async def calibrate_concept(self, name: str, body: CalibrationBody) -> AsyncGenerator[tuple[str, Json], None]:
        """`("progress", ...)` many times, then `("concept", ...)` with its calibration."""
        call = self._extract.CalibrateConcept(messages.calibration_request(name, body), timeout=self._stream_s)
        async for response in listen("extract", call):
            yield _event_of(response)

    async def scan_layers(self, name: str) -> Json:
        """Which layers carry the concept."""
        request = extract_pb2.ScanLayersRequest(name=name)
        return to_json(await ask("extract", self._extract.ScanLayers(request, timeout=self._stream_s)))

    # Calibration jobs.

    async def start_calibration_job(self, body: CalibrationBody, *, kind: str, concept: str, taste_id: str) -> Json:
        """A calibration job as it begins or goes on."""
        request = messages.calibration_job_request(body, kind=kind, concept=concept, taste_id=taste_id)
        return to_json(
            (await ask("extract", self._extract.StartCalibrationJob(request, timeout=_UNARY_S))).calibration_job
        )

    async def start_reference(self, body: ReferenceBody) -> Json:
        """A reference calibration job as it begins or goes on."""
        call = self._extract.StartCalibrationJob(messages.reference_request(body), timeout=_UNARY_S)
        return to_json((await ask("extract", call)).calibration_job)

    async def reference(self) -> Json:
        """The reference in force. It may have to be computed first."""
        call = self._extract.GetReference(extract_pb2.GetReferenceRequest(), timeout=self._stream_s)
        return to_json((await ask("extract", call)).reference)

    async def taste_calibration(self, taste_id: str) -> Json:
        """A taste's measured safe range."""
        request = extract_pb2.GetCalibrationRequest(taste_id=taste_id)
        return to_json(await ask("extract", self._extract.GetCalibration(request, timeout=_UNARY_S)))

    async def calibration_job(self, calibration_job_id: str) -> Json:
        """One calibration job."""
        request = extract_pb2.GetCalibrationJobRequest(calibration_job_id=calibration_job_id)
        return to_json(
            (await ask("extract", self._extract.GetCalibrationJob(request, timeout=_UNARY_S))).calibration_job
        )

    async def cancel_calibration_job(self, calibration_job_id: str) -> Json:
        """The calibration job after it was domain_errors to stop."""
        request = extract_pb2.CancelCalibrationJobRequest(calibration_job_id=calibration_job_id)
        return to_json(
            (await ask("extract", self._extract.CancelCalibrationJob(request, timeout=_UNARY_S))).calibration_job
        )

    async def watch_calibration_job(self, calibration_job_id: str) -> AsyncGenerator[Json, None]:
        """The calibration job now and at every change, until it is final, or until the stream's time is up: ask again then."""
        call = self._extract.WatchCalibrationJob(
            extract_pb2.WatchCalibrationJobRequest(calibration_job_id=calibration_job_id), timeout=self._stream_s
        )
        with suppress(DeadlineExceeded):
            async for response in listen("extract", call):
                yield to_json(response.calibration_job)

    async def refine(self, body: RefinementBody) -> Json:
        """The sliders as the words want them."""
        call = self._extract.Refine(messages.refine_request(body), timeout=_REFINE_S)
        return to_json(await ask("extract", call))

    # Takes.

    async def generate(self, body: GenerationBody, request_id: str) -> TakeStream:
        """A take with its first chunk already here, so that a failure is still an HTTP status."""
        request = messages.generate_request(body, request_id)
        try:
            call = self._generate.Generate(request, timeout=self._stream_s)
            return await _open_take(call, request.resume_sample_offset)
        except (DataLoss, NotFound) as failure:
            if not request.recipe.tastes or failure.reason not in _DAMAGED:
                raise
            # A damaged vector is mixed again from what its tracks gave; whoever describes a taste sees to that.
            for use in request.recipe.tastes:
                asked = extract_pb2.GetTasteRequest(taste_id=use.taste_id)
                await ask("extract", self._extract.GetTaste(asked, timeout=_UNARY_S))
        call = self._generate.Generate(request, timeout=self._stream_s)
        return await _open_take(call, request.resume_sample_offset)

    def perform(self, body: PerformanceBody, request_id: str) -> LivePerformance:
        """A performance that listens to its controls; whoever opened it closes it, and opens another to play for longer."""
        return LivePerformance(self._generate.Perform(timeout=STREAM_S_MAX), body, request_id)

    async def replay(self, request_id: str) -> TakeStream:
        """A finished take once more."""
        request = generate_pb2.StreamTakeRequest(request_id=request_id)
        return await _open_take(self._generate.StreamTake(request, timeout=self._stream_s), 0)

    async def takes(self, page: PageQuery) -> Json:
        """One page of finished takes, newest first."""
        request = generate_pb2.ListTakesRequest(page_size=page.page_size, page_token=page.page_token)
        response = await ask("generate", self._generate.ListTakes(request, timeout=_UNARY_S))
        return {"takes": [to_json(take) for take in response.takes], "next_page_token": response.next_page_token}

    async def take(self, request_id: str) -> Json:
        """One finished take."""
        return to_json(await self._take(request_id))

    async def delete_take(self, request_id: str) -> None:
        """Removes a take and its audio."""
        request = generate_pb2.DeleteTakeRequest(request_id=request_id)
        await ask("generate", self._generate.DeleteTake(request, timeout=_UNARY_S))

    async def make_link(self, request_id: str, expire_s: float) -> Json:
        """A link to a take's sound, with its token."""
        request = shares_pb2.CreateShareLinkRequest(request_id=request_id, expire_s=expire_s)
        return to_json((await ask("ingest", self._shares.CreateShareLink(request, timeout=_UNARY_S))).share_link)

    async def read_link(self, token: str) -> tuple[Json, AsyncGenerator[bytes, None]]:
        """What a link stands for, and its bytes. Whoever takes them closes them."""
        request = shares_pb2.ReadShareLinkRequest(token=token)
        stream = listen("ingest", self._shares.ReadShareLink(request, timeout=self._stream_s))
        first = await anext(stream)
        return to_json(first.share_link), _data_of(stream)

    async def revoke_link(self, link_id: str) -> None:
        """Takes a link back."""
        request = shares_pb2.RevokeShareLinkRequest(share_link_id=link_id)
        await ask("ingest", self._shares.RevokeShareLink(request, timeout=_UNARY_S))

    # Beneath.

    async def _take(self, request_id: str) -> generate_pb2.Take:
        request = generate_pb2.GetTakeRequest(request_id=request_id)
        response = await ask("generate", self._generate.GetTake(request, timeout=_UNARY_S))
        take: generate_pb2.Take = response.take
        return take

    async def _health_of(self, name: str) -> str:
        stub = health_pb2_grpc.HealthStub(self._by_service[name])
        try:
            response = await stub.Check(health_pb2.HealthCheckRequest(service=_SERVICES[name]), timeout=_HEALTH_S)
        except grpc.aio.AioRpcError:
            return "unreachable"
        return "ok" if response.status == health_pb2.HealthCheckResponse.SERVING else "not_serving"


async def _open_take(call: Any, sample_offset: int) -> TakeStream:
    stream = listen("generate", call)
    try:
        started = (await anext(stream)).started
        _check_offset(sample_offset, started.sample_count_total)
        first = await anext(stream)
    except BaseException as failure:
        await stream.aclose()
        if isinstance(failure, StopAsyncIteration):
            raise Unavailable("the take ended before it began; try again", retry_after_s=1.0) from failure
        raise
    return TakeStream(started=started, first=first, rest=stream, sample_offset=sample_offset)


async def _data_of(stream: AsyncGenerator[Any, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(stream):
        async for response in stream:
            yield response.data


def _check_offset(sample_offset: int, sample_count_total: int) -> None:
    if sample_offset > sample_count_total:
        raise invalid_field("resume_sample_offset", "TOO_LARGE", f"the take has {sample_count_total} samples")


def _event_of(response: Any) -> tuple[str, Json]:
    kind = response.WhichOneof("event")
    return kind, to_json(getattr(response, kind))

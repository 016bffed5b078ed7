"""Tastes: submit, follow, cancel, retry, remove."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError
from sse_starlette import ServerSentEvent
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.errors import DeadlineExceeded, ResonanceError
from resonance.v1 import ingest_pb2, jobs_pb2, steering_pb2
from resonance_gateway.http.bodies import Body, MalformedError
from resonance_gateway.http.body_stream import BodyStream
from resonance_gateway.http.multipart import FileOpening, FilePiece, MultipartUpload
from resonance_gateway.http.path_prefix import own_path
from resonance_gateway.http.requests import media_type, read_json, read_query, read_taste_id, resolve_request_id
from resonance_gateway.http.sse import Events, EventStreamResponse, json_event, no_events, read_last_event_id
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.schema.fields import PageQuery, RequestId
from resonance_gateway.schema.limits_from_protos import items, rule
from resonance_gateway.schema.operations import json_response, message_schema, operation, page_schema
from resonance_gateway.schema.proto_json import fill_message, to_json
from resonance_gateway.services.service_client import ServiceClient
from resonance_gateway.services.upload_writer import upload_playlist

_FINAL = {"completed", "failed", "cancelled"}
_JOB = message_schema("Job")
TASTE_SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "string"}} | {k: v for k, v in _JOB["properties"].items() if k != "job_id"},
    "required": ["id", *(name for name in _JOB["required"] if name != "job_id")],
}


class RangeBody(Body):
    """A stretch of one track."""

    track_index: Annotated[int, rule("TrackRange.track_index")]
    start_s: Annotated[float, rule("TrackRange.start_s")]
    end_s: Annotated[float, rule("TrackRange.end_s")]

    @model_validator(mode="after")
    def _ends_after_start(self) -> RangeBody:
        if self.end_s <= self.start_s:
            raise PydanticCustomError("empty_range", "end_s must lie after start_s")
        return self


class TasteOptionsBody(Body):
    """Options of a playlist that becomes a taste."""

    mix_mode: Literal["mean", "time_select", "attention_weighted"] = "mean"
    ranges: Annotated[list[RangeBody], items("TasteOptions.ranges")] = []
    attention_temperature: Annotated[float, rule("TasteOptions.attention_temperature")] | None = None
    direction_kind: Literal["contrast", "mean", "words"] = "contrast"
    whitening: Literal["none", "diagonal", "shrunk"] = "none"
    stars: Annotated[list[Annotated[int, rule("TasteOptions.stars")]], items("TasteOptions.stars")] = []

    @model_validator(mode="after")
    def _ranges_fit_the_mode(self) -> TasteOptionsBody:
        if self.mix_mode == "time_select" and not self.ranges:
            raise PydanticCustomError("required", "time_select needs at least one range in `ranges`")
        return self


class TasteBody(Body):
    """A playlist by link, or by resumable uploads that are whole: one of the two."""

    uploads: (
        Annotated[
            list[Annotated[str, rule("SubmitUploadsRequest.upload_ids", min_length=1)]],
            items("SubmitUploadsRequest.upload_ids"),
        ]
        | None
    ) = None
    url: Annotated[str, rule("SubmitPlaylistRequest.url")] | None = Field(default=None, validate_default=True)
    title: Annotated[str, rule("SubmitPlaylistRequest.title")] = ""
    options: TasteOptionsBody = TasteOptionsBody()
    request_id: RequestId | None = None

    @field_validator("url", mode="after")
    @classmethod
    def _is_one_of_the_two(cls, url: str | None, info: ValidationInfo) -> str | None:
        if "uploads" in info.data and (url is None) == (not info.data["uploads"]):
            raise PydanticCustomError("required", "give a link in `url`, or whole uploads in `uploads`")
        return url


class UploadFields(Body):
    """The text fields of an upload, which come before its files."""

    title: Annotated[str, rule("UploadHeader.title")] = ""
    options: TasteOptionsBody = TasteOptionsBody()
    request_id: RequestId | None = None


class TastesEndpoint(HTTPEndpoint):
    """`/v1/tastes`."""

    @operation(
        summary="List tastes, newest first",
        tag="tastes",
        query=PageQuery,
        responses={200: json_response("One page", page_schema("tastes", TASTE_SCHEMA))},
        faults=(422, 503),
    )
    async def get(self, request: Request) -> Response:
        page = read_query(request, PageQuery)
        listing = ingest_pb2.ListJobsRequest(page_size=page.page_size, page_token=page.page_token)
        response = await get_services(request).ingest.ask("ListJobs", listing)
        tastes = [to_taste(job) for job in response.jobs]
        return JSONResponse({"tastes": tastes, "next_page_token": response.next_page_token})

    @operation(
        summary="Submit a playlist, by link or by files",
        tag="tastes",
        body=TasteBody,
        upload=UploadFields,
        responses={202: json_response("Accepted; follow it under Location", TASTE_SCHEMA)},
        headers={"Location": "Where the taste is."},
        faults=(400, 409, 413, 415, 422, 429, 503),
    )
    async def post(self, request: Request) -> Response:
        if media_type(request) == "multipart/form-data":
            return _accepted(request, await _upload(request))
        body = await read_json(request, TasteBody)
        request_id = resolve_request_id(request, body.request_id)
        return _accepted(request, await _submit(get_services(request).ingest, body, request_id))


class TasteEndpoint(HTTPEndpoint):
    """`/v1/tastes/{taste_id}`."""

    @operation(
        summary="One taste", tag="tastes", responses={200: json_response("The taste", TASTE_SCHEMA)}, faults=(404, 503)
    )
    async def get(self, request: Request) -> Response:
        return JSONResponse(await _get_taste(get_services(request).ingest, read_taste_id(request)))

    @operation(
        summary="Remove a taste; a running one is stopped first",
        tag="tastes",
        responses={204: ("Removed", "", {})},
        faults=(404, 503),
    )
    async def delete(self, request: Request) -> Response:
        removal = ingest_pb2.DeleteJobRequest(job_id=read_taste_id(request))
        await get_services(request).ingest.ask("DeleteJob", removal)
        return Response(status_code=204)


class TasteCancelEndpoint(HTTPEndpoint):
    """`/v1/tastes/{taste_id}/cancel`."""

    @operation(
        summary="Stop a taste; a finished one is left as it is",
        tag="tastes",
        responses={200: json_response("The taste", TASTE_SCHEMA)},
        faults=(404, 503),
    )
    async def post(self, request: Request) -> Response:
        cancellation = ingest_pb2.CancelJobRequest(job_id=read_taste_id(request))
        return JSONResponse(to_taste((await get_services(request).ingest.ask("CancelJob", cancellation)).job))


class TasteRetryEndpoint(HTTPEndpoint):
    """`/v1/tastes/{taste_id}/retry`."""

    @operation(
        summary="Retry the failed tracks of a final taste as a new taste; the old one stays as it is",
        tag="tastes",
        responses={202: json_response("The new taste; follow it under Location", TASTE_SCHEMA)},
        headers={"Location": "Where the new taste is."},
        faults=(404, 409, 429, 503),
    )
    async def post(self, request: Request) -> Response:
        retry = ingest_pb2.RetryJobRequest(job_id=read_taste_id(request))
        return _accepted(request, (await get_services(request).ingest.ask("RetryJob", retry)).job)


class TasteEventsEndpoint(HTTPEndpoint):
    """`/v1/tastes/{taste_id}/events`."""

    @operation(
        summary="Follow a taste: an event `taste` now and at every change, until it is final",
        tag="tastes",
        responses={
            200: ("A stream of events; each id is the taste's revision", "text/event-stream", {"type": "string"}),
            204: ("There are no events after Last-Event-ID", "", {}),
        },
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        taste_id, after = read_taste_id(request), read_last_event_id(request)
        ingest = get_services(request).ingest
        taste = await _get_taste(ingest, taste_id)
        if request.method == "HEAD":
            return EventStreamResponse(no_events())
        if after is not None and taste["revision"] <= after:
            if taste["state"] in _FINAL:
                return Response(status_code=204)  # makes an EventSource stop reconnecting
            return EventStreamResponse(_watch(ingest, taste_id, after))
        if taste["state"] in _FINAL:
            return EventStreamResponse(no_events(), first=_to_event(taste))
        return EventStreamResponse(_watch(ingest, taste_id, taste["revision"]), first=_to_event(taste))


def to_taste(job: jobs_pb2.Job) -> dict[str, Any]:
    """A job as the taste that it becomes: REST has one resource with one id."""
    fields = to_json(job)
    return {"id": fields.pop("job_id"), **fields}


def to_submit_request(body: TasteBody, request_id: str) -> ingest_pb2.SubmitPlaylistRequest:
    """The gRPC request for a playlist by link."""
    return ingest_pb2.SubmitPlaylistRequest(
        request_id=request_id, url=body.url, title=body.title, options=_to_options(body.options)
    )


async def _submit(ingest: ServiceClient, body: TasteBody, request_id: str) -> jobs_pb2.Job:
    if body.url:
        response = await ingest.ask("SubmitPlaylist", to_submit_request(body, request_id))
    else:
        submission = ingest_pb2.SubmitUploadsRequest(
            request_id=request_id, upload_ids=body.uploads, title=body.title, options=_to_options(body.options)
        )
        response = await ingest.ask("SubmitUploads", submission)
    job: jobs_pb2.Job = response.job
    return job


async def _upload(request: Request) -> jobs_pb2.Job:
    """Sends the files of a multipart body on while they arrive."""
    body = BodyStream(request)
    upload = MultipartUpload(request.headers["content-type"], body.chunks())
    try:
        fields = await upload.read_fields(UploadFields)
        header = ingest_pb2.UploadHeader(
            request_id=resolve_request_id(request, fields.request_id),
            title=fields.title,
            options=_to_options(fields.options),
            has_end=True,
        )
        async with aclosing(_to_upload_messages(header, upload)) as messages:
            return await upload_playlist(get_services(request).ingest, messages)
    except (ResonanceError, MalformedError):
        await body.drain()
        raise


async def _to_upload_messages(
    header: ingest_pb2.UploadHeader, upload: MultipartUpload
) -> AsyncGenerator[ingest_pb2.UploadPlaylistRequest, None]:
    """The header, each file's opening and bytes, and the end mark; an upload without it was cut on the way."""
    yield ingest_pb2.UploadPlaylistRequest(header=header)
    async with aclosing(upload.files()) as files:
        async for part in files:
            yield _to_upload_message(part)
    yield ingest_pb2.UploadPlaylistRequest(end=ingest_pb2.UploadEnd())


def _to_upload_message(part: FileOpening | FilePiece) -> ingest_pb2.UploadPlaylistRequest:
    if isinstance(part, FileOpening):
        return ingest_pb2.UploadPlaylistRequest(track=ingest_pb2.UploadTrack(filename=part.filename))
    return ingest_pb2.UploadPlaylistRequest(data=part.data)


def _to_options(body: TasteOptionsBody) -> steering_pb2.TasteOptions:
    options = fill_message(steering_pb2.TasteOptions(), body.model_dump(exclude_none=True))
    # The default kinds stay unset: gRPC clients leave them unset too, and both give options of the same digest.
    if body.direction_kind == "contrast":
        options.ClearField("direction_kind")
    if body.whitening == "none":
        options.ClearField("whitening")
    return options


def _accepted(request: Request, job: jobs_pb2.Job) -> Response:
    return JSONResponse(
        to_taste(job), status_code=202, headers={"Location": own_path(request, f"/v1/tastes/{job.job_id}")}
    )


async def _get_taste(ingest: ServiceClient, taste_id: str) -> dict[str, Any]:
    return to_taste((await ingest.ask("GetJob", ingest_pb2.GetJobRequest(job_id=taste_id))).job)


async def _watch(ingest: ServiceClient, taste_id: str, after_revision: int) -> Events:
    """The taste at every change until it is final. At the call's time limit the events end, and the client reconnects."""
    asked = ingest_pb2.WatchJobRequest(job_id=taste_id, after_revision=after_revision)
    with suppress(DeadlineExceeded):
        async with aclosing(ingest.listen("WatchJob", asked)) as responses:
            async for response in responses:
                taste = to_taste(response.job)
                yield _to_event(taste)
                if taste["state"] in _FINAL:
                    return


def _to_event(taste: dict[str, Any]) -> ServerSentEvent:
    return json_event("taste", taste, event_id=taste["revision"])

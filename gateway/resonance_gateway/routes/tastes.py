"""Tastes: submit a playlist, follow it, stop it, remove it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.errors import ResonanceError
from resonance_gateway.bodies import MalformedError, PageQuery, TasteBody, UploadFields
from resonance_gateway.http.body_stream import BodyStream
from resonance_gateway.http.multipart import MultipartUpload
from resonance_gateway.http.requests import (
    media_type,
    open_services,
    read_json,
    read_query,
    resolve_request_id,
    taste_id_in_path,
)
from resonance_gateway.http.sse import Event, event_stream
from resonance_gateway.schema.operations import json_response, message_schema, operation, page_schema

_FINAL = {"completed", "failed", "cancelled"}
_JOB = message_schema("Job")
TASTE_SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "string"}} | {k: v for k, v in _JOB["properties"].items() if k != "job_id"},
    "required": ["id", *(name for name in _JOB["required"] if name != "job_id")],
}


class Tastes(HTTPEndpoint):
    """`/v1/tastes`."""

    @operation(
        summary="List tastes, newest first",
        tag="tastes",
        query=PageQuery,
        responses={200: json_response("One page", page_schema("tastes", TASTE_SCHEMA))},
        faults=(422, 503),
    )
    async def get(self, request: Request) -> Response:
        return JSONResponse(await open_services(request).tastes(read_query(request, PageQuery)))

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
            taste = await _upload(request)
        else:
            body = await read_json(request, TasteBody)
            request_id, backends = resolve_request_id(request, body.request_id), open_services(request)
            taste = await (backends.submit if body.url else backends.submit_uploads)(body, request_id)
        return JSONResponse(taste, status_code=202, headers={"Location": f"/v1/tastes/{taste['id']}"})


class Taste(HTTPEndpoint):
    """`/v1/tastes/{taste_id}`."""

    @operation(
        summary="One taste", tag="tastes", responses={200: json_response("The taste", TASTE_SCHEMA)}, faults=(404, 503)
    )
    async def get(self, request: Request) -> Response:
        return JSONResponse(await open_services(request).taste(taste_id_in_path(request)))

    @operation(
        summary="Remove a taste; a running one is stopped first",
        tag="tastes",
        responses={204: ("Removed", "", {})},
        faults=(404, 503),
    )
    async def delete(self, request: Request) -> Response:
        await open_services(request).delete_taste(taste_id_in_path(request))
        return Response(status_code=204)


class TasteCancel(HTTPEndpoint):
    """`/v1/tastes/{taste_id}/cancel`."""

    @operation(
        summary="Stop a taste; a finished one is left as it is",
        tag="tastes",
        responses={200: json_response("The taste", TASTE_SCHEMA)},
        faults=(404, 503),
    )
    async def post(self, request: Request) -> Response:
        return JSONResponse(await open_services(request).cancel_taste(taste_id_in_path(request)))


class TasteRetry(HTTPEndpoint):
    """`/v1/tastes/{taste_id}/retry`."""

    @operation(
        summary="Go on with the tracks of a final taste that failed, as a new taste; the old one stays as it is",
        tag="tastes",
        responses={202: json_response("The new taste; follow it under Location", TASTE_SCHEMA)},
        headers={"Location": "Where the new taste is."},
        faults=(404, 409, 429, 503),
    )
    async def post(self, request: Request) -> Response:
        taste = await open_services(request).retry_taste(taste_id_in_path(request))
        return JSONResponse(taste, status_code=202, headers={"Location": f"/v1/tastes/{taste['id']}"})


class TasteEvents(HTTPEndpoint):
    """`/v1/tastes/{taste_id}/events`."""

    @operation(
        summary="Follow a taste: an event `taste` now and at every change, until it is final",
        tag="tastes",
        responses={
            200: ("A stream of events; each id is the taste's revision", "text/event-stream", {"type": "string"}),
            204: ("Nothing more will come after Last-Event-ID", "", {}),
        },
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        taste_id, after = taste_id_in_path(request), _last_event_id(request)
        backends = open_services(request)
        taste = await backends.taste(taste_id)
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        if after is not None and taste["revision"] <= after:
            if taste["state"] in _FINAL:
                return Response(status_code=204)  # tells an EventSource to stop reconnecting
            return event_stream(None, _changes(backends.watch_taste(taste_id, after)))
        if taste["state"] in _FINAL:
            return event_stream(_event_of(taste), _nothing())
        return event_stream(_event_of(taste), _changes(backends.watch_taste(taste_id, taste["revision"])))


async def _upload(request: Request) -> dict[str, object]:
    """Files are passed on as they come."""
    incoming = BodyStream(request)
    upload = MultipartUpload(request.headers["content-type"], incoming.chunks())
    try:
        fields = await upload.fields()
        request_id = resolve_request_id(request, fields.request_id)
        async with aclosing(upload.files()) as files:
            return await open_services(request).upload(fields, request_id, files)
    except (ResonanceError, MalformedError):
        await incoming.drain()
        raise


async def _changes(watched: AsyncGenerator[dict[str, object], None]) -> AsyncGenerator[Event, None]:
    async with aclosing(watched):
        async for taste in watched:
            yield _event_of(taste)
            if taste["state"] in _FINAL:
                return


async def _nothing() -> AsyncGenerator[Event, None]:
    return
    yield


def _event_of(taste: dict[str, object]) -> Event:
    revision = taste["revision"]
    return Event(name="taste", data=taste, id=revision if isinstance(revision, int) else None)


def _last_event_id(request: Request) -> int | None:
    text = request.headers.get("last-event-id", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None

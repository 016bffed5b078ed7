"""Resumable uploads over HTTP, by the tus protocol 1.0.0 (https://tus.io): creation, termination and expiration."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any

from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.errors import ResonanceError, invalid_field
from resonance_gateway.bodies import Body, check
from resonance_gateway.http.body_stream import BodyStream
from resonance_gateway.http.requests import media_type, name_in_path, open_services, read_json
from resonance_gateway.schema.limits_from_protos import rule
from resonance_gateway.schema.operations import json_response, message_schema, operation

TUS = "1.0.0"
_BYTES_TYPE = "application/offset+octet-stream"
_UPLOAD = message_schema("ResumableUpload")
_EXTENSIONS = "creation,termination,expiration"
_HEADERS = {
    "Tus-Resumable": "The version of the protocol.",
    "Upload-Offset": "How many bytes have arrived.",
    "Upload-Length": "How many bytes the file has.",
    "Upload-Expires": "When the upload may be removed if no taste has taken it.",
}


class OpeningBody(Body):
    """A file that will come."""

    filename: Annotated[str, rule("OpenUploadRequest.filename")]
    byte_count: Annotated[int, rule("OpenUploadRequest.byte_count", le=2**62)]


class Uploads(HTTPEndpoint):
    """`/v1/uploads`."""

    @operation(
        summary="Begin a resumable upload (tus: Upload-Length and Upload-Metadata headers, or the same as JSON)",
        tag="uploads",
        body=OpeningBody,
        responses={201: json_response("Send the bytes to Location with PATCH", _UPLOAD)},
        headers={"Location": "Where the bytes go."} | _HEADERS,
        faults=(400, 412, 413, 415, 422, 429, 503),
    )
    async def post(self, request: Request) -> Response:
        _check_version(request)
        opening = await _opening_of(request)
        upload = await open_services(request).open_upload(opening.filename, opening.byte_count)
        location = f"/v1/uploads/{upload['upload_id']}"
        return JSONResponse(upload, status_code=201, headers=_headers_of(upload) | {"Location": location})

    async def options(self, request: Request) -> Response:
        """What a tus client asks first."""
        told = {"Tus-Resumable": TUS, "Tus-Version": TUS, "Tus-Extension": _EXTENSIONS}
        told["Tus-Max-Size"] = str(request.app.state.settings.track_bytes_max)
        return Response(status_code=204, headers=told)


class Upload(HTTPEndpoint):
    """`/v1/uploads/{upload_id}`."""

    @operation(
        summary="Where an upload stands; HEAD tells the same in headers",
        tag="uploads",
        responses={200: json_response("The upload", _UPLOAD)},
        headers=_HEADERS,
        faults=(404, 412, 503),
    )
    async def get(self, request: Request) -> Response:
        _check_version(request)
        upload = await open_services(request).get_upload(_upload_id_in_path(request))
        return JSONResponse(upload, headers=_headers_of(upload))

    @operation(
        summary="The next bytes, from Upload-Offset on; what arrives before a break is kept",
        tag="uploads",
        binary=_BYTES_TYPE,
        asks={"Upload-Offset": "Where the first byte belongs: how many bytes have arrived."},
        responses={204: ("Stored; Upload-Offset says how far", "", {})},
        headers=_HEADERS,
        faults=(404, 409, 412, 413, 415, 422, 429, 503, 504),
    )
    async def patch(self, request: Request) -> Response:
        _check_version(request)
        if media_type(request) != _BYTES_TYPE:
            raise HTTPException(415, f"send the bytes with Content-Type: {_BYTES_TYPE}")
        upload_id, offset = _upload_id_in_path(request), _count_in(request, "Upload-Offset")
        incoming = BodyStream(request)
        try:
            upload = await open_services(request).write_upload(upload_id, offset, incoming.chunks())
        except ResonanceError:
            await incoming.drain()
            raise
        return Response(status_code=204, headers=_headers_of(upload))

    @operation(
        summary="Remove an upload that no taste has taken",
        tag="uploads",
        responses={204: ("Removed", "", {})},
        faults=(404, 409, 412, 503),
    )
    async def delete(self, request: Request) -> Response:
        _check_version(request)
        await open_services(request).delete_upload(_upload_id_in_path(request))
        return Response(status_code=204, headers={"Tus-Resumable": TUS})


def _check_version(request: Request) -> None:
    """Refuses another version of tus. Programs that speak plain HTTP name none."""
    asked = request.headers.get("tus-resumable", TUS)
    if asked != TUS:
        raise HTTPException(412, f"this server speaks tus {TUS}", {"Tus-Version": TUS})


async def _opening_of(request: Request) -> OpeningBody:
    if "upload-length" not in request.headers:
        return await read_json(request, OpeningBody)
    metadata = _metadata_of(request.headers.get("upload-metadata", ""))
    named = metadata.get("filename") or metadata.get("name") or "track"
    filename = named.replace("\\", "/").rsplit("/", 1)[-1].strip() or "track"
    return check(OpeningBody, {"filename": filename[:255], "byte_count": _count_in(request, "Upload-Length")})


def _metadata_of(header: str) -> dict[str, str]:
    """`filename c29uZy5tcDM=,type YXVkaW8=` as a dictionary."""
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode()
        except ValueError:  # of base64, of UTF-8, or of what is not even ASCII
            raise invalid_field("Upload-Metadata", "MALFORMED", f"the value of {key[:64]} is not base64") from None
    return found


def _count_in(request: Request, header: str) -> int:
    text = request.headers.get(header, "").strip()
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise invalid_field(header, "MALFORMED" if text else "REQUIRED", "must be a number of bytes")
    return int(text)


def _upload_id_in_path(request: Request) -> str:
    return name_in_path(request, "upload_id", "upload").lower()


def _headers_of(upload: dict[str, Any]) -> dict[str, str]:
    headers = {"Tus-Resumable": TUS, "Cache-Control": "no-store", "Upload-Offset": str(upload["offset"])}
    headers["Upload-Length"] = str(upload["byte_count"])
    if (expires := upload.get("expire_time")) is not None:
        headers["Upload-Expires"] = format_datetime(datetime.fromisoformat(expires).astimezone(UTC), usegmt=True)
    return headers

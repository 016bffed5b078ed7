"""Resumable uploads by the tus protocol 1.0.0.

See https://tus.io; the extensions are creation, termination and expiration.
"""

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
from resonance.v1 import ingest_pb2
from resonance_gateway.http.bodies import Body, check
from resonance_gateway.http.body_stream import BodyStream
from resonance_gateway.http.path_prefix import own_path
from resonance_gateway.http.requests import media_type, read_json, read_path_id
from resonance_gateway.routes.app_state import get_services, get_settings
from resonance_gateway.schema.limits_from_protos import rule
from resonance_gateway.schema.operations import json_response, message_schema, operation
from resonance_gateway.schema.proto_json import to_json
from resonance_gateway.services.upload_writer import write_upload

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
    """The file that will be sent."""

    filename: Annotated[str, rule("OpenUploadRequest.filename")]
    byte_count: Annotated[int, rule("OpenUploadRequest.byte_count", le=2**62)]


class UploadsEndpoint(HTTPEndpoint):
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
        opening = await _read_opening(request)
        creation = ingest_pb2.OpenUploadRequest(filename=opening.filename, byte_count=opening.byte_count)
        upload = to_json((await get_services(request).ingest.ask("OpenUpload", creation)).upload)
        location = own_path(request, f"/v1/uploads/{upload['upload_id']}")
        return JSONResponse(upload, status_code=201, headers=_tus_headers(upload) | {"Location": location})

    async def options(self, request: Request) -> Response:
        """The discovery request of a tus client."""
        headers = {"Tus-Resumable": TUS, "Tus-Version": TUS, "Tus-Extension": _EXTENSIONS}
        headers["Tus-Max-Size"] = str(get_settings(request).track_bytes_max)
        return Response(status_code=204, headers=headers)


class UploadEndpoint(HTTPEndpoint):
    """`/v1/uploads/{upload_id}`."""

    @operation(
        summary="The state of an upload; HEAD has the same in headers",
        tag="uploads",
        responses={200: json_response("The upload", _UPLOAD)},
        headers=_HEADERS,
        faults=(404, 412, 503),
    )
    async def get(self, request: Request) -> Response:
        _check_version(request)
        asked = ingest_pb2.GetUploadRequest(upload_id=_read_upload_id(request))
        upload = to_json((await get_services(request).ingest.ask("GetUpload", asked)).upload)
        return JSONResponse(upload, headers=_tus_headers(upload))

    @operation(
        summary="The next bytes, from Upload-Offset on; what arrives before a break is kept",
        tag="uploads",
        binary=_BYTES_TYPE,
        required_headers={"Upload-Offset": "Where the first byte belongs: how many bytes have arrived."},
        responses={204: ("Stored; Upload-Offset says how far", "", {})},
        headers=_HEADERS,
        faults=(404, 409, 412, 413, 415, 422, 429, 503, 504),
    )
    async def patch(self, request: Request) -> Response:
        _check_version(request)
        if media_type(request) != _BYTES_TYPE:
            raise HTTPException(415, f"send the bytes with Content-Type: {_BYTES_TYPE}")
        upload_id, offset = _read_upload_id(request), _read_byte_count(request, "Upload-Offset")
        body = BodyStream(request)
        try:
            upload = await write_upload(get_services(request).ingest, upload_id, offset, body.chunks())
        except ResonanceError:
            await body.drain()
            raise
        return Response(status_code=204, headers=_tus_headers(to_json(upload)))

    @operation(
        summary="Remove an upload that no taste has taken",
        tag="uploads",
        responses={204: ("Removed", "", {})},
        faults=(404, 409, 412, 503),
    )
    async def delete(self, request: Request) -> Response:
        _check_version(request)
        removal = ingest_pb2.DeleteUploadRequest(upload_id=_read_upload_id(request))
        await get_services(request).ingest.ask("DeleteUpload", removal)
        return Response(status_code=204, headers={"Tus-Resumable": TUS})


def _check_version(request: Request) -> None:
    """412 for another version of tus. Plain HTTP clients send no version."""
    if request.headers.get("tus-resumable", TUS) != TUS:
        raise HTTPException(412, f"this server speaks tus {TUS}", {"Tus-Version": TUS})


async def _read_opening(request: Request) -> OpeningBody:
    if "upload-length" not in request.headers:
        return await read_json(request, OpeningBody)
    metadata = _parse_metadata(request.headers.get("upload-metadata", ""))
    named = metadata.get("filename") or metadata.get("name") or "track"
    filename = named.replace("\\", "/").rsplit("/", 1)[-1].strip() or "track"
    return check(OpeningBody, {"filename": filename[:255], "byte_count": _read_byte_count(request, "Upload-Length")})


def _parse_metadata(header: str) -> dict[str, str]:
    """`filename c29uZy5tcDM=,type YXVkaW8=` as a dictionary."""
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode()
        except ValueError:  # of base64, of UTF-8, or of what is not even ASCII
            raise invalid_field("Upload-Metadata", "MALFORMED", f"the value of {key[:64]} is not base64") from None
    return found


def _read_byte_count(request: Request, header: str) -> int:
    text = request.headers.get(header, "").strip()
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise invalid_field(header, "MALFORMED" if text else "REQUIRED", "must be a number of bytes")
    return int(text)


def _read_upload_id(request: Request) -> str:
    return read_path_id(request, "upload_id", "upload").lower()


def _tus_headers(upload: dict[str, Any]) -> dict[str, str]:
    headers = {"Tus-Resumable": TUS, "Cache-Control": "no-store", "Upload-Offset": str(upload["offset"])}
    headers["Upload-Length"] = str(upload["byte_count"])
    if (expires := upload.get("expire_time")) is not None:
        headers["Upload-Expires"] = format_datetime(datetime.fromisoformat(expires).astimezone(UTC), usegmt=True)
    return headers

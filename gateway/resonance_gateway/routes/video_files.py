"""Files of videos: film, scenes, captions, descriptions."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import Response

from resonance.errors import NotFound
from resonance.v1 import video_pb2
from resonance_gateway.http.byte_ranges import Sound, ranged_file_response
from resonance_gateway.http.requests import read_lower_path_id, read_query
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.routes.videos import AspectName, read_video_id
from resonance_gateway.schema.operations import operation
from resonance_gateway.services.service_client import ServiceClient

_BINARY = {"type": "string", "format": "binary"}
_TYPES = "video/mp4, video/quicktime, image/png"
_FILE_RESPONSES = {
    200: ("The whole file", _TYPES, _BINARY),
    206: ("The range", _TYPES, _BINARY),
    304: ("The client has it already", "", {}),
}
_TEXT = {200: ("The text", "text/vtt", {"type": "string"})}
_KINDS = {
    "master": video_pb2.VIDEO_FILE_KIND_MASTER,
    "share": video_pb2.VIDEO_FILE_KIND_SHARE,
    "still": video_pb2.VIDEO_FILE_KIND_STILL,
    "described": video_pb2.VIDEO_FILE_KIND_DESCRIBED,
}
_ENDINGS = {"image/png": ".png", "video/quicktime": ".mov"}
_VERSION_DIGITS_MAX = 4


class VideoFileQuery(BaseModel):
    """The file of a video that is wanted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    aspect: Annotated[AspectName | None, Field(description="Without it the first of the video's aspects.")] = None
    kind: Annotated[
        Literal["master", "share", "still", "described"],
        Field(
            description="The song's own samples without loss, AAC sound for any player, a picture, or the version whose first sound "
            "track describes the picture."
        ),
    ] = "master"


class VideoFileEndpoint(HTTPEndpoint):
    """`/v1/videos/{video_id}/file`."""

    @operation(
        summary="The video as a file; one byte range, If-Range, If-None-Match and If-Match are honoured",
        tag="videos",
        query=VideoFileQuery,
        responses=_FILE_RESPONSES,
        faults=(404, 409, 412, 416, 422, 503),
    )
    async def get(self, request: Request) -> Response:
        query = read_query(request, VideoFileQuery)
        asked = video_pb2.StreamVideoRequest(video_id=read_video_id(request), aspect=query.aspect or "")
        asked.kind = _KINDS[query.kind]
        return await _send(request, asked, stem=f"resonance-{asked.video_id}")


class SceneFileEndpoint(HTTPEndpoint):
    """`/v1/videos/{video_id}/shots/{shot_id}/versions/{version}`."""

    @operation(
        summary="One version of a scene as a file, without sound, as soon as it is ready",
        tag="videos",
        query=VideoFileQuery,
        responses=_FILE_RESPONSES,
        faults=(404, 409, 412, 416, 422, 503),
    )
    async def get(self, request: Request) -> Response:
        query = read_query(request, VideoFileQuery)
        asked = video_pb2.StreamVideoRequest(
            video_id=read_video_id(request),
            aspect=query.aspect or "",
            shot_id=read_lower_path_id(request, "shot_id", "shot"),
            version=_read_version(request),
        )
        asked.kind = _KINDS[query.kind]
        return await _send(request, asked, stem=f"resonance-{asked.video_id}-{asked.shot_id}-{asked.version}")


class CaptionsEndpoint(HTTPEndpoint):
    """`/v1/videos/{video_id}/captions.vtt`."""

    @operation(
        summary="Captions (WebVTT): sections, and words where they are known",
        tag="videos",
        responses=_TEXT,
        faults=(404, 409, 503),
    )
    async def get(self, request: Request) -> Response:
        return await _send_text(request, video_pb2.VIDEO_TEXT_KIND_CAPTIONS)


class DescriptionsEndpoint(HTTPEndpoint):
    """`/v1/videos/{video_id}/descriptions.vtt`."""

    @operation(
        summary="Descriptions of the pictures (WebVTT), shot by shot",
        tag="videos",
        responses=_TEXT,
        faults=(404, 409, 503),
    )
    async def get(self, request: Request) -> Response:
        return await _send_text(request, video_pb2.VIDEO_TEXT_KIND_DESCRIPTIONS)


async def _send(request: Request, asked: video_pb2.StreamVideoRequest, *, stem: str) -> Response:
    """The file, or the range of it that was asked for; the service reads those bytes alone."""
    service = get_services(request).video
    file = await _describe(service, asked)
    ending = _ENDINGS.get(file.media_type, ".mp4")
    sound = Sound(
        size=file.byte_count,
        etag=file.sha256,
        media_type=file.media_type,
        headers={"Content-Disposition": f'inline; filename="{stem}{ending}"'},
    )
    return await ranged_file_response(request, sound, lambda start, end: _read(service, asked, start, end))


async def _describe(service: ServiceClient, asked: video_pb2.StreamVideoRequest) -> video_pb2.VideoFile:
    nothing = video_pb2.StreamVideoRequest()
    nothing.CopyFrom(asked)
    nothing.end = 0
    async with aclosing(service.listen("StreamVideo", nothing)) as responses:
        file: video_pb2.VideoFile = (await anext(responses)).started
    return file


async def _read(
    service: ServiceClient, asked: video_pb2.StreamVideoRequest, start: int, end: int
) -> AsyncGenerator[bytes, None]:
    part = video_pb2.StreamVideoRequest()
    part.CopyFrom(asked)
    part.start, part.end = start, end
    async with aclosing(service.listen("StreamVideo", part)) as responses:
        async for response in responses:
            if response.HasField("data"):
                yield response.data


async def _send_text(request: Request, kind: video_pb2.VideoTextKind) -> Response:
    asked = video_pb2.GetVideoTextRequest(video_id=read_video_id(request), kind=kind)
    response = await get_services(request).video.ask("GetVideoText", asked)
    return Response(response.vtt, media_type="text/vtt")


def _read_version(request: Request) -> int:
    text: str = request.path_params["version"]
    if not (text.isascii() and text.isdigit() and len(text) <= _VERSION_DIGITS_MAX and 1 <= int(text) <= 1000):
        raise NotFound("there is no version of that number")
    return int(text)

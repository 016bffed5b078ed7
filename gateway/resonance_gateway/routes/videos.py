"""Videos: create, follow, list, cancel, remove."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from sse_starlette import ServerSentEvent
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.errors import DeadlineExceeded
from resonance.v1 import generate_pb2, video_pb2
from resonance_gateway.http.bodies import Body
from resonance_gateway.http.path_prefix import own_path
from resonance_gateway.http.requests import read_json, read_lower_path_id, read_query, resolve_request_id
from resonance_gateway.http.sse import Events, EventStreamResponse, json_event, no_events, read_last_event_id
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.routes.recipes import RecipeBody, to_recipe
from resonance_gateway.routes.speech import SectionBody, to_sections
from resonance_gateway.schema.fields import PageQuery, RequestId
from resonance_gateway.schema.limits_from_protos import items, rule
from resonance_gateway.schema.operations import Schema, json_response, message_schema, operation, page_schema
from resonance_gateway.schema.proto_json import to_json
from resonance_gateway.services.service_client import ServiceClient

CANCEL_S_MAX = 30.0
WATCH_S_MAX = 320.0
_AT_REST = {"completed", "failed", "cancelled"}
_VIDEO = message_schema("Video")
VIDEO_FIELDS: Schema = {"id": {"type": "string"}} | {k: v for k, v in _VIDEO["properties"].items() if k != "video_id"}
VIDEO_SCHEMA: Schema = {"type": "object", "properties": VIDEO_FIELDS, "required": list(VIDEO_FIELDS)}
_CAPABILITIES = message_schema("GetVideoCapabilitiesResponse")
_SLIDERS: Schema = {
    "type": "object",
    "properties": {"energy": {"type": "number"}, "instrument_density": {"type": "number"}},
}
_CHANGES: Schema = {
    "type": "array",
    "items": {"type": "object", "properties": {"start_s": {"type": "number"}, "sliders": _SLIDERS}},
}
_STEPS = message_schema("GetPictureCurvesResponse")
_CURVES: Schema = {
    "type": "object",
    "properties": {**_STEPS["properties"], "sliders": _SLIDERS, "recipe_changes": _CHANGES},
}
AspectName = Literal["9:16", "1:1", "16:9"]


class VideoMusicBody(RecipeBody):
    """Music that is made for a video."""

    duration_s: Annotated[float, rule("GenerateRequest.duration_s")] = 10.0
    seed: Annotated[int, rule("GenerateRequest.seed")] | None = None
    backend: Annotated[
        str, rule("GenerateRequest.backend", description="What makes it; /v1/models lists the backends.")
    ] = ""


class VideoNarrationBody(Body):
    """A script that is spoken over the music: `script` as one text, or `sections` with times."""

    script: Annotated[str | None, rule("ScriptSection.text", description="The whole script, from one second on.")] = (
        None
    )
    sections: Annotated[list[SectionBody], items("VideoNarration.sections", min_length=0)] = []
    voice: Annotated[str, rule("VideoNarration.voice_id", description="One of `/v1/voices`.")] = ""
    speed: Annotated[float | None, rule("VideoNarration.speed")] = None


class VideoBody(Body):
    """A video of a finished take, of an upload that is whole, or of music that is made for it: one of the three."""

    upload_id: Annotated[str, rule("CreateVideoRequest.upload_id", min_length=1)] | None = None
    music: VideoMusicBody | None = None
    take_id: Annotated[str, rule("CreateVideoRequest.take_id", min_length=1)] | None = Field(
        default=None, validate_default=True
    )
    narration: VideoNarrationBody | None = None
    concept: Annotated[str, rule("CreateVideoRequest.concept")]
    aspects: Annotated[list[AspectName], items("CreateVideoRequest.aspects", min_length=1)] = ["9:16"]
    character: Annotated[str, rule("CreateVideoRequest.character")] = ""
    review: bool = False
    seed: Annotated[int, rule("CreateVideoRequest.seed")] | None = None
    provider: Annotated[str, rule("CreateVideoRequest.provider")] | None = None
    pcm_master: bool = False
    request_id: RequestId | None = None

    @field_validator("take_id", mode="after")
    @classmethod
    def _is_one_of_the_three(cls, take_id: str | None, info: ValidationInfo) -> str | None:
        others = [info.data.get(name) for name in ("upload_id", "music") if name in info.data]
        if len(others) == 2 and sum(one is not None for one in (take_id, *others)) != 1:
            message = "name a take in `take_id`, a whole upload in `upload_id`, or ask for `music`: one of the three"
            raise PydanticCustomError("required", message)
        return take_id


class VideosEndpoint(HTTPEndpoint):
    """`/v1/videos`."""

    @operation(
        summary="List videos, newest first",
        tag="videos",
        query=PageQuery,
        responses={200: json_response("One page", page_schema("videos", VIDEO_SCHEMA))},
        faults=(422, 503),
    )
    async def get(self, request: Request) -> Response:
        page = read_query(request, PageQuery)
        listing = video_pb2.ListVideosRequest(page_size=page.page_size, page_token=page.page_token)
        response = await get_services(request).video.ask("ListVideos", listing)
        videos = [to_video(video) for video in response.videos]
        return JSONResponse({"videos": videos, "next_page_token": response.next_page_token})

    @operation(
        summary="Make a video of a take, of an uploaded song, or of music that is made for it; with a script, its music is narrated",
        tag="videos",
        body=VideoBody,
        responses={202: json_response("Accepted; follow it under Location", VIDEO_SCHEMA)},
        headers={"Location": "Where the video is."},
        faults=(400, 404, 409, 413, 415, 422, 429, 501, 503),
    )
    async def post(self, request: Request) -> Response:
        body = await read_json(request, VideoBody)
        creation = video_pb2.CreateVideoRequest(
            request_id=resolve_request_id(request, body.request_id),
            take_id=body.take_id or "",
            upload_id=body.upload_id or "",
            concept=body.concept,
            aspects=body.aspects,
            character=body.character,
            review=body.review,
            seed=body.seed,
            provider=body.provider or "",
            pcm_master=body.pcm_master,
            music=_to_music(body.music) if body.music is not None else None,
            narration=_to_narration(body.narration) if body.narration is not None else None,
        )
        response = await get_services(request).video.ask("CreateVideo", creation)
        return accepted(request, to_video(response.video))


def _to_music(body: VideoMusicBody) -> generate_pb2.GenerateRequest:
    return generate_pb2.GenerateRequest(
        recipe=to_recipe(body), duration_s=body.duration_s, seed=body.seed, backend=body.backend
    )


def _to_narration(body: VideoNarrationBody) -> video_pb2.VideoNarration:
    sections = to_sections(body.script, body.sections)
    return video_pb2.VideoNarration(sections=sections, voice_id=body.voice, speed=body.speed)


class VideoEndpoint(HTTPEndpoint):
    """`/v1/videos/{video_id}`."""

    @operation(
        summary="One video", tag="videos", responses={200: json_response("The video", VIDEO_SCHEMA)}, faults=(404, 503)
    )
    async def get(self, request: Request) -> Response:
        return JSONResponse(await _get_video(get_services(request).video, read_video_id(request)))

    @operation(
        summary="Remove a video and its files; one that is being made is stopped first",
        tag="videos",
        responses={204: ("Removed", "", {})},
        faults=(404, 503),
    )
    async def delete(self, request: Request) -> Response:
        removal = video_pb2.DeleteVideoRequest(video_id=read_video_id(request))
        await get_services(request).video.ask("DeleteVideo", removal, timeout_s=CANCEL_S_MAX)
        return Response(status_code=204)


class VideoCancelEndpoint(HTTPEndpoint):
    """`/v1/videos/{video_id}/cancel`."""

    @operation(
        summary="Stop the making of a video; one that is not being made is left as it is",
        tag="videos",
        responses={200: json_response("The video", VIDEO_SCHEMA)},
        faults=(404, 503),
    )
    async def post(self, request: Request) -> Response:
        cancellation = video_pb2.CancelVideoRequest(video_id=read_video_id(request))
        video = get_services(request).video
        return JSONResponse(to_video((await video.ask("CancelVideo", cancellation, timeout_s=CANCEL_S_MAX)).video))


class VideoEventsEndpoint(HTTPEndpoint):
    """`/v1/videos/{video_id}/events`."""

    @operation(
        summary="Follow a video: an event `video` now and at every change, until nothing is being made",
        tag="videos",
        responses={
            200: ("A stream of events; each id is the video's revision", "text/event-stream", {"type": "string"}),
            204: ("There are no events after Last-Event-ID", "", {}),
        },
        faults=(404, 503),
    )
    async def get(self, request: Request) -> Response:
        video_id, after = read_video_id(request), read_last_event_id(request)
        service = get_services(request).video
        video = await _get_video(service, video_id)
        if request.method == "HEAD":
            return EventStreamResponse(no_events())
        if after is not None and video["revision"] <= after:
            if _is_at_rest(video):
                return Response(status_code=204)  # makes an EventSource stop reconnecting
            return EventStreamResponse(_watch(service, video_id, after))
        if _is_at_rest(video):
            return EventStreamResponse(no_events(), first=_to_event(video))
        return EventStreamResponse(_watch(service, video_id, video["revision"]), first=_to_event(video))


class PictureBody(Body):
    """A picture to follow: the plan of a video, or an uploaded clip; one of the two."""

    upload_id: Annotated[str, rule("GetPictureCurvesRequest.upload_id", min_length=1)] | None = None
    video_id: Annotated[str, rule("GetPictureCurvesRequest.video_id", min_length=1)] | None = Field(
        default=None, validate_default=True
    )

    @field_validator("video_id", mode="after")
    @classmethod
    def _is_one_of_the_two(cls, video_id: str | None, info: ValidationInfo) -> str | None:
        if "upload_id" in info.data and (video_id is None) == (info.data["upload_id"] is None):
            raise PydanticCustomError("required", "name a video in `video_id`, or a whole upload in `upload_id`")
        return video_id


class PictureCurvesEndpoint(HTTPEndpoint):
    """`/v1/video-curves`."""

    @operation(
        summary="Slider positions over time that fit a picture: `sliders` and `recipe_changes` of a generation that follows it",
        tag="videos",
        body=PictureBody,
        responses={200: json_response("The curves", _CURVES)},
        faults=(400, 404, 409, 413, 415, 422, 503, 504),
    )
    async def post(self, request: Request) -> Response:
        body = await read_json(request, PictureBody)
        asked = video_pb2.GetPictureCurvesRequest(video_id=body.video_id or "", upload_id=body.upload_id or "")
        curves = await get_services(request).video.ask("GetPictureCurves", asked, timeout_s=WATCH_S_MAX)
        changes = [
            {"start_s": step.start_s, "sliders": {"energy": step.energy, "instrument_density": step.density}}
            for step in curves.steps
        ]
        first = changes[0]["sliders"] if changes else {}
        return JSONResponse(to_json(curves) | {"sliders": first, "recipe_changes": changes[1:]})


class VideoCapabilitiesEndpoint(HTTPEndpoint):
    """`/v1/video-capabilities`."""

    @operation(
        summary="Providers of scenes, the longest song, and why no video can be made, if none can",
        tag="videos",
        responses={200: json_response("The capabilities", _CAPABILITIES)},
        faults=(503,),
    )
    async def get(self, request: Request) -> Response:
        asked = video_pb2.GetVideoCapabilitiesRequest()
        return JSONResponse(to_json(await get_services(request).video.ask("GetVideoCapabilities", asked)))


def to_video(video: video_pb2.Video) -> dict[str, Any]:
    """A video as JSON; its id is `id` as in every resource."""
    fields = to_json(video)
    return {"id": fields.pop("video_id"), **fields}


def accepted(request: Request, video: dict[str, Any]) -> Response:
    """202 with the video and where it is."""
    return JSONResponse(video, status_code=202, headers={"Location": own_path(request, f"/v1/videos/{video['id']}")})


def read_video_id(request: Request) -> str:
    """The video's id of the path."""
    return read_lower_path_id(request, "video_id", "video")


async def _get_video(service: ServiceClient, video_id: str) -> dict[str, Any]:
    return to_video((await service.ask("GetVideo", video_pb2.GetVideoRequest(video_id=video_id))).video)


def _is_at_rest(video: dict[str, Any]) -> bool:
    return video["state"] in _AT_REST or bool(video["awaits_review"])


async def _watch(service: ServiceClient, video_id: str, after_revision: int) -> Events:
    """The video at every change until nothing is being made. At the call's time limit the events end, and the client reconnects."""
    asked = video_pb2.WatchVideoRequest(video_id=video_id, after_revision=after_revision)
    with suppress(DeadlineExceeded):
        responses: AsyncGenerator[Any, None]
        async with aclosing(service.listen("WatchVideo", asked)) as responses:
            async for response in responses:
                if response.is_unchanged:
                    continue
                video = to_video(response.video)
                yield _to_event(video)
                if _is_at_rest(video):
                    return


def _to_event(video: dict[str, Any]) -> ServerSentEvent:
    return json_event("video", video, event_id=video["revision"])

"""Plans of videos: treatment and shots, versions of a shot's scene."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Field
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resonance.v1 import video_pb2
from resonance_gateway.http.bodies import Body
from resonance_gateway.http.requests import read_json, read_lower_path_id
from resonance_gateway.routes.app_state import get_services
from resonance_gateway.routes.videos import VIDEO_FIELDS, VIDEO_SCHEMA, accepted, read_video_id, to_video
from resonance_gateway.schema.limits_from_protos import items, rule
from resonance_gateway.schema.operations import json_response, operation

_PLAN = {
    "type": "object",
    "properties": {"treatment": {"type": "object"}, "plan": {"type": "object"}},
    "required": ["treatment", "plan"],
}
_CHANGED = {
    "type": "object",
    "properties": VIDEO_FIELDS | {"invalidated_shot_ids": {"type": "array", "items": {"type": "string"}}},
    "required": [*VIDEO_FIELDS, "invalidated_shot_ids"],
}


class ShotFields(Body):
    """Changes of one shot: fields of it, and the frame at which it begins from now on."""

    changes: dict[str, Any] = {}
    start_frame: Annotated[int, rule("ShotChange.start_frame")] | None = None


class ShotChangeBody(ShotFields):
    """Changes of one shot of a plan."""

    id: Annotated[str, rule("ShotChange.shot_id")]


class PlanBody(Body):
    """Changes of a plan. A treatment replaces the one before, and the shots are planned anew from it."""

    treatment: dict[str, Any] | None = None
    shots: Annotated[list[ShotChangeBody], items("UpdatePlanRequest.shots")] = []
    accept: Annotated[bool, Field(description="Lets the making of a plan that awaits review go on.")] = False


class ShotBody(ShotFields):
    """Changes of one shot, or the version of its scene that is taken into the video."""

    chosen: Annotated[int, rule("ChooseSceneRequest.version")] | None = None


class SceneVersionBody(Body):
    """Another version of a scene."""

    instruction: Annotated[str, rule("RedoSceneRequest.instruction")] = ""
    seed: Annotated[int, rule("RedoSceneRequest.seed")] | None = None


class VideoPlanEndpoint(HTTPEndpoint):
    """`/v1/videos/{video_id}/plan`."""

    @operation(
        summary="The treatment and the shot plan; 409 until they are written",
        tag="videos",
        responses={200: json_response("The plan", _PLAN)},
        faults=(404, 409, 503),
    )
    async def get(self, request: Request) -> Response:
        asked = video_pb2.GetPlanRequest(video_id=read_video_id(request))
        response = await get_services(request).video.ask("GetPlan", asked)
        return JSONResponse({"treatment": json.loads(response.treatment_json), "plan": json.loads(response.plan_json)})

    @operation(
        summary="Change the plan, or accept it; only scenes that change are made again",
        tag="videos",
        body=PlanBody,
        responses={202: json_response("The video, and the shots whose scenes are made again", _CHANGED)},
        headers={"Location": "Where the video is."},
        faults=(400, 404, 409, 413, 415, 422, 503),
    )
    async def patch(self, request: Request) -> Response:
        video_id, body = read_video_id(request), await read_json(request, PlanBody)
        update = video_pb2.UpdatePlanRequest(
            video_id=video_id,
            treatment_json=json.dumps(body.treatment) if body.treatment is not None else "",
            shots=[_to_change(shot.id, shot) for shot in body.shots],
            accept=body.accept,
        )
        return await _update(request, update)


class ShotEndpoint(HTTPEndpoint):
    """`/v1/videos/{video_id}/shots/{shot_id}`."""

    @operation(
        summary="Change one shot, or choose a version of its scene",
        tag="videos",
        body=ShotBody,
        responses={202: json_response("The video, and the shots whose scenes are made again", _CHANGED)},
        headers={"Location": "Where the video is."},
        faults=(400, 404, 409, 413, 415, 422, 503),
    )
    async def patch(self, request: Request) -> Response:
        video_id, shot_id = read_video_id(request), _read_shot_id(request)
        body = await read_json(request, ShotBody)
        if body.chosen is None:
            return await _update(
                request, video_pb2.UpdatePlanRequest(video_id=video_id, shots=[_to_change(shot_id, body)])
            )
        choice = video_pb2.ChooseSceneRequest(video_id=video_id, shot_id=shot_id, version=body.chosen)
        response = await get_services(request).video.ask("ChooseScene", choice)
        return accepted(request, to_video(response.video) | {"invalidated_shot_ids": []})


class SceneVersionsEndpoint(HTTPEndpoint):
    """`/v1/videos/{video_id}/shots/{shot_id}/versions`."""

    @operation(
        summary="Make another version of one scene, which is then chosen; all other scenes keep their files",
        tag="videos",
        body=SceneVersionBody,
        responses={202: json_response("The video", VIDEO_SCHEMA)},
        headers={"Location": "Where the video is."},
        faults=(400, 404, 409, 413, 415, 422, 503),
    )
    async def post(self, request: Request) -> Response:
        video_id, shot_id = read_video_id(request), _read_shot_id(request)
        body = await read_json(request, SceneVersionBody)
        redo = video_pb2.RedoSceneRequest(
            video_id=video_id, shot_id=shot_id, instruction=body.instruction, seed=body.seed
        )
        return accepted(request, to_video((await get_services(request).video.ask("RedoScene", redo)).video))


def _to_change(shot_id: str, fields: ShotFields) -> video_pb2.ShotChange:
    changes = json.dumps(fields.changes) if fields.changes else ""
    return video_pb2.ShotChange(shot_id=shot_id, changes_json=changes, start_frame=fields.start_frame)


async def _update(request: Request, update: video_pb2.UpdatePlanRequest) -> Response:
    response = await get_services(request).video.ask("UpdatePlan", update)
    changed = {"invalidated_shot_ids": list(response.invalidated_shot_ids)}
    return accepted(request, to_video(response.video) | changed)


def _read_shot_id(request: Request) -> str:
    return read_lower_path_id(request, "shot_id", "shot")

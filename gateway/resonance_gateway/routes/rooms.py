"""Rooms: opening over REST, playing and listening over a WebSocket."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from resonance.errors import InvalidInput, ResonanceError
from resonance.ids import new_request_id
from resonance.v1 import audio_pb2, rooms_pb2
from resonance_gateway.http.bodies import Body, MalformedError, parse
from resonance_gateway.http.disconnect import cancel_on_disconnect
from resonance_gateway.http.problems import problem_fields
from resonance_gateway.http.requests import read_json
from resonance_gateway.routes.app_state import get_services, get_settings
from resonance_gateway.routes.delivery import Raw, get_delivery
from resonance_gateway.routes.performances import (
    DONE,
    PerformanceBody,
    close_code,
    read_first_message,
    read_text,
    to_opening_request,
    to_problem,
)
from resonance_gateway.routes.recipes import ConceptUse, RecipeBody, SlidersBody, TasteUse, to_recipe
from resonance_gateway.schema.limits_from_protos import items, rule
from resonance_gateway.schema.operations import json_response, message_schema, operation
from resonance_gateway.schema.proto_json import fill_message, to_json
from resonance_gateway.services.live_performance import LiveCall, to_chunk_event
from resonance_gateway.services.room_sound import RoomSounds

_OPENING_FIELDS = {"name", "offered_taste_ids"}


class RoomBody(PerformanceBody):
    """A room: the first message of its performance, its name, and the tastes that all may use. `raw` is chosen by each who joins."""

    raw: Literal[False] = False
    name: Annotated[str, rule("OpenRoomRequest.name", description="Shown to everybody in the room.")] = ""
    offered_taste_ids: Annotated[
        list[Annotated[str, rule("OpenRoomRequest.offered_taste_ids")]],
        items("OpenRoomRequest.offered_taste_ids", description="Tastes of yours that every player may use."),
    ] = []


class PartBody(Body):
    """What one member adds to the music."""

    tastes: Annotated[list[TasteUse], items("RoomPart.tastes")] = []
    concepts: Annotated[list[ConceptUse], items("RoomPart.concepts")] = []
    sliders: SlidersBody = SlidersBody()


class JoiningBody(Body):
    """The first message in a room: the token, and who joins."""

    token: Annotated[str, rule("RoomJoining.token")]
    name: Annotated[str, rule("RoomJoining.name")] = ""
    hue: Annotated[int, rule("RoomJoining.hue")] | None = None
    member_key: Annotated[str, rule("RoomJoining.member_key")] | None = None
    part: PartBody | None = None
    raw: Raw = False


class RoomControlBody(Body):
    """A later message in a room. All but `part` is for the owner."""

    part: PartBody | None = None
    recipe: RecipeBody | None = None
    command: Literal["play", "pause", "stop", "reset"] | None = None
    weights: Annotated[dict[str, Annotated[float, Field(ge=0, le=1)]], items("RoomControl.weights")] = {}
    removed_member_ids: Annotated[
        list[Annotated[str, rule("RoomControl.removed_member_ids")]], items("RoomControl.removed_member_ids")
    ] = []

    @model_validator(mode="after")
    def _says_something(self) -> RoomControlBody:
        if not self.model_fields_set:
            raise PydanticCustomError(
                "required", "a control carries `part`, `recipe`, `command`, `weights` or `removed_member_ids`"
            )
        return self


class RoomsEndpoint(HTTPEndpoint):
    """`/v1/rooms`."""

    @operation(
        summary="Open a room: one live performance that several people play and others hear",
        tag="performances",
        body=RoomBody,
        responses={
            201: json_response("The room, and the tokens that let people in", message_schema("OpenRoomResponse"))
        },
        faults=(400, 404, 409, 413, 415, 422, 429, 501, 503),
    )
    async def post(self, request: Request) -> Response:
        body = await read_json(request, RoomBody)
        opening = to_opening_request(
            body, body.request_id or new_request_id(), without=frozenset(_OPENING_FIELDS)
        ).opening
        asked = rooms_pb2.OpenRoomRequest(opening=opening, name=body.name, offered_taste_ids=body.offered_taste_ids)
        asking = get_services(request).rooms.ask("OpenRoom", asked)
        return JSONResponse(to_json(await cancel_on_disconnect(request, asking)), status_code=201)


async def rooms(websocket: WebSocket) -> None:
    """`/v1/rooms/{room_id}`.

    The client sends a JoiningBody first and RoomControlBody messages later. The server sends the events of
    `JoinPerformance`, each a JSON object with its `type`, as `/v1/performances` does: `started`, `joined`, `chunk` (the
    next message is binary), `mix`, `recipe`, `skipped`, `queued`, `fault` for a malformed control, and last `ended` or
    `problem`. All who hear a room through one gateway get the same bytes.
    """
    await websocket.accept()
    try:
        with suppress(WebSocketDisconnect):
            await _join(websocket)
            await websocket.close(DONE)
    except ResonanceError as error:
        with suppress(WebSocketDisconnect, RuntimeError):
            await websocket.send_json({"type": "problem", "problem": to_problem(error)})
            await websocket.close(close_code(error))


async def _join(websocket: WebSocket) -> None:
    body = await read_first_message(websocket, JoiningBody)
    values = body.model_dump(exclude={"raw"}, exclude_none=True)
    joining = rooms_pb2.RoomJoining(room_id=websocket.path_params["room_id"], without_sound=True)
    call = get_services(websocket).join(fill_message(joining, values))
    place = _Place(websocket, call, joining, is_raw=body.raw)
    tasks = [asyncio.create_task(part()) for part in (place.send_news, place.send_sound, place.pass_controls)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        call.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Place:
    """One WebSocket in a room: news from its own call, sound from the stream that all listeners of this gateway share."""

    def __init__(self, websocket: WebSocket, call: LiveCall, joining: rooms_pb2.RoomJoining, *, is_raw: bool) -> None:
        self._websocket, self._call, self._joining = websocket, call, joining
        self._delivery = None if is_raw else get_delivery(websocket)
        # A chunk is two messages, between which no other may come.
        self._sending = asyncio.Lock()
        self._joined = asyncio.Event()

    async def send_news(self) -> None:
        """Sends what the room tells, until it ends. Raises the error that the service sends."""
        async with aclosing(self._call.responses()) as responses:
            async for response in responses:
                kind = response.WhichOneof("event")
                await self._send({"type": kind, **to_json(getattr(response, kind))})
                if kind == "joined":
                    self._joined.set()

    async def send_sound(self) -> None:
        """Sends the sound from the moment at which the caller has joined. Its end is told by the news."""
        await self._joined.wait()
        sounds: RoomSounds = self._websocket.app.state.room_sounds
        heard = sounds.listen(self._joining.room_id, self._joining.token, self._delivery)
        async with aclosing(heard):
            async for sound in heard:
                if isinstance(sound, audio_pb2.AudioChunk):
                    await self._send({"type": "chunk", **to_chunk_event(sound)}, sound.data)
                else:
                    await self._send({"type": "skipped", **to_json(sound)})
        await asyncio.get_running_loop().create_future()  # until it is cancelled

    async def pass_controls(self) -> None:
        """Passes controls on until the socket closes. A malformed one is answered with a fault, and the music goes on."""
        bytes_max = get_settings(self._websocket).json_bytes_max
        while True:
            try:
                text = await read_text(self._websocket)
                if len(text) > bytes_max:
                    raise InvalidInput(f"a control may have at most {bytes_max} bytes", reason="TOO_LARGE")
                await self._call.control(to_control_request(parse(RoomControlBody, text)))
            except MalformedError as fault:
                await self._send_fault(InvalidInput(str(fault), reason="MALFORMED_REQUEST"))
            except InvalidInput as fault:
                await self._send_fault(fault)

    async def _send_fault(self, fault: ResonanceError) -> None:
        await self._send({"type": "fault", "problem": problem_fields(fault)})

    async def _send(self, event: dict[str, Any], data: bytes | None = None) -> None:
        async with self._sending:
            await self._websocket.send_json(event)
            if data is not None:
                await self._websocket.send_bytes(data)


def to_control_request(body: RoomControlBody) -> rooms_pb2.JoinPerformanceRequest:
    """A later message of `JoinPerformance`."""
    control = rooms_pb2.RoomControl()
    if body.recipe is not None:
        control.recipe.CopyFrom(to_recipe(body.recipe))
    if body.command is not None:
        control.command = rooms_pb2.RoomControl(command=f"PLAYBACK_COMMAND_{body.command.upper()}").command
    values = body.model_dump(exclude={"recipe", "command"}, exclude_none=True, exclude_unset=True)
    return rooms_pb2.JoinPerformanceRequest(control=fill_message(control, values))

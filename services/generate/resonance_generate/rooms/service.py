"""Servicer of RoomService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from resonance.errors import DeadlineExceeded, InvalidInput, ResonanceError
from resonance.identity import current_owner
from resonance.rpc import ServerContext
from resonance.rpc.validation import validate
from resonance.settings import Settings
from resonance.v1 import audio_pb2, generate_pb2, rooms_pb2, rooms_pb2_grpc
from resonance_generate.responses import build_refusal
from resonance_generate.rooms.connection import Connection, Event
from resonance_generate.rooms.registry import Rooms, no_such_room
from resonance_generate.rooms.relay import RELAYED_HEADER, relay
from resonance_generate.rooms.room import Room

JOINING_S_MAX = 30.0
_FIELDS: dict[type[Event], str] = {
    generate_pb2.GenerationStarted: "started",
    rooms_pb2.RoomJoined: "joined",
    audio_pb2.AudioChunk: "chunk",
    rooms_pb2.RoomMix: "mix",
    generate_pb2.RecipeInForce: "recipe",
    rooms_pb2.RoomSkipped: "skipped",
    generate_pb2.GenerationQueued: "queued",
    rooms_pb2.RoomEnded: "ended",
}
_Requests = AsyncIterator[rooms_pb2.JoinPerformanceRequest]


class RoomService(rooms_pb2_grpc.RoomServiceServicer):
    """Requests in, responses out; a room that plays in another replica is relayed."""

    def __init__(self, rooms: Rooms, settings: Settings) -> None:
        self._rooms = rooms
        self._settings = settings

    async def OpenRoom(  # noqa: N802
        self, request: rooms_pb2.OpenRoomRequest, context: ServerContext
    ) -> rooms_pb2.OpenRoomResponse:
        return await self._rooms.open(request)

    async def JoinPerformance(  # noqa: N802
        self, request_iterator: _Requests, context: ServerContext
    ) -> AsyncIterator[rooms_pb2.JoinPerformanceResponse]:
        first = await _read_joining(request_iterator)
        room = self._rooms.find(first.joining.room_id)
        if room is not None:
            responses = _join(room, first.joining, request_iterator)
        elif any(name == RELAYED_HEADER for name, _ in context.invocation_metadata() or ()):
            raise no_such_room()
        else:
            address = await self._rooms.find_address(first.joining.room_id)
            responses = relay(address, first, request_iterator, self._settings)
        async with aclosing(responses):
            async for response in responses:
                yield response


async def _join(
    room: Room, joining: rooms_pb2.RoomJoining, requests: _Requests
) -> AsyncGenerator[rooms_pb2.JoinPerformanceResponse, None]:
    controls: asyncio.Task[None] | None = None
    async with aclosing(room.join(joining, current_owner())) as events:
        try:
            async for connection, event in events:
                if controls is None:
                    controls = asyncio.create_task(_apply_all(room, connection, requests))
                yield rooms_pb2.JoinPerformanceResponse(**{_FIELDS[type(event)]: event})  # type: ignore[arg-type]
        finally:
            if controls is not None:
                controls.cancel()
                await asyncio.gather(controls, return_exceptions=True)


async def _apply_all(room: Room, connection: Connection, requests: _Requests) -> None:
    """Applies controls until the caller half-closes. A refused one is answered, and the music goes on."""
    async for request in requests:
        try:
            validate(request)
            if request.WhichOneof("part") != "control":
                raise InvalidInput("a room is joined once; send controls", reason="JOINED_TWICE")
            room.control(connection, request.control)
        except ResonanceError as refusal:
            room.answer(connection, build_refusal(refusal))


async def _read_joining(requests: _Requests) -> rooms_pb2.JoinPerformanceRequest:
    try:
        async with asyncio.timeout(JOINING_S_MAX):
            first = await anext(requests, None)
    except TimeoutError:
        raise DeadlineExceeded(f"no joining came within {JOINING_S_MAX:.0f} s", reason="NO_JOINING") from None
    if first is None or first.WhichOneof("part") != "joining":
        raise InvalidInput("the first message to a room is its joining", reason="NO_JOINING")
    validate(first)
    return first

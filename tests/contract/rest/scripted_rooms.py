"""RoomService that opens rooms; real rooms are in test_rooms.py."""

from __future__ import annotations

from resonance.v1 import rooms_pb2, rooms_pb2_grpc


class ScriptedRooms(rooms_pb2_grpc.RoomServiceServicer):
    """RoomService whose rooms have fixed names."""

    async def OpenRoom(self, request, context):
        return rooms_pb2.OpenRoomResponse(
            room_id="r" * 26,
            owner_token="o" * 26,
            play_token="p" * 26,
            listen_token="l" * 26,
            request_id=request.opening.request_id,
        )

"""What a room is opened with, and its limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from resonance.rpc.quotas import Meter
from resonance.v1 import generate_pb2, rooms_pb2, steering_pb2
from resonance_generate.engine.request import EngineRequest
from resonance_generate.rooms.member import Member
from resonance_generate.takes.recording import Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomLimits:
    """The limits of one room."""

    members_max: int
    listeners_max: int
    lag_s_max: float
    owner_away_s_max: float
    stall_s_max: float
    duration_s_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a room is opened with. `digests` are the SHA-256 of the tokens by role; `owner` is the account of the opener.

    `build_request` makes the request of the engine when somebody first joins. `meter` counts the music against the opener's quota.
    """

    room_id: str
    name: str
    digests: dict[rooms_pb2.RoomRole, str]
    owner: str
    offers: list[rooms_pb2.OfferedTaste]
    ready_sliders: list[str]
    build_request: Callable[[], EngineRequest]
    description: generate_pb2.Take
    recording: Recording | None
    meter: Meter | None = None

    def describe(self, recipe: steering_pb2.Recipe) -> generate_pb2.Take:
        """The performance as it is described to one who joins now, under the words and settings of all."""
        take = generate_pb2.Take()
        take.CopyFrom(self.description)
        take.recipe.CopyFrom(recipe)
        return take

    def build_joined(self, member: Member | None, role: rooms_pb2.RoomRole, sample_offset: int) -> rooms_pb2.RoomJoined:
        """The answer to a joining."""
        return rooms_pb2.RoomJoined(
            room_id=self.room_id,
            name=self.name,
            member_id=member.member_id if member else "",
            role=role,
            offered_tastes=self.offers,
            ready_sliders=self.ready_sliders,
            sample_offset=sample_offset,
        )

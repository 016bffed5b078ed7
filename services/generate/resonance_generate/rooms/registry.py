"""Rooms of this process: opening, finding, and ending them."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import structlog

from resonance.errors import DataLoss, NotFound, Overloaded, ResonanceError, Unsupported
from resonance.identity import current_owner
from resonance.ids import new_request_id, sha256_hex
from resonance.rpc.quotas import Quotas
from resonance.rpc.server import STREAM_S_MAX
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.store.keys import ROOMS, room_key
from resonance.v1 import generate_pb2, rooms_pb2, steering_pb2
from resonance_generate.backends.capabilities import LOCAL
from resonance_generate.conditions.melody import MelodyReader
from resonance_generate.engine.engine import Engine
from resonance_generate.performance import Performance
from resonance_generate.responses import build_take
from resonance_generate.rooms.member import check_part, part_of_recipe
from resonance_generate.rooms.mixer import Mixer
from resonance_generate.rooms.opened import Opened, RoomLimits
from resonance_generate.rooms.room import Room
from resonance_generate.rooms.roster import printable
from resonance_generate.takes.library import TakeLibrary

_LOOK_S = 0.5
_KEPT_NOTICE = "several people played this; its lanes hold the nearest recipe of one person"
_SWEEP_S = 3600.0
_ROLES = (rooms_pb2.ROOM_ROLE_OWNER, rooms_pb2.ROOM_ROLE_PLAYER, rooms_pb2.ROOM_ROLE_LISTENER)
_log = structlog.get_logger("rooms")


class Rooms:
    """Open rooms by id. The store knows in which replica a room plays, where replicas have addresses (`RESONANCE_ROOM_ADDR`)."""

    def __init__(
        self,
        engine: Engine,
        mixer: Mixer,
        performance: Performance,
        melodies: MelodyReader,
        takes: TakeLibrary,
        store: ObjectStore,
        settings: Settings,
        info: generate_pb2.ModelInfo,
    ) -> None:
        self._engine, self._mixer, self._performance, self._melodies = engine, mixer, performance, melodies
        self._takes, self._store, self._settings, self._info = takes, store, settings, info
        self._quotas = Quotas(settings, store)
        self._rooms: dict[str, Room] = {}
        self.limits = RoomLimits(
            members_max=settings.room_members_max,
            listeners_max=settings.room_listeners_max,
            lag_s_max=settings.room_lag_s_max,
            owner_away_s_max=settings.room_owner_away_s_max,
            stall_s_max=settings.stream_stall_s_max,
            duration_s_max=STREAM_S_MAX,
        )

    async def open(self, request: rooms_pb2.OpenRoomRequest) -> rooms_pb2.OpenRoomResponse:
        """Opens a room for the calling owner.

        Raises:
            Overloaded: this process has as many rooms as it may, or the owner's music of the day is used up.
            Unsupported: another backend than the local one is named.
            ResonanceError: what a performance with this opening raises.
        """
        opening = request.opening
        if opening.backend not in ("", LOCAL):
            raise Unsupported("rooms are played by the local backend alone", reason="BACKEND_CANNOT")
        self._check_room()
        check_part(part_of_recipe(opening.recipe))
        meter = await self._quotas.open_room(current_owner())
        base = await self._mixer.read_base(opening.recipe)
        melody = await self._melodies.read(opening)
        base = replace(base, params=replace(base.params, melody=melody.chroma))
        offers = await self._mixer.read_offers(request.offered_taste_ids)
        opening.request_id = opening.request_id or new_request_id()
        engine_request = self._performance.build_request(opening, base, melody)
        description = build_take(engine_request.request_id, engine_request.seed, base, self._info)
        if opening.keep:
            description.notices.append(_KEPT_NOTICE)
        recording = await self._performance.open_recording(opening, description) if opening.keep else None
        described = generate_pb2.Take()
        described.CopyFrom(description)
        described.recipe.MergeFrom(_only_part(opening))
        tokens = {role: new_request_id() for role in _ROLES}
        room_id = new_request_id()
        opened = Opened(
            room_id=room_id,
            name=printable(request.name),
            digests={role: sha256_hex(token.encode()) for role, token in tokens.items()},
            owner=current_owner(),
            offers=offers,
            ready_sliders=await self._mixer.find_sliders(),
            build_request=lambda: self._performance.build_request(opening, base, melody),
            description=described,
            recording=recording,
            meter=meter,
        )
        self._check_room()
        self._rooms[room_id] = Room(
            opened,
            base,
            engine=self._engine,
            mixer=self._mixer,
            takes=self._takes,
            limits=self.limits,
            frame_rate_hz=self._info.frame_rate_hz,
        )
        await self._write_address(room_id)
        _log.info("a room was opened", room=room_id[:6])
        response = rooms_pb2.OpenRoomResponse(
            room_id=room_id,
            owner_token=tokens[rooms_pb2.ROOM_ROLE_OWNER],
            play_token=tokens[rooms_pb2.ROOM_ROLE_PLAYER],
            listen_token=tokens[rooms_pb2.ROOM_ROLE_LISTENER],
            request_id=opening.request_id,
        )
        response.expire_time.FromSeconds(int(time.time() + self.limits.owner_away_s_max))
        return response

    def find(self, room_id: str) -> Room | None:
        """A room of this process; None where it plays elsewhere, or nowhere."""
        room = self._rooms.get(room_id)
        return None if room is None or room.is_ended else room

    async def find_address(self, room_id: str) -> str:
        """The address of the replica in which a room plays. Raises NotFound where there is none."""
        try:
            document = json.loads((await self._store.get(room_key(room_id))).data)
            address, expires_s = str(document["address"]), float(document["expires_s"])
        except (NotFound, DataLoss, ValueError, KeyError):
            raise no_such_room() from None
        if expires_s < time.time() or address == self._settings.room_addr:
            raise no_such_room()
        return address

    async def run(self) -> None:
        """Looks after the rooms until it is cancelled."""
        swept_s = float("-inf")
        while True:
            for room_id, room in list(self._rooms.items()):
                try:
                    await self._look_at(room_id, room)
                except Exception as failure:  # one room must not end the care for the others
                    _log.error("a room cannot be looked after", room=room_id[:6], exc_info=failure)
            if self._settings.room_addr and time.monotonic() - swept_s > _SWEEP_S:
                swept_s = time.monotonic()
                await self._sweep()
            await asyncio.sleep(_LOOK_S)

    async def close(self) -> None:
        """Ends all rooms."""
        for room_id, room in list(self._rooms.items()):
            await room.close()
            await self._forget(room_id)
        self._rooms.clear()
        await self._quotas.close()

    async def _look_at(self, room_id: str, room: Room) -> None:
        room.look()
        if room.is_ended and not room.connection_count:
            del self._rooms[room_id]
            await room.close()
            await self._forget(room_id)

    def _check_room(self) -> None:
        if sum(not room.is_ended for room in self._rooms.values()) >= self._settings.rooms_open_max:
            message = f"{self._settings.rooms_open_max} rooms are open, which is as many as may be; try again later"
            raise Overloaded(message, reason="TOO_MANY_ROOMS", retry_after_s=60.0)

    async def _write_address(self, room_id: str) -> None:
        if self._settings.room_addr:
            document = {"address": self._settings.room_addr, "expires_s": time.time() + STREAM_S_MAX}
            await self._store.put(room_key(room_id), json.dumps(document).encode())

    async def _forget(self, room_id: str) -> None:
        if not self._settings.room_addr:
            return
        try:
            await self._store.delete(room_key(room_id))
        except ResonanceError as failure:  # it expires
            _log.warning("the address of a room was not removed", reason=failure.reason)

    async def _sweep(self) -> None:
        """Removes addresses of rooms whose process died."""
        try:
            for key in [key async for key in self._store.keys(ROOMS)]:
                document = json.loads((await self._store.get(key)).data)
                if float(document["expires_s"]) < time.time():
                    await self._store.delete(key)
        except (ResonanceError, ValueError, KeyError) as failure:
            _log.warning("addresses of rooms were not swept", why=str(failure))


def no_such_room() -> NotFound:
    """The refusal of a room id that names nothing."""
    return NotFound("there is no such room, or it has ended; ask for a new link", reason="NO_SUCH_ROOM")


def _only_part(opening: generate_pb2.PerformOpening) -> steering_pb2.Recipe:
    part = part_of_recipe(opening.recipe)
    return steering_pb2.Recipe(tastes=part.tastes, concepts=part.concepts, sliders=part.sliders)

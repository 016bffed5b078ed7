"""Rooms on a real server: one slot, the same bytes for all, slow listeners, tokens, limits, the owner's absence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import pytest

from resonance.errors import NotFound, Overloaded, PermissionDenied, ResonanceError, Unavailable
from resonance.rpc import Authenticator, RpcServer, open_channel
from resonance.rpc.calls import stream_call, unary_call
from resonance.settings import Settings
from resonance.steering.sliders import SLIDER_NAMES
from resonance.store import MemoryStore
from resonance.v1 import generate_pb2, rooms_pb2, rooms_pb2_grpc
from resonance_generate.build import open_generate
from resonance_generate.engine.engine import Engine
from resonance_model.loaded_model import LoadedModel
from support.directions import put_concept, put_taste

SMALL_WINDOW = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 16_384)]


class Server:
    """A generate service on a real socket, and its engine."""

    def __init__(self, address: str, engine: Engine, store: MemoryStore) -> None:
        self.address, self.engine, self.store = address, engine, store
        self.channel = open_channel(address)
        self.stub = rooms_pb2_grpc.RoomServiceStub(self.channel)

    async def open(self, **fields: object) -> rooms_pb2.OpenRoomResponse:
        opening = generate_pb2.PerformOpening(request_id=str(fields.pop("request_id", "")), keep=bool(fields.pop("keep", False)))
        opening.recipe.prompts.add(text="calm piano")
        if bpm := fields.pop("bpm", None):
            opening.recipe.bpm = bpm
        return await unary_call(self.stub.OpenRoom(rooms_pb2.OpenRoomRequest(opening=opening, **fields)))


@asynccontextmanager
async def serve(tiny: LoadedModel, store: MemoryStore | None = None, **settings: object) -> AsyncIterator[Server]:
    store = store or MemoryStore()
    for name in SLIDER_NAMES:
        await put_concept(store, tiny, name)
    async with AsyncExitStack() as stack:
        known = Settings(slots=2, queue_places=0, stream_stall_s_max=2.0, **settings)
        parts = await stack.enter_async_context(open_generate(known, store, tiny))
        server = RpcServer("127.0.0.1:0", Authenticator(store, known))
        parts.add_to(server)
        await server.start()
        stack.push_async_callback(server.stop, 0.5)
        one = Server(server.address, parts.engine, store)
        stack.push_async_callback(one.channel.close)
        yield one


class Person:
    """A caller in a room, who reads until `until` holds, and keeps what came."""

    def __init__(self, stub: rooms_pb2_grpc.RoomServiceStub, room_id: str, token: str, **joining: object) -> None:
        self._sent: asyncio.Queue[rooms_pb2.JoinPerformanceRequest] = asyncio.Queue()
        first = rooms_pb2.RoomJoining(room_id=room_id, token=token, **joining)
        self._sent.put_nowait(rooms_pb2.JoinPerformanceRequest(joining=first))
        self._responses = stream_call(stub.JoinPerformance(self._requests()))
        self.came: list[rooms_pb2.JoinPerformanceResponse] = []

    async def __aenter__(self) -> Person:
        await self.read(lambda: bool(self.joined))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._responses.aclose()

    async def _requests(self) -> AsyncIterator[rooms_pb2.JoinPerformanceRequest]:
        while True:
            yield await self._sent.get()

    def send(self, **control: object) -> None:
        self._sent.put_nowait(rooms_pb2.JoinPerformanceRequest(control=rooms_pb2.RoomControl(**control)))

    async def read(self, until: Callable[[], object], s_max: float = 20.0) -> Person:
        """Reads until the condition holds; raises what the call raises, and TimeoutError."""
        async with asyncio.timeout(s_max):
            while not until():
                response = await anext(self._responses, None)
                if response is None:
                    raise EOFError("the stream has ended")
                self.came.append(response)
        return self

    def all(self, kind: str) -> list:
        return [getattr(one, kind) for one in self.came if one.WhichOneof("event") == kind]

    @property
    def joined(self) -> list[rooms_pb2.RoomJoined]:
        return self.all("joined")

    @property
    def mix(self) -> rooms_pb2.RoomMix:
        return self.all("mix")[-1]

    def member(self, member_id: str = "") -> rooms_pb2.RoomMember:
        wanted = member_id or self.joined[0].member_id
        return next(one for one in self.mix.members if one.member_id == wanted)

    @property
    def last_sample(self) -> int:
        chunks = self.all("chunk")
        return chunks[-1].sample_offset + chunks[-1].sample_count if chunks else 0

    def samples(self) -> dict[int, bytes]:
        """The samples by chunk; that they follow each other is asserted, except after `skipped`."""
        found, expected = {}, None
        for one in self.came:
            if one.HasField("skipped"):
                expected = one.skipped.sample_offset
            if one.HasField("chunk"):
                assert expected in (None, one.chunk.sample_offset)
                expected = one.chunk.sample_offset + one.chunk.sample_count
                found[one.chunk.sample_offset] = one.chunk.data
        return found


async def test_thirty_two_listeners_hear_the_same_bytes_from_one_slot_though_some_leave_and_some_read_nothing(
    tiny: LoadedModel,
) -> None:
    async with serve(tiny, room_lag_s_max=1.0) as server, AsyncExitStack() as stack:
        room = await server.open()
        owner = await stack.enter_async_context(Person(server.stub, room.room_id, room.owner_token))
        people = [Person(server.stub, room.room_id, room.listen_token) for _ in range(32)]
        for person in people:
            await stack.enter_async_context(person)
        quick, leaving, sleeping = people[:20], people[20:26], people[26:]
        assert server.engine.running_count == 1
        rate_hz = owner.all("started")[0].format.sample_rate_hz
        await asyncio.gather(*(one.read(lambda one=one: one.last_sample > rate_hz) for one in [*quick, *leaving]))
        for one in leaving:
            await one.__aexit__()
        await asyncio.gather(*(one.read(lambda one=one: one.last_sample > 4 * rate_hz) for one in [owner, *quick]))
        assert server.engine.running_count == 1
        whole = owner.samples()
        for one in quick:
            heard = one.samples()
            assert one.all("skipped") == []
            assert heard == {offset: data for offset, data in whole.items() if offset in heard}
            assert len(heard) > 10
        assert len(sleeping) == 6


async def test_a_listener_who_falls_behind_goes_on_at_the_present_and_is_told(tiny: LoadedModel) -> None:
    async with serve(tiny, room_lag_s_max=1.0) as server:
        room = await server.open()
        async with (
            Person(server.stub, room.room_id, room.owner_token) as owner,
            slow_stub(server) as stub,
            Person(stub, room.room_id, room.listen_token) as slow,
        ):
            rate_hz = owner.all("started")[0].format.sample_rate_hz
            reading = asyncio.create_task(owner.read(lambda: owner.last_sample > 12 * rate_hz, 40))
            while not slow.all("skipped") and not reading.done():
                count = len(slow.came)
                await slow.read(lambda count=count: len(slow.came) > count)
                await asyncio.sleep(0.5)
            await reading
            skipped = slow.all("skipped")
            assert skipped
            assert skipped[0].sample_offset > skipped[0].sample_offset_before
            heard = slow.samples()
            whole = owner.samples()
            assert all(whole[offset] == data for offset, data in heard.items() if offset in whole)


@asynccontextmanager
async def slow_stub(server: Server) -> AsyncIterator[rooms_pb2_grpc.RoomServiceStub]:
    """A client of its own connection with small buffers, so that the server soon sees that it does not read."""
    import grpc

    async with grpc.aio.insecure_channel(server.address, options=SMALL_WINDOW) as channel:
        yield rooms_pb2_grpc.RoomServiceStub(channel)

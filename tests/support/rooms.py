"""A generate service with rooms on a real socket, and people in them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import grpc

from resonance.rpc import Authenticator, RpcServer, open_channel
from resonance.rpc.calls import stream_call, unary_call
from resonance.settings import Settings
from resonance.steering.sliders import SLIDER_NAMES
from resonance.store import MemoryStore
from resonance.store.owned import OwnedStore
from resonance.v1 import generate_pb2, rooms_pb2, rooms_pb2_grpc, steering_pb2
from resonance_generate.build import open_generate
from resonance_generate.engine.engine import Engine
from resonance_model.loaded_model import LoadedModel
from support.directions import put_concept

SMALL_WINDOW = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 16_384)]


class Server:
    """A generate service on a real socket, and its engine."""

    def __init__(self, address: str, engine: Engine, store: MemoryStore) -> None:
        self.address, self.engine, self.store = address, engine, store
        self.channel = open_channel(address)
        self.stub = rooms_pb2_grpc.RoomServiceStub(self.channel)

    async def open(self, **fields: object) -> rooms_pb2.OpenRoomResponse:
        opening = generate_pb2.PerformOpening(
            request_id=str(fields.pop("request_id", "")), keep=bool(fields.pop("keep", False))
        )
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
        known = Settings(**({"slots": 2, "queue_places": 0, "stream_stall_s_max": 2.0} | settings))
        parts = await stack.enter_async_context(open_generate(known, OwnedStore(store), tiny))
        server = RpcServer(
            known.room_addr if known.grpc_addr == known.room_addr else "127.0.0.1:0", Authenticator(store, known)
        )
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
        return (self.all("mix") or [rooms_pb2.RoomMix()])[-1]

    def member(self, member_id: str = "") -> rooms_pb2.RoomMember:
        wanted = member_id or self.joined[0].member_id
        return next((one for one in self.mix.members if one.member_id == wanted), rooms_pb2.RoomMember())

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


@asynccontextmanager
async def slow_stub(server: Server) -> AsyncIterator[rooms_pb2_grpc.RoomServiceStub]:
    """A client of its own connection with small buffers, so that the server soon sees that it does not read."""
    async with grpc.aio.insecure_channel(server.address, options=SMALL_WINDOW) as channel:
        yield rooms_pb2_grpc.RoomServiceStub(channel)


def slider(**positions: float) -> rooms_pb2.RoomPart:
    return rooms_pb2.RoomPart(sliders=steering_pb2.Sliders(**positions))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


async def wait_until(holds: Callable[[], bool], s_max: float = 5.0) -> None:
    async with asyncio.timeout(s_max):
        while not holds():
            await asyncio.sleep(0.02)

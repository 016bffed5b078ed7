"""Room in the store: a take that would not fit is refused before it begins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from resonance.errors import Unavailable
from resonance.rpc.server import STORE_HEALTH, RpcServer
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import generate_pb2, steering_pb2
from resonance_generate.build import open_generate
from resonance_generate.generation import Generation
from resonance_generate.takes.room import StoreRoom
from resonance_model.loaded_model import LoadedModel

SECOND = 16_000 * 2
RECIPE = steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text="piano")])


class SmallStore(MemoryStore):
    """A store with so many bytes; what it holds counts."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    async def free_bytes(self) -> int | None:
        used = [len((await self.get(key)).data) for key in [key async for key in self.keys("")]]
        return self.size - sum(used)


def request(name: str, seconds: float, *, is_transient: bool = False) -> generate_pb2.GenerateRequest:
    return generate_pb2.GenerateRequest(
        request_id=name, recipe=RECIPE, duration_s=seconds, seed=1, is_transient=is_transient
    )


async def listen(generation: Generation, asked: generate_pb2.GenerateRequest) -> int:
    """The samples that came."""
    async with aclosing(generation.run(asked)) as events:
        return sum([event.sample_count async for event in events if hasattr(event, "sample_count")])


@pytest.fixture
async def parts(tiny: LoadedModel) -> AsyncIterator[tuple[Generation, StoreRoom, SmallStore]]:
    store = SmallStore(4 * SECOND + 64 * 1024 * 2)
    async with open_generate(Settings(slots=2), store, tiny) as parts:
        yield parts.service._generation, parts.room, store


async def test_a_take_that_does_not_fit_is_refused_and_its_id_stays_free(
    parts: tuple[Generation, StoreRoom, SmallStore],
) -> None:
    generation, _, store = parts
    with pytest.raises(Unavailable, match="shorter") as refusal:
        await listen(generation, request("one", 20))
    assert (refusal.value.reason, refusal.value.retry_after_s) == ("STORE_FULL", 30.0)
    assert [key async for key in store.keys("")] == []
    assert await listen(generation, request("one", 2)) == 2 * 16_000


async def test_a_transient_take_needs_no_room(parts: tuple[Generation, StoreRoom, SmallStore]) -> None:
    generation, _, store = parts
    store.size = 0
    assert await listen(generation, request("one", 2, is_transient=True)) == 2 * 16_000


async def test_takes_in_the_making_keep_their_room(parts: tuple[Generation, StoreRoom, SmallStore]) -> None:
    generation, room, _ = parts
    async with aclosing(generation.run(request("first", 4))) as events:
        await anext(events)
        with pytest.raises(Unavailable):
            await room.check(4)
    await room.check(4)


async def test_health_says_when_the_store_is_full(tiny: LoadedModel) -> None:
    store = SmallStore(10**9)
    async with open_generate(Settings(), store, tiny) as parts:
        for size, expected in ((10**9, "SERVING"), (1000, "NOT_SERVING")):
            store.size = size
            server = RpcServer("127.0.0.1:0")
            parts.add_to(server)
            await server.start()
            async with grpc.aio.insecure_channel(server.address) as channel:
                stub = health_pb2_grpc.HealthStub(channel)
                async for state in stub.Watch(health_pb2.HealthCheckRequest(service=STORE_HEALTH)):
                    if state.status != health_pb2.HealthCheckResponse.SERVICE_UNKNOWN:
                        break
                assert health_pb2.HealthCheckResponse.ServingStatus.Name(state.status) == expected
            await server.stop(0)

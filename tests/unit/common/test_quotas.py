"""Quotas of owners on two replicas over one store: calls, music, storage, and how exact they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from support.faulty_store import FaultKind, FaultyStore

from resonance import usage
from resonance.api_keys import ApiKeys
from resonance.erasure import Erasure
from resonance.errors import Overloaded
from resonance.rpc import Authenticator, RpcServer, build_server, open_channel
from resonance.rpc.calls import stream_call, unary_call
from resonance.rpc.quotas import Quotas
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.store.keys import below_owner, take_audio_key, take_key, usage_key
from resonance.store.owned import OwnedStore
from resonance.usage import Sums, Usage
from resonance.v1 import audio_pb2, generate_pb2, generate_pb2_grpc, owners_pb2, owners_pb2_grpc
from resonance_gateway.build import open_gateway
from resonance_ingest.owners import Owners

RATE_HZ = 100
NOON_S = 20_000 * 86_400 + 43_200.0
MERGED_S = 0.2


class Making(generate_pb2_grpc.GenerateServiceServicer):
    """Makes silence in chunks of a second; a request named `known` is sent again, and one named `cut` ends after two seconds."""

    async def GetModel(self, request: Any, context: Any) -> Any:
        return generate_pb2.GetModelResponse()

    async def Generate(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for message in _messages(request.request_id, round(request.duration_s)):
            yield message

    async def GenerateVariations(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for variation in range(1, request.count + 1):
            for message in _messages("", round(request.request.duration_s)):
                yield generate_pb2.GenerateVariationsResponse(variation=variation, response=message)

    async def Perform(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        for message in _messages("", 1000):
            kind = message.WhichOneof("event")
            yield generate_pb2.PerformResponse(**{kind: getattr(message, kind)})

    async def DeleteTake(self, request: Any, context: Any) -> Any:
        return generate_pb2.DeleteTakeResponse()


def _messages(request_id: str, seconds: int) -> list[Any]:
    audio_format = audio_pb2.AudioFormat(sample_rate_hz=RATE_HZ, channel_count=1)
    digest = "5" * 64 if request_id == "known" else ""
    started = generate_pb2.GenerationStarted(request_id=request_id, format=audio_format, audio_sha256=digest)
    chunks = [audio_pb2.AudioChunk(sample_count=RATE_HZ) for _ in range(2 if request_id == "cut" else seconds)]
    return [
        generate_pb2.GenerateResponse(started=started),
        *(generate_pb2.GenerateResponse(chunk=one) for one in chunks),
    ]


class Replicas:
    """Two servers over one store, a clock that stands at noon, and the stubs of one owner at each."""

    def __init__(self, store: OwnedStore, text: str, owner: str) -> None:
        self.store, self.text, self.owner = store, text, owner
        self.now_s = NOON_S
        self.stubs: list[Any] = []
        self.servers: list[RpcServer] = []

    async def make(self, replica: int, duration_s: float, **more: Any) -> None:
        recipe = generate_pb2.GenerateRequest().recipe
        recipe.prompts.add(text="calm", weight=1.0)
        request = generate_pb2.GenerateRequest(recipe=recipe, duration_s=duration_s, **more)
        async for _ in stream_call(self.stubs[replica].Generate(request)):
            pass

    async def ask(self, replica: int = 0) -> None:
        await unary_call(self.stubs[replica].GetModel(generate_pb2.GetModelRequest()))


async def running(stack: AsyncExitStack, *, store: Any = None, **quotas: Any) -> Replicas:
    owned = OwnedStore(store or MemoryStore())
    text, key = await ApiKeys(owned).issue("Ada")
    settings = Settings(auth="on", service_key="s" * 32, **quotas)
    replicas = Replicas(owned, text, key.owner)
    for _ in range(2):
        server = RpcServer(
            "127.0.0.1:0",
            Authenticator(owned, settings),
            quotas=Quotas(settings, owned, lambda: replicas.now_s),
        )
        server.add("a", lambda inner: generate_pb2_grpc.add_GenerateServiceServicer_to_server(Making(), inner))
        await server.start()
        stack.push_async_callback(server.stop, 0)
        channel = await stack.enter_async_context(open_channel(server.address, api_key=text))
        replicas.servers.append(server)
        replicas.stubs.append(generate_pb2_grpc.GenerateServiceStub(channel))
    return replicas


def owners_of(store: OwnedStore, settings: Settings) -> Owners:
    async def cancel(owner: str, work_ids: list[str]) -> bool:
        return True

    return Owners(store, settings, Erasure(store, cancel))


@pytest.fixture(autouse=True)
def merged_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MERGED_S", MERGED_S)


async def test_calls_beyond_the_quota_are_refused_until_the_next_minute() -> None:
    async with AsyncExitStack() as stack:
        replicas = await running(stack, quota_calls_minute=5)
        replicas.now_s += 20
        for _ in range(5):
            await replicas.ask()
        with pytest.raises(Overloaded) as caught:
            await replicas.ask()
        assert (caught.value.reason, caught.value.retry_after_s) == ("CALLS_QUOTA", 40.0)
        replicas.now_s += 40
        await replicas.ask()


async def test_replicas_learn_of_each_other_s_calls_and_write_once_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    async with AsyncExitStack() as stack:
        replicas = await running(stack, quota_calls_minute=100)
        written: list[str] = []
        for name in ("create", "replace"):

            def counted(inner: Any) -> Any:
                async def write(key: str, *arguments: Any, **named: Any) -> str:
                    written.append(key)
                    return str(await inner(key, *arguments, **named))

                return write

            monkeypatch.setattr(replicas.store, name, counted(getattr(replicas.store, name)))
        for _ in range(50):
            await asyncio.gather(replicas.ask(0), replicas.ask(1))
        await asyncio.sleep(4 * MERGED_S)
        for replica in (0, 1):
            with pytest.raises(Overloaded):  # after a merge each replica knows of all hundred calls
                await replicas.ask(replica)
        assert set(written) == {usage_key()}
        assert len(written) < 50, "far fewer writes than the hundred calls"


async def test_music_is_counted_as_it_is_made_and_refused_until_the_next_day() -> None:
    async with AsyncExitStack() as stack:
        replicas = await running(stack, quota_music_s_day=10)
        await replicas.make(0, 6)
        await replicas.make(0, 9, request_id="cut", resume_sample_offset=500)
        with pytest.raises(Overloaded) as caught:
            await replicas.make(0, 3)
        assert (caught.value.reason, caught.value.retry_after_s) == ("MUSIC_QUOTA", 43_200.0)
        assert "8 of the 10 seconds" in caught.value.message
        await replicas.make(0, 2)
        await asyncio.sleep(3 * MERGED_S)
        with pytest.raises(Overloaded):
            await replicas.make(1, 1)
        replicas.now_s += 43_200
        await replicas.make(1, 10)


async def test_takes_at_once_cannot_go_over_the_quota_together_and_replays_cost_nothing() -> None:
    async with AsyncExitStack() as stack:
        replicas = await running(stack, quota_music_s_day=10)
        await replicas.make(0, 10, request_id="known")
        results = await asyncio.gather(*(replicas.make(0, 4) for _ in range(5)), return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["NoneType"] * 2 + ["Overloaded"] * 3


async def test_a_finished_take_is_sent_again_where_the_quota_is_used_up() -> None:
    async with AsyncExitStack() as stack:
        replicas = await running(stack, quota_music_s_day=10)
        await replicas.make(0, 8)
        await replicas.store.put(below_owner(replicas.owner, take_key("known")), b"{}")
        await replicas.make(0, 8, request_id="known")
        with pytest.raises(Overloaded):
            await replicas.make(0, 8, request_id="unknown")


async def test_variations_count_each_and_live_music_ends_at_the_quota() -> None:
    async with AsyncExitStack() as stack:
        replicas = await running(stack, quota_music_s_day=20)
        request = generate_pb2.GenerateVariationsRequest(count=3)
        request.request.recipe.prompts.add(text="calm", weight=1.0)
        request.request.duration_s = 4
        async for _ in stream_call(replicas.stubs[0].GenerateVariations(request)):
            pass
        chunks = []

        async def listen() -> None:
            async for response in stream_call(replicas.stubs[0].Perform(iter(()))):
                chunks.append(response)

        with pytest.raises(Overloaded) as caught:
            await listen()
        assert caught.value.reason == "MUSIC_QUOTA"
        assert len(chunks) - 1 == 7, "of the eight seconds that were left, the last one is not sent"


async def test_storage_beyond_the_quota_refuses_what_stores_and_nothing_else() -> None:
    async with AsyncExitStack() as stack:
        replicas = await running(stack, quota_storage_bytes=1000)
        await replicas.make(0, 1)
        await replicas.store.inner.put(below_owner(replicas.owner, take_audio_key("x")), b"a" * 2000)
        await unary_call(replicas.stubs[0].DeleteTake(generate_pb2.DeleteTakeRequest(request_id="y")))
        with pytest.raises(Overloaded) as caught:
            await replicas.make(0, 1)
        assert (caught.value.reason, caught.value.retry_after_s) == ("STORAGE_QUOTA", None)
        await replicas.make(0, 1, is_transient=True)
        await replicas.ask()
        await replicas.store.inner.delete(below_owner(replicas.owner, take_audio_key("x")))
        await unary_call(replicas.stubs[0].DeleteTake(generate_pb2.DeleteTakeRequest(request_id="x")))
        await replicas.make(0, 1)


async def test_a_store_that_is_away_lets_calls_pass_and_counts_them_later() -> None:
    inner = MemoryStore()
    broken = FaultyStore(inner, first=10_000, kind=FaultKind.BEFORE, count=1)
    async with AsyncExitStack() as stack:
        replicas = await running(stack, store=broken, quota_calls_minute=3)
        await replicas.ask()
        broken._failing = range(broken.calls, broken.calls + 3)
        await asyncio.sleep(2 * MERGED_S)
        await replicas.ask()
        await asyncio.sleep(6 * MERGED_S)
        await replicas.ask(1)
        with pytest.raises(Overloaded):
            await replicas.ask(1)


async def test_what_was_counted_last_is_told_when_a_replica_stops() -> None:
    store = MemoryStore()
    counting = Usage(OwnedStore(store), lambda: NOON_S)
    counting.add("u-ada", calls=2, music_s=3.5)
    await counting.close()
    found = await Usage(OwnedStore(store), lambda: NOON_S).now("u-ada")
    assert (found.calls, found.music_s) == (2, 3.5)
    assert [key async for key in store.keys("")] == [below_owner("u-ada", usage_key())]


def test_sums_of_an_earlier_minute_and_day_are_gone() -> None:
    sums = Sums(calls=5, minute=int(NOON_S // 60), music_s=9.0, day=int(NOON_S // 86_400))
    assert sums.at(NOON_S + 59) == sums
    assert (sums.at(NOON_S + 60).calls, sums.at(NOON_S + 60).music_s) == (0, 9.0)
    assert sums.at(NOON_S + 43_200).music_s == 0.0


async def test_an_owner_sees_usage_and_quotas_and_the_installation_has_none() -> None:
    async with AsyncExitStack() as stack:
        store = OwnedStore(MemoryStore())
        text, key = await ApiKeys(store).issue("Ada")
        settings = Settings(auth="on", service_key="s" * 32, quota_calls_minute=7, quota_storage_bytes=10**6)
        for asks, expected in ((settings, key.owner), (Settings(), "")):
            server = RpcServer("127.0.0.1:0", Authenticator(store, asks), quotas=Quotas(asks, store))
            servicer = owners_of(store, asks)
            server.add("a", lambda inner, it=servicer: owners_pb2_grpc.add_OwnerServiceServicer_to_server(it, inner))
            await server.start()
            stack.push_async_callback(server.stop, 0)
            channel = await stack.enter_async_context(open_channel(server.address, api_key=text))
            stub = owners_pb2_grpc.OwnerServiceStub(channel)
            for _ in range(9):  # more than the quota: who is refused otherwise may still look
                await unary_call(stub.GetUsage(owners_pb2.GetUsageRequest()))
            await asyncio.sleep(3 * MERGED_S)
            found = (await unary_call(stub.GetUsage(owners_pb2.GetUsageRequest()))).usage
            assert found.owner_id == expected
            assert found.calls.limit == (7 if expected else 0)
            assert found.HasField("storage_bytes") == bool(expected)
            assert not found.music_s.HasField("limit")


async def test_rest_shows_the_usage_and_tells_when_a_refused_call_is_possible_again() -> None:
    async with AsyncExitStack() as stack:
        store = OwnedStore(MemoryStore())
        text, key = await ApiKeys(store).issue("Ada")
        settings = Settings(
            auth="on", service_key="s" * 32, quota_calls_minute=3, grpc_addr="127.0.0.1:0", http_addr="127.0.0.1:0"
        )
        server, servicer = build_server(settings, store), owners_of(store, settings)
        server.add("a", lambda inner: owners_pb2_grpc.add_OwnerServiceServicer_to_server(servicer, inner))
        server.add("b", lambda inner: generate_pb2_grpc.add_GenerateServiceServicer_to_server(Making(), inner))
        await server.start()
        stack.push_async_callback(server.stop, 0)
        gateway = settings.model_copy(update={"grpc_addr": server.address})
        url = await stack.enter_async_context(open_gateway(gateway))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=20))
        http.headers["Authorization"] = f"Bearer {text}"
        answers = [await http.get("/v1/models") for _ in range(8)]
        shown = (await http.get("/v1/usage")).json()
    refused = next(each for each in answers if each.status_code == 429)
    assert (shown["owner_id"], shown["calls"]["limit"], shown["music_s"]["limit"]) == (key.owner, 3, None)
    assert refused.json()["reason"] == "CALLS_QUOTA"
    assert 1 <= int(refused.headers["retry-after"]) <= 60

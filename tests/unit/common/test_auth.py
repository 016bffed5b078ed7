"""Authentication: stored key digests, off on loopback, shared service secret."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from resonance.api_keys import ApiKeys
from resonance.errors import InvalidInput, NotFound
from resonance.identity import GUEST, acting_as, current_owner, set_caller_key
from resonance.rpc import Authenticator, RpcServer, auth, open_channel, to_domain_error
from resonance.settings import Settings, read_settings
from resonance.store import MemoryStore
from resonance.store.owned import OwnedStore
from resonance.v1 import generate_pb2, generate_pb2_grpc

SECRET = "s" * 32
ON = Settings(auth="on", service_key=SECRET)


class WhoAmI(generate_pb2_grpc.GenerateServiceServicer):
    """Sends the owner as a model's name, in a response and in a stream."""

    async def GetModel(self, request: Any, context: Any) -> Any:
        return generate_pb2.GetModelResponse(model=generate_pb2.ModelInfo(model_id=current_owner()))

    async def StreamTake(self, request: Any, context: Any) -> AsyncIterator[Any]:
        started = generate_pb2.GenerationStarted(request_id=current_owner())
        yield generate_pb2.StreamTakeResponse(started=started)


@asynccontextmanager
async def open_stub(store: MemoryStore, settings: Settings, **channel: Any) -> AsyncIterator[Any]:
    server = RpcServer("127.0.0.1:0", Authenticator(store, settings))
    server.add(
        "resonance.v1.GenerateService",
        lambda inner: generate_pb2_grpc.add_GenerateServiceServicer_to_server(WhoAmI(), inner),
    )
    await server.start()
    async with open_channel(server.address, **channel) as opened:
        yield generate_pb2_grpc.GenerateServiceStub(opened)
    await server.stop(0)


async def read_owner(stub: Any) -> str:
    once = (await stub.GetModel(generate_pb2.GetModelRequest(), timeout=5)).model.model_id
    async for response in stub.StreamTake(generate_pb2.StreamTakeRequest(request_id="x")):
        assert response.started.request_id == once
    return once


async def read_refusal(stub: Any) -> tuple[str, grpc.StatusCode]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await read_owner(stub)
    return to_domain_error(caught.value).reason, caught.value.code()


async def test_no_key_is_issued_for_the_account_of_guests() -> None:
    with pytest.raises(InvalidInput, match="without a key"):
        await ApiKeys(MemoryStore()).issue("Ada", GUEST)


async def test_a_key_authenticates_its_owner_and_no_other_text_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "_CACHED_S", 0.0)
    store = MemoryStore()
    text, key = await ApiKeys(store).issue("Ada")
    async with open_stub(store, ON, api_key=text) as stub:
        assert await read_owner(stub) == key.owner
        await ApiKeys(store).revoke(key.key_id)
        assert await read_refusal(stub) == ("KEY_NOT_VALID", grpc.StatusCode.UNAUTHENTICATED)
    async with open_stub(store, ON) as stub:
        assert await read_refusal(stub) == ("KEY_REQUIRED", grpc.StatusCode.UNAUTHENTICATED)
    for wrong in ("rk-" + "a" * 52, "x", "rk-ü"):
        assert await ApiKeys(store).find(wrong) is None


async def test_only_the_digest_of_a_key_is_stored() -> None:
    store = MemoryStore()
    text, _ = await ApiKeys(store).issue("Ada")
    kept = [key.encode() + (await store.get(key)).data async for key in store.keys("")]
    assert kept
    assert not any(text.encode() in each or text[3:].encode() in each for each in kept)
    with pytest.raises(NotFound):
        await ApiKeys(store).revoke("a")


async def test_services_share_a_secret_and_send_their_owner() -> None:
    store = MemoryStore()
    async with open_stub(store, ON, service_key=SECRET) as stub:
        with acting_as("u-ada"):
            assert await read_owner(stub) == "u-ada"
        assert await read_owner(stub) == ""
    async with open_stub(store, ON, service_key="t" * 32) as stub:
        assert (await read_refusal(stub))[0] == "WRONG_SERVICE_KEY"
    async with open_stub(store, Settings(auth="on"), service_key="t" * 32) as stub:
        assert (await read_refusal(stub))[0] == "WRONG_SERVICE_KEY"


async def test_a_caller_s_own_key_comes_before_the_service_key() -> None:
    store = MemoryStore()
    text, key = await ApiKeys(store).issue("Ada")
    async with open_stub(store, ON) as stub:
        set_caller_key(text)
        try:
            assert await read_owner(stub) == key.owner
        finally:
            set_caller_key("")


async def test_where_no_keys_are_required_no_caller_can_name_another_owner() -> None:
    async with open_stub(MemoryStore(), Settings(), service_key=SECRET) as stub:
        with acting_as("u-ada"):
            assert await read_owner(stub) == ""


async def test_a_gateway_that_requires_keys_refuses_services_that_do_not() -> None:
    async with open_stub(MemoryStore(), Settings(), must_check=True) as stub:
        assert (await read_refusal(stub))[0] == "KEYS_NOT_CHECKED"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"http_addr": "0.0.0.0:8000"}, True),
        ({"grpc_addr": "[::]:50051"}, True),
        ({"http_addr": "0.0.0.0:8000", "auth": "off"}, False),
        ({"auth": "on"}, True),
        ({"http_addr": "localhost:1", "grpc_addr": "[::1]:2"}, False),
    ],
)
def test_keys_are_required_as_soon_as_an_address_is_not_on_loopback(changes: dict[str, str], expected: bool) -> None:
    assert Settings(**changes).asks_for_keys is expected  # type: ignore[arg-type]


def test_a_service_without_a_secret_does_not_start_where_keys_are_required() -> None:
    with pytest.raises(InvalidInput, match="RESONANCE_SERVICE_KEY"):
        Settings(auth="on").check_shared_settings()
    with pytest.raises(InvalidInput, match="SERVICE_KEY"):
        read_settings({"RESONANCE_SERVICE_KEY": "short"})


async def test_an_owner_s_objects_lie_below_the_owner_and_are_hidden_from_others() -> None:
    inner = MemoryStore()
    store = OwnedStore(inner)
    await store.put("concepts/m/energy.json", b"slider")
    for name in ("u-a", "u-b"):
        with acting_as(name):
            await store.create("takes/x", name.encode())
            await store.put("tracks/shared", b"same")
    assert sorted([key async for key in inner.keys("")]) == [
        "concepts/m/energy.json",
        "tracks/shared",
        "users/u-a/takes/x",
        "users/u-b/takes/x",
    ]
    with acting_as("u-a"):
        assert (await store.get("takes/x")).data == b"u-a"
        assert (await store.get("concepts/m/energy.json")).data == b"slider"
        await store.put("concepts/m/rain.json", b"mine")
        assert [key async for key in store.keys("concepts/m/")] == ["concepts/m/energy.json", "concepts/m/rain.json"]
        await store.delete("concepts/m/energy.json")
    with acting_as("u-b"):
        assert [key async for key in store.keys("concepts/m/")] == ["concepts/m/energy.json"]
        with pytest.raises(NotFound):
            await store.get("concepts/m/rain.json")
    with pytest.raises(NotFound):
        await store.get("takes/x")

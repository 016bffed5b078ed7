"""API keys: scopes on every method, ends, last use, rotation, and what other versions wrote."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from typer.testing import CliRunner

from resonance import api_keys
from resonance.api_keys import ApiKey, ApiKeys
from resonance.errors import FailedPrecondition, InvalidInput, PermissionDenied, Unauthenticated
from resonance.ids import sha256_hex
from resonance.rpc import Authenticator, RpcServer, open_channel, scopes
from resonance.rpc.calls import unary_call
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.store.keys import API_KEY_USES, api_key_key
from resonance.v1 import (
    extract_pb2,
    extract_pb2_grpc,
    generate_pb2,
    generate_pb2_grpc,
    ingest_pb2,
    owners_pb2,
    rooms_pb2,
    shares_pb2,
    speech_pb2,
    video_pb2,
)
from resonance_cli.commands import app

ON = Settings(auth="on", service_key="s" * 32)


def sent(text: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {text}")]


def test_every_method_of_every_service_has_a_scope_and_no_other_name_has_one() -> None:
    names = set()
    for module in (
        extract_pb2,
        generate_pb2,
        ingest_pb2,
        owners_pb2,
        rooms_pb2,
        rooms_pb2,
        shares_pb2,
        speech_pb2,
        video_pb2,
    ):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        names |= {f"/{file.package}.{one.name}/{method.name}" for one in file.service for method in one.method}
    assert set(scopes._SCOPES) == names
    changing = {name for name in names if re.search(r"/(Delete|Cancel|Create|Update|Submit|Upload|Write|Revoke)", name)}
    assert {scopes.scope_of(name) for name in changing} == {"make"}
    assert scopes.scope_of("/resonance.v1.NewService/New") == "operate"


class Services(generate_pb2_grpc.GenerateServiceServicer, extract_pb2_grpc.ExtractServiceServicer):
    """One method of each scope."""

    async def GetModel(self, request: object, context: object) -> generate_pb2.GetModelResponse:
        return generate_pb2.GetModelResponse()

    async def DeleteTake(self, request: object, context: object) -> generate_pb2.DeleteTakeResponse:
        return generate_pb2.DeleteTakeResponse()

    async def StartAdoption(self, request: object, context: object) -> extract_pb2.StartAdoptionResponse:
        return extract_pb2.StartAdoptionResponse()


@pytest.mark.parametrize(
    ("held", "refused"),
    [
        (["listen"], ["SCOPE_MISSING", "OPERATORS_ONLY"]),
        (["listen", "make"], ["OPERATORS_ONLY"]),
        (["make"], ["OPERATORS_ONLY"]),
        (["operate"], ["SCOPE_MISSING"]),
        (["listen", "make", "operate"], []),
    ],
)
async def test_a_key_may_do_what_its_scopes_say(held: list[str], refused: list[str]) -> None:
    store = MemoryStore()
    text, _ = await ApiKeys(store).issue("Ada", scopes=held)
    server, servicer = RpcServer("127.0.0.1:0", Authenticator(store, ON)), Services()
    server.add("a", lambda inner: generate_pb2_grpc.add_GenerateServiceServicer_to_server(servicer, inner))
    server.add("b", lambda inner: extract_pb2_grpc.add_ExtractServiceServicer_to_server(servicer, inner))
    await server.start()
    reasons = []
    async with open_channel(server.address, api_key=text) as channel:
        generate = generate_pb2_grpc.GenerateServiceStub(channel)
        extract = extract_pb2_grpc.ExtractServiceStub(channel)
        for call in (
            generate.GetModel(generate_pb2.GetModelRequest()),
            generate.DeleteTake(generate_pb2.DeleteTakeRequest(request_id="x")),
            extract.StartAdoption(extract_pb2.StartAdoptionRequest()),
        ):
            try:
                await unary_call(call)
            except PermissionDenied as failure:
                reasons.append(failure.reason)
    await server.stop(0)
    assert reasons == refused


async def test_a_key_ends_also_while_it_is_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    authenticator = Authenticator(store, ON)
    text, key = await ApiKeys(store).issue("Ada", lasts_s=100)
    assert (await authenticator.authenticate(sent(text))).owner == key.owner
    now_s = time.time()
    monkeypatch.setattr("resonance.rpc.auth.time.time", lambda: now_s + 101)
    with pytest.raises(Unauthenticated) as caught:
        await authenticator.authenticate(sent(text))
    assert caught.value.reason == "KEY_EXPIRED"


async def test_the_last_use_is_written_once_in_minutes_and_never_brings_a_key_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MemoryStore()
    keys = ApiKeys(store)
    written: list[str] = []
    put = store.put

    async def counted(key: str, data: bytes) -> str:
        written.append(key)
        return await put(key, data)

    monkeypatch.setattr(store, "put", counted)
    text, key = await keys.issue("Ada")
    written.clear()
    assert await keys.last_use_s(key.key_id) is None
    authenticator = Authenticator(store, ON)
    for _ in range(50):
        await authenticator.authenticate(sent(text))
        await asyncio.sleep(0)
    assert written == [f"{API_KEY_USES}{key.key_id}"]
    assert abs((await keys.last_use_s(key.key_id) or 0) - time.time()) < 5
    await keys.revoke(key.key_id)
    await keys.note_use(key.key_id)
    assert await keys.find(text) is None
    assert await keys.owners() == [key.owner], "the owner's objects stay, and are found"


async def test_rotation_keeps_owner_and_scopes_and_lets_the_old_key_end_later() -> None:
    keys = ApiKeys(MemoryStore())
    old_text, old = await keys.issue("Ada", scopes=["listen"])
    new_text, new = await keys.rotate(old.key_id, kept_s=3600)
    assert (new.owner, new.scopes, new.name, new.ends_s) == (old.owner, ("listen",), "Ada", 0)
    assert new_text != old_text
    found = await keys.find(old_text)
    assert found is not None
    assert 3590 < found.ends_s - time.time() <= 3600
    await keys.rotate(old.key_id, kept_s=10 * 3600)
    assert (await keys.find(old_text)) == found, "a second rotation makes no key last longer"
    await keys.rotate(new.key_id, kept_s=0)
    with pytest.raises(FailedPrecondition):
        await keys.rotate(new.key_id, kept_s=0)


async def test_a_key_of_an_older_version_is_read_and_one_of_a_newer_version_too() -> None:
    store = MemoryStore()
    text, key = await ApiKeys(store).issue("Ada")
    where = api_key_key(sha256_hex(text.encode()))
    plain = json.loads((await store.get(where)).data)
    assert plain.keys() == {"key_id", "owner", "name", "created_s"}, "as an older version wrote and reads it"
    await store.put(where, json.dumps(plain | {"colour": "blue"}).encode())
    assert await ApiKeys(store).find(text) == key
    assert key == ApiKey(key_id=key.key_id, owner=key.owner, name="Ada", created_s=key.created_s)


@pytest.mark.parametrize("wrong", [["dance"], [], ["listen", ""]])
async def test_scopes_that_do_not_exist_are_refused(wrong: list[str]) -> None:
    with pytest.raises(InvalidInput, match="listen, make, operate"):
        await ApiKeys(MemoryStore()).issue("Ada", scopes=wrong)
    assert api_keys.check_scopes(["make", "listen"]) == ("listen", "make")


def resonance(folder: Path, *arguments: str) -> str:
    run = CliRunner().invoke(app, ["keys", *arguments], env={"RESONANCE_DATA_DIR": str(folder), "COLUMNS": "200"})
    assert run.exit_code == 0, run.output
    return run.stdout


def test_the_command_line_adds_lists_rotates_and_revokes(tmp_path: Path) -> None:
    text = resonance(tmp_path, "add", "Ada", "--scope", "listen", "--days", "30").strip()
    key_id = sha256_hex(text.encode())[:12]
    line = resonance(tmp_path, "list").strip()
    assert re.fullmatch(rf"{key_id}  u-\w+  listen  ends \d{{4}}-\d\d-\d\d \d\d:\d\d UTC  never used  Ada", line)
    new = resonance(tmp_path, "rotate", key_id, "--keep-hours", "0").strip()
    lines = resonance(tmp_path, "list").splitlines()
    assert len({line.split()[1] for line in lines}) == 1
    assert [" ended " in line for line in lines if line.startswith(key_id)] == [True]
    resonance(tmp_path, "revoke", key_id)
    assert resonance(tmp_path, "list").startswith(sha256_hex(new.encode())[:12])

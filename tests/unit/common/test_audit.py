"""Audit log: one line for each change, with ids and without words or secrets; none for reading."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from resonance.api_keys import ApiKeys
from resonance.errors import NotFound, PermissionDenied
from resonance.identity import acting_as
from resonance.rpc import Authenticator, RpcServer, open_channel
from resonance.rpc.calls import stream_call, unary_call
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.telemetry.audit import configure_audit, find_ids
from resonance.v1 import extract_pb2, generate_pb2, generate_pb2_grpc, ingest_pb2, jobs_pb2, shares_pb2
from resonance_cli.commands import app

SECRET = "s" * 32


class Takes(generate_pb2_grpc.GenerateServiceServicer):
    """Takes without music; there is none named `none`."""

    async def GetModel(self, request: Any, context: Any) -> Any:
        return generate_pb2.GetModelResponse()

    async def Generate(self, request: Any, context: Any) -> AsyncIterator[Any]:
        started = generate_pb2.GenerationStarted(request_id=request.request_id or "r-made-here")
        yield generate_pb2.GenerateResponse(started=started)

    async def DeleteTake(self, request: Any, context: Any) -> Any:
        if request.request_id == "none":
            raise NotFound("there is no take none", reason="NO_SUCH_TAKE")
        return generate_pb2.DeleteTakeResponse()


async def test_changes_have_a_line_with_who_what_and_outcome_and_reading_has_none(tmp_path: Path) -> None:
    file, store = tmp_path / "audit.log", MemoryStore()
    text, key = await ApiKeys(store).issue("Ada")
    listening, listener = await ApiKeys(store).issue("Bob", scopes=["listen"])
    settings = Settings(auth="on", service_key=SECRET, audit_file=file, log_level="error")
    async with AsyncExitStack() as stack:
        configure_audit(settings, stack)
        server = RpcServer("127.0.0.1:0", Authenticator(store, settings))
        server.add("a", lambda inner: generate_pb2_grpc.add_GenerateServiceServicer_to_server(Takes(), inner))
        await server.start()
        stack.push_async_callback(server.stop, 0)
        stubs = [
            generate_pb2_grpc.GenerateServiceStub(await stack.enter_async_context(open_channel(server.address, **how)))
            for how in ({"api_key": text}, {"api_key": listening}, {"service_key": SECRET})
        ]
        delete = generate_pb2.DeleteTakeRequest(request_id="t1")
        await unary_call(stubs[0].GetModel(generate_pb2.GetModelRequest()))
        await unary_call(stubs[0].DeleteTake(delete, metadata=[("x-request-id", "my-request")]))
        request = generate_pb2.GenerateRequest(duration_s=1)
        request.recipe.prompts.add(text="my secret song", weight=1.0)
        async for _ in stream_call(stubs[0].Generate(request)):
            pass
        with pytest.raises(NotFound):
            await unary_call(stubs[0].DeleteTake(generate_pb2.DeleteTakeRequest(request_id="none")))
        with pytest.raises(PermissionDenied):
            await unary_call(stubs[1].DeleteTake(delete))
        with acting_as(key.owner):
            await unary_call(stubs[2].DeleteTake(delete))
    written = file.read_text()
    lines = [json.loads(line) for line in written.splitlines()]
    assert [(each["act"], each["key_id"], each["outcome"]) for each in lines] == [
        ("GenerateService/DeleteTake", key.key_id, "OK"),
        ("GenerateService/Generate", key.key_id, "OK"),
        ("GenerateService/DeleteTake", key.key_id, "NOT_FOUND"),
        ("GenerateService/DeleteTake", listener.key_id, "PERMISSION_DENIED"),
    ]
    assert [each["objects"] for each in lines[:2]] == [{"request_id": "t1"}, {"request_id": "r-made-here"}]
    assert lines[0]["request_id"] == "my-request"
    assert {each["owner"] for each in lines} == {key.owner, listener.owner}
    assert lines[2]["reason"] == "NO_SUCH_TAKE"
    for secret in (text, listening, SECRET, "secret song"):
        assert secret not in written


def test_only_ids_are_kept_of_a_message() -> None:
    link = shares_pb2.ShareLink(share_link_id="5" * 64, token="t0ken", direct_url="https://x")
    assert find_ids(shares_pb2.CreateShareLinkResponse(share_link=link)) == {"share_link_id": "5" * 64}
    job = jobs_pb2.Job(job_id="j-1", title="private")
    assert find_ids(ingest_pb2.SubmitPlaylistResponse(job=job)) == {"job_id": "j-1"}
    concept = extract_pb2.ComputeConceptRequest(name="private")
    assert find_ids(concept) == {}
    assert find_ids(generate_pb2.DeleteTakeRequest(request_id="a b\n")) == {}
    assert find_ids(iter(())) == {}


def test_changes_of_keys_have_lines_without_the_keys(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    environment = {"RESONANCE_DATA_DIR": str(tmp_path / "data"), "RESONANCE_AUDIT_FILE": str(file)}

    def keys(*arguments: str) -> str:
        run = CliRunner().invoke(app, ["keys", *arguments], env=environment)
        assert run.exit_code == 0, run.output
        return run.stdout.strip()

    text = keys("add", "Ada")
    key_id = keys("list").split()[0]
    new = keys("rotate", key_id)
    keys("revoke", key_id)
    written = file.read_text()
    lines = [json.loads(line) for line in written.splitlines()]
    assert [each["act"] for each in lines] == ["keys/add", "keys/rotate", "keys/revoke"]
    assert lines[1]["objects"]["rotated_key_id"] == lines[0]["objects"]["key_id"] == key_id
    assert {each["key_id"] for each in lines} == {"operator"}
    assert text not in written
    assert new not in written

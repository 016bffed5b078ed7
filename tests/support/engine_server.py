"""Workflow engine for tests that do not stop it: one server a session."""

from __future__ import annotations

import asyncio
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2, health_pb2_grpc
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from resonance.durable.dev_server import find_program, server_command

_READY_S_MAX = 60.0


@pytest.fixture(scope="session")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`RESONANCE_ENGINE` of a running server. Its work is kept apart by ids and task queues."""
    file = tmp_path_factory.mktemp("engine") / "engine.db"
    process, port = _start(file)
    try:
        yield f"temporal://127.0.0.1:{port}/default"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
async def own_engine(engine_url: str) -> str:
    """`RESONANCE_ENGINE` of a namespace of its own, for tests whose work has the ids of other tests' work."""
    return await open_namespace(engine_url)


async def open_namespace(engine_url: str) -> str:
    """Adds a namespace to the running server; its address."""
    target, namespace = engine_url.removeprefix("temporal://").partition("/")[0], f"n-{secrets.token_hex(8)}"
    request = RegisterNamespaceRequest(
        namespace=namespace, workflow_execution_retention_period=Duration(seconds=86_400)
    )
    async with asyncio.timeout(_READY_S_MAX):
        while True:  # its port is open before it answers
            try:
                client = await Client.connect(target)
                await client.workflow_service.register_namespace(request)
                return f"temporal://{target}/{namespace}"
            except (RuntimeError, RPCError):
                await asyncio.sleep(0.2)


def _start(file: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A server that answers, and its port. Where another process takes the free port first, the server ends and another port is tried."""
    until_s = time.monotonic() + _READY_S_MAX
    while time.monotonic() < until_s:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = subprocess.Popen(
            server_command(find_program(), port, file), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and time.monotonic() < until_s:
            if _answers(port):
                return process, port
            time.sleep(0.05)
        process.kill()
        process.wait()
    raise RuntimeError("the workflow engine of the tests does not start")


def _answers(port: int) -> bool:
    """True where the engine's own health service answers at the port, and not another server."""
    request = health_pb2.HealthCheckRequest(service="temporal.api.workflowservice.v1.WorkflowService")
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=5)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

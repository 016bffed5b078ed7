"""Workflow engine for tests that do not stop it: one server a session."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from resonance.durable.dev_server import find_program, server_command

_READY_S_MAX = 60.0


@pytest.fixture(scope="session")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`RESONANCE_ENGINE` of a running server. Its work is kept apart by ids and task queues."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = tmp_path_factory.mktemp("engine") / "engine.db"
    process = subprocess.Popen(
        server_command(find_program(), port, file), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_until_open(process, port)
        yield f"temporal://127.0.0.1:{port}/default"
    finally:
        process.kill()
        process.wait()


def _wait_until_open(process: subprocess.Popen[bytes], port: int) -> None:
    until_s = time.monotonic() + _READY_S_MAX
    while time.monotonic() < until_s and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the workflow engine of the tests does not start")

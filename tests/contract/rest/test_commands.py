"""CLI commands send the API key of the settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.contract.rest.script import Script
from tests.contract.rest.scripted import start_services
from typer.testing import CliRunner

from resonance.api_keys import ApiKeys
from resonance.rpc import Authenticator
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance_cli.commands import app

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def keyed() -> AsyncIterator[dict[str, str]]:
    """An environment for commands, with a key that the services know."""
    store = MemoryStore()
    key, _ = await ApiKeys(store).issue("anna")
    services = await start_services(Script(), authenticator=Authenticator(store, Settings(auth="on")))
    yield {"RESONANCE_API_KEY": key, "RESONANCE_GRPC_ADDR": services.address}
    await services.stop(0)


async def run(command: str, environment: dict[str, str]) -> tuple[int, str]:
    """The exit code and the output of a command, run in this process in a thread of its own."""
    result = await asyncio.to_thread(CliRunner().invoke, app, command.split(), env=environment)
    return result.exit_code, result.output


@pytest.mark.parametrize(
    "command",
    [
        "models",
        "concepts",
        "make calm --duration-s 1",
        "perform calm --duration-s 1",
        "taste https://youtu.be/x",
        "refine faster",
        "bench load --rate-hz 3 --duration-s 2 --take-s 1",
    ],
)
async def test_every_command_sends_the_key(
    keyed: dict[str, str], command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, output = await run(command, keyed)
    assert (status, "KEY_REQUIRED" in output) == (0, False), output


async def test_without_a_key_a_command_fails_with_key_required(
    keyed: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, output = await run("perform calm", keyed | {"RESONANCE_API_KEY": ""})
    assert (status, "KEY_REQUIRED" in output) == (1, True), output

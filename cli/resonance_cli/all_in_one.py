"""Everything in one process: three services on one gRPC port over one loaded model, and the gateway before them."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import uvicorn

from resonance.rpc import RpcServer
from resonance.settings import Settings
from resonance.store import open_store
from resonance_extract.build import open_extract
from resonance_gateway.app import build_app
from resonance_generate.build import open_generate
from resonance_ingest.build import open_ingest
from resonance_model.loaders import load_model

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Where the process really listens (a port 0 in the settings has become a real one)."""

    http_url: str
    grpc_address: str


@asynccontextmanager
async def all_in_one(settings: Settings, say: Say = lambda _: None) -> AsyncIterator[Running]:
    """Runs the whole system until the context ends; `say` is told what is being done.

    Raises:
        OSError: an address is taken.
        ResonanceError: the model or the store cannot be opened.
    """
    async with AsyncExitStack() as stack:
        say(f"opening the object store {settings.store_url}")
        store = await open_store(settings)
        stack.push_async_callback(store.close)
        say(f"loading the model {settings.model}")
        model = await asyncio.to_thread(load_model, settings)
        say(f"model ready: {model.facts.model_id} through {model.facts.backend}, {model.facts.precision}")
        server = RpcServer(settings.grpc_addr)
        settings = replace(settings, grpc_addr=await server.bind())
        for parts in (
            await stack.enter_async_context(open_generate(settings, store, model)),
            await stack.enter_async_context(open_extract(settings, store, model)),
            await stack.enter_async_context(open_ingest(settings, store)),
        ):
            parts.add_to(server)
        await server.start()
        stack.push_async_callback(server.stop, settings.drain_s_max)
        say(f"gRPC on {server.address}")
        http = await stack.enter_async_context(_gateway(settings))
        yield Running(http_url=f"http://{http}", grpc_address=server.address)


class _Gateway(uvicorn.Server):
    """uvicorn without signal handlers of its own: the process has one set, and ends the parts in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _gateway(settings: Settings) -> AsyncIterator[str]:
    host, _, port = settings.http_addr.rpartition(":")
    config = uvicorn.Config(
        build_app(settings),
        host=host.strip("[]"),
        port=int(port),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(settings.drain_s_max),
    )
    sock = config.bind_socket()
    bound = f"{host}:{sock.getsockname()[1]}"
    server = _Gateway(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has a flag, not an event
            await asyncio.sleep(0.01)
        yield bound
    finally:
        server.should_exit = True
        with contextlib.suppress(SystemExit):
            await serving
        sock.close()


def quiet_libraries() -> None:
    """Keeps libraries of the model from printing progress of their own. Called before they are imported."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

"""All-in-one process: all services, one model, the gateway."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from resonance.durable import Engine
from resonance.places import bind_socket
from resonance.rpc import build_server
from resonance.settings import Settings
from resonance.store import open_store
from resonance_extract.build import open_extract
from resonance_gateway.build import open_gateway
from resonance_generate.build import open_generate
from resonance_ingest.build import open_ingest
from resonance_model.loaders import load_model
from resonance_speech.build import open_speech
from resonance_video.build import open_video

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The addresses the process listens on; port 0 of the settings is replaced by the real port."""

    http_url: str
    grpc_address: str


@asynccontextmanager
async def all_in_one(settings: Settings, say: Say = lambda _: None) -> AsyncIterator[Running]:
    """Runs the whole system until the context ends; `say` gets a line for each step of the start.

    Raises:
        OSError: an address is taken.
        ResonanceError: the model or the store cannot be opened.
    """
    async with AsyncExitStack() as stack:
        settings = settings.model_copy(update={"service_key": settings.service_key or secrets.token_hex(32)})
        http_socket = stack.enter_context(bind_socket(settings.http_addr, setting="RESONANCE_HTTP_ADDR"))
        say(f"opening the object store {settings.store_url}")
        store = await open_store(settings)
        stack.push_async_callback(store.close)
        asks_for_keys = settings.asks_for_keys
        server = build_server(settings, store)
        stack.push_async_callback(server.stop, 0.0)  # also where the start fails; a second stop does nothing
        settings = settings.model_copy(
            update={"grpc_addr": await server.bind(), "auth": "on" if asks_for_keys else "off"}
        )
        say(f"loading the model {settings.model}")
        model = await asyncio.to_thread(load_model, settings)
        say(
            f"model ready: {model.description.model_id} through {model.description.backend}, {model.description.precision}"
        )
        engine = Engine(settings)  # of all services; it is closed before them, and again where the start fails
        stack.push_async_callback(engine.close)
        generate = await stack.enter_async_context(open_generate(settings, store, model))
        has_listeners = lambda: generate.engine.has_listeners  # noqa: E731
        for parts in (
            generate,
            await stack.enter_async_context(
                open_extract(settings, store, model, has_listeners=has_listeners, engine=engine)
            ),
            await stack.enter_async_context(open_ingest(settings, store, engine=engine)),
            await stack.enter_async_context(open_speech(settings, store)),
            await stack.enter_async_context(open_video(settings, store, engine=engine)),
        ):
            parts.add_to(server)
        stack.push_async_callback(engine.close)
        await server.start()
        say(f"gRPC on {server.address}")
        # HTTP and gRPC stop at the same time and share one drain period, because a take's stream runs through both.
        stopping: list[asyncio.Task[None]] = []
        stack.push_async_callback(lambda: asyncio.gather(*stopping))
        http_url = await stack.enter_async_context(open_gateway(settings, http_socket))
        stack.callback(lambda: stopping.append(asyncio.create_task(server.stop(settings.drain_s_max))))
        yield Running(http_url=http_url, grpc_address=server.address)

"""All-in-one process: all services, one model, the gateway."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from resonance.durable import Engine
from resonance.errors import FailedPrecondition
from resonance.extras import missing_extra
from resonance.places import bind_socket
from resonance.rpc import build_server
from resonance.settings import Settings
from resonance.store import open_store

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
        try:
            from resonance_app import parts
        except ModuleNotFoundError as failure:
            if not (told := missing_extra(failure, "all")):
                raise
            raise FailedPrecondition(told) from None
        say(f"loading the model {settings.model}")
        model = await asyncio.to_thread(parts.load_model, settings)
        say(
            f"model ready: {model.description.model_id} through {model.description.backend}, {model.description.precision}"
        )
        engine = Engine(settings)  # of all services; it is closed before them, and again where the start fails
        stack.push_async_callback(engine.close)
        generate = await stack.enter_async_context(parts.open_generate(settings, store, model))
        has_listeners = lambda: generate.engine.has_listeners  # noqa: E731
        for service in (
            generate,
            await stack.enter_async_context(
                parts.open_extract(settings, store, model, has_listeners=has_listeners, engine=engine)
            ),
            await stack.enter_async_context(parts.open_ingest(settings, store, engine=engine)),
            await stack.enter_async_context(parts.open_speech(settings, store)),
            await stack.enter_async_context(parts.open_video(settings, store, engine=engine)),
        ):
            service.add_to(server)
        stack.push_async_callback(engine.close)
        await server.start()
        say(f"gRPC on {server.address}")
        # HTTP and gRPC stop at the same time and share one drain period, because a take's stream runs through both.
        stopping: list[asyncio.Task[None]] = []
        stack.push_async_callback(lambda: asyncio.gather(*stopping))
        http_url = await stack.enter_async_context(parts.open_gateway(settings, http_socket))
        stack.callback(lambda: stopping.append(asyncio.create_task(server.stop(settings.drain_s_max))))
        yield Running(http_url=http_url, grpc_address=server.address)

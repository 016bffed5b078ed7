"""`python -m resonance_generate`: the generate service as a process."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from resonance.process import run_process
from resonance.rpc import Authenticator, RpcServer
from resonance.settings import Settings
from resonance.store import open_store
from resonance_generate.build import open_generate
from resonance_model.loaders import load_model


async def _serve(settings: Settings, stack: AsyncExitStack) -> None:
    settings.check_service_key()
    model = await asyncio.to_thread(load_model, settings)
    store = await open_store(settings)
    stack.push_async_callback(store.close)
    parts = await stack.enter_async_context(open_generate(settings, store, model))
    server = RpcServer(settings.grpc_addr, Authenticator(store, settings))
    parts.add_to(server)
    await server.start()
    stack.push_async_callback(server.stop, settings.drain_s_max)


if __name__ == "__main__":
    run_process(_serve)

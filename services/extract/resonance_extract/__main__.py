"""`python -m resonance_extract`: the extract service alone."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from resonance.extras import missing_extra_named
from resonance.process import run_process
from resonance.rpc import build_server
from resonance.settings import Settings
from resonance.store import open_store

with missing_extra_named("extract"):
    from resonance_extract.build import open_extract
    from resonance_model.loaders import load_model


async def _serve(settings: Settings, stack: AsyncExitStack) -> None:
    settings.check_shared_settings()
    store = await open_store(settings)
    stack.push_async_callback(store.close)
    server = build_server(settings, store)
    await server.bind()  # before the model is loaded, which takes long: a taken address is told at once
    stack.push_async_callback(server.stop, 0.0)
    model = await asyncio.to_thread(load_model, settings)
    parts = await stack.enter_async_context(open_extract(settings, store, model))
    parts.add_to(server)
    await server.start()
    stack.push_async_callback(server.stop, settings.drain_s_max)


if __name__ == "__main__":
    run_process("extract", _serve)

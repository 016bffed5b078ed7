"""`python -m resonance_speech`: the speech service alone."""

from __future__ import annotations

from contextlib import AsyncExitStack

from resonance.extras import missing_extra_named
from resonance.process import run_process
from resonance.rpc import build_server
from resonance.settings import Settings
from resonance.store import open_store

with missing_extra_named("speech"):
    from resonance_speech.build import open_speech


async def _serve(settings: Settings, stack: AsyncExitStack) -> None:
    settings.check_shared_settings()
    store = await open_store(settings)  # the authenticator reads API keys from it
    stack.push_async_callback(store.close)
    speech = await stack.enter_async_context(open_speech(settings, store))
    server = build_server(settings, store)
    speech.add_to(server)
    await server.start()
    stack.push_async_callback(server.stop, settings.drain_s_max)


if __name__ == "__main__":
    run_process("speech", _serve)

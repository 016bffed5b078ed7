"""`python -m resonance_ingest`: ingest as a process of its own."""

from __future__ import annotations

import asyncio
import signal
import sys

from resonance.errors import ResonanceError
from resonance.rpc import RpcServer
from resonance.settings import Settings, read_settings
from resonance.store import open_store
from resonance.telemetry.logs import configure_logs
from resonance_ingest.build import open_ingest


def main() -> None:
    try:
        settings = read_settings()
        configure_logs(log_format=settings.log_format, level=settings.log_level)
        asyncio.run(serve(settings))
    except (ResonanceError, OSError) as failure:
        sys.exit(f"resonance_ingest: {failure}")


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then drains."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    store = await open_store(settings)
    try:
        async with open_ingest(settings, store) as ingest:
            server = RpcServer(settings.grpc_addr)
            ingest.add_to(server)
            await server.start()
            await stop.wait()
            await server.stop(settings.drain_s_max)
    finally:
        await store.close()


if __name__ == "__main__":
    main()

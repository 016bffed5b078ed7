"""Process lifecycle: settings, logs, start and reverse shutdown at SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from resonance.any_text import accept_any_text
from resonance.errors import ResonanceError
from resonance.settings import Settings, read_settings
from resonance.telemetry.audit import configure_audit
from resonance.telemetry.logs import configure_logs
from resonance.telemetry.metrics import serve_metrics
from resonance.telemetry.traces import configure_traces


def run_process(service: str, start: Callable[[Settings, AsyncExitStack], Awaitable[None]]) -> None:
    """Runs `start` as a process of this name, waits for SIGTERM or SIGINT, and closes the stack.

    Exits with 1 where the parts cannot start.
    """
    accept_any_text()
    try:
        settings = read_settings()
    except ResonanceError as failure:
        sys.exit(failure.message)
    configure_logs(log_format=settings.log_format, level=settings.log_level)
    try:
        asyncio.run(_run(settings, service, start))
    except (ResonanceError, OSError) as failure:
        sys.exit(f"resonance: {failure}")


async def _run(settings: Settings, service: str, start: Callable[[Settings, AsyncExitStack], Awaitable[None]]) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        serve_metrics(settings, stack)
        configure_traces(settings, stack, service=service)
        configure_audit(settings, stack)
        started = asyncio.ensure_future(start(settings, stack))
        waiting = asyncio.ensure_future(stopped.wait())
        await asyncio.wait({started, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not started.done():
            started.cancel()
            await asyncio.wait({started})
        else:
            await started
            await waiting
        waiting.cancel()

"""Entry point of the gateway alone."""

from __future__ import annotations

from contextlib import AsyncExitStack

import structlog

from resonance.extras import missing_extra_named
from resonance.process import run_process
from resonance.settings import Settings

with missing_extra_named("gateway"):
    from resonance_gateway.build import open_gateway


async def _serve(settings: Settings, stack: AsyncExitStack) -> None:
    url = await stack.enter_async_context(open_gateway(settings))
    structlog.get_logger("gateway").info("serving", url=url)


if __name__ == "__main__":
    run_process("gateway", _serve)

"""The gateway before scripted services, started by hand.

`python -m tests.contract.rest.serve HTTP_PORT [CHUNK_WAIT_S]`
"""

from __future__ import annotations

import asyncio
import sys

from tests.contract.rest.script import Script
from tests.contract.rest.scripted import start_services

from resonance.settings import Settings
from resonance_gateway.build import open_gateway


async def serve(port: int, chunk_wait_s: float) -> None:
    """Serves until it is stopped."""
    services = await start_services(Script(chunk_wait_s=chunk_wait_s, job_wait_s=0.6))
    settings = Settings(http_addr=f"127.0.0.1:{port}", grpc_addr=services.address)
    async with open_gateway(settings) as url:
        sys.stdout.write(f"{url}\n")
        await services.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.1))

"""The gateway on a listening socket.

Used by `__main__`, by the all-in-one process and by tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvicorn

from resonance.places import bind_socket
from resonance.settings import Settings
from resonance_gateway.app import build_app
from resonance_gateway.routes.recipes import MELODY_TEXT_MAX

# uvicorn pings every WebSocket after PING_S and closes it where no pong comes within PONG_S_MAX. A client that never reads
# sends no pong, so it holds a performance's slot no longer than both together. A browser answers pings by itself.
PING_S = 20.0
PONG_S_MAX = 20.0


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: `run_process` handles signals and stops the parts in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def open_gateway(settings: Settings, bound: socket.socket | None = None) -> AsyncIterator[str]:
    """The gateway, serving until the context ends; yields its URL (port 0 has become a real one).

    `bound` is a socket that the caller has bound to `settings.http_addr` already; this context closes it.

    Raises:
        OSError: the address is taken.
    """
    host, _, port = settings.http_addr.rpartition(":")
    config = uvicorn.Config(
        build_app(settings),
        host=host.strip("[]"),
        port=int(port),
        log_level="warning",
        access_log=False,
        server_header=False,
        # X-Forwarded-For and X-Forwarded-Proto count from these addresses alone, and from none by default.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        ws="websockets-sansio",
        ws_max_size=settings.json_bytes_max + MELODY_TEXT_MAX,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PONG_S_MAX,
        timeout_graceful_shutdown=round(settings.drain_s_max),
    )
    with bound or bind_socket(settings.http_addr, setting="RESONANCE_HTTP_ADDR") as sock:
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            while not server.started and not serving.done():  # noqa: ASYNC110  (uvicorn has only a flag for it)
                await asyncio.sleep(0.01)
            if serving.done():
                serving.result()
                raise OSError(
                    f"cannot listen on {settings.http_addr}: it is taken; name another place with RESONANCE_HTTP_ADDR"
                )
            yield f"http://{host}:{sock.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving

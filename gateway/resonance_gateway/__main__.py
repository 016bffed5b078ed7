"""`python -m resonance_gateway`: the gateway alone, in front of services that run elsewhere."""

from __future__ import annotations

import sys

import structlog
import uvicorn

from resonance.errors import InvalidInput
from resonance.settings import Settings, read_settings
from resonance.telemetry.logs import configure_logs
from resonance_gateway.app import build_app


def server_of(settings: Settings) -> uvicorn.Server:
    """A server that is not running yet; the all-in-one process runs it beside the services."""
    host, _, port = settings.http_addr.rpartition(":")
    config = uvicorn.Config(
        build_app(settings),
        host=host.strip("[]"),
        port=int(port),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(settings.drain_s_max),
    )
    return uvicorn.Server(config)


def main() -> int:
    """Reads the settings, then serves until SIGTERM or SIGINT."""
    try:
        settings = read_settings()
    except InvalidInput as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    configure_logs(log_format=settings.log_format, level=settings.log_level)
    structlog.get_logger("gateway").info("serving", url=f"http://{settings.http_addr}")
    server_of(settings).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())

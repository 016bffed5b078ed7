"""Prometheus metrics of every service.

Metrics of one service alone are defined in the module that measures them.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from prometheus_client import Histogram, start_http_server

from resonance.places import check_address
from resonance.settings import Settings

RPC_SECONDS = Histogram(
    "resonance_rpc_seconds",
    "Time from a call's arrival to its end, by method and code; for streams the whole stream.",
    labelnames=("method", "code"),
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300),
)


def serve_metrics(settings: Settings, stack: AsyncExitStack) -> None:
    """Serves the Prometheus page at `settings.metrics_addr`, where one is set, until the stack closes."""
    if not settings.metrics_addr:
        return
    check_address(settings.metrics_addr, setting="RESONANCE_METRICS_ADDR")
    host, _, port = settings.metrics_addr.rpartition(":")
    server, thread = start_http_server(int(port), addr=host.strip("[]"))

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    stack.callback(stop)

"""The metrics that every service shares; a service's own stand beside what they measure."""

from __future__ import annotations

from prometheus_client import Histogram

RPC_SECONDS = Histogram(
    "resonance_rpc_seconds",
    "Time from a call's arrival to its end, by method and code; for streams the whole stream.",
    labelnames=("method", "code"),
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300),
)

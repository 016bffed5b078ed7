"""Prometheus metrics of the engine."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

SLOTS_TAKEN = Gauge("resonance_engine_slots_taken", "Requests that have a slot.")
PARKED = Gauge("resonance_engine_parked", "Takes whose slot was lent to others while their clients have much in hand.")
QUEUE_DEPTH = Gauge("resonance_engine_queue_depth", "Requests that wait for a slot.")
STEP_SECONDS = Histogram(
    "resonance_engine_step_seconds",
    "One shared step of all requests that move, decoding of due chunks included.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1),
)
QUEUE_WAIT_SECONDS = Histogram(
    "resonance_engine_queue_wait_seconds",
    "From asking for a take to having a slot.",
    buckets=(0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60),
)
SLACK_MIN_SECONDS = Gauge(
    "resonance_engine_slack_min_seconds",
    "Audio in hand of the client that has least; negative while a client has run dry.",
)
HEADROOM = Gauge(
    "resonance_engine_headroom_ratio",
    "Frames a second that each moving request gets, over those it plays: below 1 no client keeps up.",
)
UNDERRUNS = Counter(
    "resonance_engine_underruns_total",
    "Chunks handed over after a client that played from the first chunk on had run dry.",
)
STALLED = Counter("resonance_engine_stalled_total", "Requests dropped because their client did not read.")

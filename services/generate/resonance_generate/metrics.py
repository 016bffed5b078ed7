"""The engine's metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

SLOTS_TAKEN = Gauge("resonance_engine_slots_taken", "Takes that are being made.")
QUEUE_DEPTH = Gauge("resonance_engine_queue_depth", "Takes that wait for a slot.")
STEP_SECONDS = Histogram(
    "resonance_engine_step_seconds",
    "One shared step of all rows that move, decoding of due chunks included.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1),
)
STALLED = Counter("resonance_engine_stalled_total", "Takes dropped because nobody read them.")

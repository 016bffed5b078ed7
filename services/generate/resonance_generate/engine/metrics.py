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
QUEUE_WAIT_SECONDS = Histogram(
    "resonance_engine_queue_wait_seconds",
    "From asking for a take to having a slot.",
    buckets=(0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60),
)
SLACK_MIN_SECONDS = Gauge(
    "resonance_engine_slack_min_seconds", "Sound in hand of the listener who has least; negative while somebody waits."
)
HEADROOM = Gauge(
    "resonance_engine_headroom_ratio",
    "Frames a second that each moving take gets, over those it plays: below 1 nobody keeps up.",
)
UNDERRUNS = Counter(
    "resonance_engine_underruns_total",
    "Chunks handed over after a listener who played from the first chunk on had run dry.",
)
STALLED = Counter("resonance_engine_stalled_total", "Takes dropped because nobody read them.")

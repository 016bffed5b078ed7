"""Metrics of long work: how long steps wait for a worker, how long their tries take, why tries fail."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

STEP_WAIT_SECONDS = Histogram(
    "resonance_work_step_wait_seconds",
    "Time from the moment at which a step could begin until a worker took it, by step.",
    labelnames=("step",),
    buckets=(0.01, 0.05, 0.2, 1, 5, 20, 60, 300, 1800, 7200),
)
STEP_SECONDS = Histogram(
    "resonance_work_step_seconds",
    "Time of a try of a step, by step and outcome: ok, failed or cancelled.",
    labelnames=("step", "outcome"),
    buckets=(0.05, 0.2, 1, 5, 20, 60, 300, 1800, 7200),
)
STEP_FAILURES = Counter(
    "resonance_work_step_failures_total",
    "Tries of a step that failed, by step and reason.",
    labelnames=("step", "reason"),
)

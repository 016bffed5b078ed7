"""Metrics of long work: what waits in a queue and since when; waits, tries and failures of steps."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

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
QUEUE_STEPS = Gauge("resonance_work_queue_steps", "Steps that wait in a task queue, about.", labelnames=("queue",))
QUEUE_AGE_SECONDS = Gauge(
    "resonance_work_queue_age_seconds", "Age of the oldest step that waits in a task queue.", labelnames=("queue",)
)

"""Timeouts of clients that do not read, and of performances that are paused."""

from __future__ import annotations

from resonance.errors import DeadlineExceeded
from resonance_generate.engine import metrics
from resonance_generate.engine.running_request import RunningRequest

PAUSE_S_MAX = 60.0


def check_client_timeouts(running: RunningRequest, stall_s_max: float, now_s: float) -> DeadlineExceeded | None:
    """The error that ends a request which was paused, or not read from, for too long; None for one that goes on.

    It keeps `stalled_since_s` of the request: since when nothing was read although all of its room is taken.
    """
    if running.paused_since_s is not None and now_s - running.paused_since_s > PAUSE_S_MAX:
        message = f"the performance was paused for {PAUSE_S_MAX:.0f} s; open it again"
        return DeadlineExceeded(message, reason="PAUSED_TOO_LONG")
    if running.request.stream.has_room:
        running.stalled_since_s = None
    elif running.stalled_since_s is None:
        running.stalled_since_s = now_s
    elif now_s - running.stalled_since_s > stall_s_max:
        metrics.STALLED.inc()
        message = f"nothing was read for {stall_s_max:.0f} s; ask again with resume_sample_offset"
        return DeadlineExceeded(message, reason="LISTENER_STALLED")
    return None

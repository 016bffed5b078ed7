"""Time limits, retries and cancellation of activities."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TypedDict

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

# Tries of an activity whose own work fails. An activity that finds another service away is tried without this limit.
TRIES_MAX = 6
HEARTBEAT_TIMEOUT = timedelta(seconds=3.5)


class ActivityOptions(TypedDict):
    """Arguments of `workflow.execute_activity`."""

    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy
    cancellation_type: ActivityCancellationType


def activity_options(*, one_try_s: float, all_tries_s: float = 24 * 3600.0) -> ActivityOptions:
    """Options of an activity: retries after 0.5 s, 1 s, 2 s ... 60 s, and another worker takes over 3.5 s after the last heartbeat."""
    return ActivityOptions(
        start_to_close_timeout=timedelta(seconds=one_try_s),
        schedule_to_close_timeout=timedelta(seconds=all_tries_s),
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=0.5), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=60)
        ),
        # The work ends after its activities have killed what they started.
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


def raise_if_cancelled() -> None:
    """Raises CancelledError where the workflow was cancelled. For workflows, after each activity.

    The library waits for the activity's end and drops the cancellation where the activity ended well: without this, a cancellation that
    came during a short activity was lost, and the work went on.
    """
    if workflow.cancellation_reason() is not None:
        raise asyncio.CancelledError

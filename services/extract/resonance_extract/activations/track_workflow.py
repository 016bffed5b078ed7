"""Workflow and activity of a track lock: they stand while one process reads the track."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from resonance.durable import WorkerPlan
    from resonance.durable.activities import durable_activity
    from resonance.durable.policies import HEARTBEAT_TIMEOUT

    if TYPE_CHECKING:
        from resonance_extract.activations.track_locks import TrackLocks

Argument = dict[str, str]
_HELD_S_MAX = 24 * 3600.0
_STARTS_WITHIN_S = 10.0
_HELD_AT_ONCE_MAX = 512


@workflow.defn(name="ReadTrack")
class ReadTrack:
    """Ends when the reading process has released the track, or is dead."""

    @workflow.run
    async def run(self, argument: Argument) -> None:
        """`argument` has `work_id`, and the `reader_queue` that only the reading process polls."""
        try:
            await workflow.execute_activity(
                "hold_track",
                argument,
                task_queue=argument["reader_queue"],
                schedule_to_start_timeout=timedelta(seconds=_STARTS_WITHIN_S),
                start_to_close_timeout=timedelta(seconds=_HELD_S_MAX),
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise


class TrackActivities:
    """The activity, in the process that reads."""

    def __init__(self, locks: TrackLocks) -> None:
        self._locks = locks

    @durable_activity("hold_track")
    async def hold(self, argument: Argument) -> None:
        """Waits until the track is released."""
        await self._locks.hold(argument["work_id"])


def worker_plans(locks: TrackLocks) -> Sequence[WorkerPlan]:
    """A worker for the workflows of every process with this model, and one for the activities of this process."""
    return (
        WorkerPlan(task_queue=locks.task_queue, workflows=[ReadTrack], activities=[], activities_running_max=1),
        WorkerPlan(
            task_queue=locks.reader_queue,
            workflows=[],
            activities=[TrackActivities(locks).hold],
            activities_running_max=_HELD_AT_ONCE_MAX,
            is_private=True,
        ),
    )

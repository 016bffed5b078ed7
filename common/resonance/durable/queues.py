"""Task queues in the metrics: how many steps wait in each, and since when the oldest does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from resonance.durable.calls import CALL_S_MAX, engine_errors
from resonance.durable.engine import WorkerPlan
from resonance.durable.metrics import QUEUE_AGE_SECONDS, QUEUE_STEPS
from resonance.errors import ResonanceError

LOOK_S = 15.0


async def watch_queues(client: Client, plans: Sequence[WorkerPlan]) -> None:
    """Asks the engine about the queues of the plans, again and again. While the engine is away, the last answer stands."""
    while True:
        for plan in [one for one in plans if one.activities and not one.is_private]:
            with suppress(ResonanceError):
                await _look(client, plan.task_queue)
        await asyncio.sleep(LOOK_S)


async def _look(client: Client, task_queue: str) -> None:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        report_stats=True,
    )
    with engine_errors():
        stats = (await client.workflow_service.describe_task_queue(request, timeout=CALL_S_MAX)).stats
    QUEUE_STEPS.labels(task_queue).set(stats.approximate_backlog_count)
    QUEUE_AGE_SECONDS.labels(task_queue).set(stats.approximate_backlog_age.ToTimedelta().total_seconds())

"""Workflow of the sweep of tastes: SweepTastes, every hour on one process of all, and its activity."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from resonance.durable import WorkerPlan
    from resonance.durable.activities import durable_activity
    from resonance.durable.policies import activity_options
    from resonance_extract.tastes.sweep import SWEEP_TASTES, TASK_QUEUE, TasteSweeper

Argument = dict[str, str]
_SWEEP = activity_options(one_try_s=3600.0)


@workflow.defn(name=SWEEP_TASTES)
class SweepTastes:
    """Has damaged descriptions of tastes written again."""

    @workflow.run
    async def run(self, argument: Argument) -> None:
        """`argument` is empty."""
        await workflow.execute_activity("sweep_tastes", argument, **_SWEEP)


class SweepActivities:
    """The activity."""

    def __init__(self, sweeper: TasteSweeper) -> None:
        self._sweeper = sweeper

    @durable_activity("sweep_tastes")
    async def sweep(self, _argument: Argument) -> None:
        """One round, for all owners."""
        await self._sweeper.sweep()


def worker_plans(sweeper: TasteSweeper) -> Sequence[WorkerPlan]:
    """The worker of every process of the service, whatever its model."""
    return (
        WorkerPlan(
            task_queue=TASK_QUEUE,
            workflows=[SweepTastes],
            activities=[SweepActivities(sweeper).sweep],
            activities_running_max=1,
        ),
    )

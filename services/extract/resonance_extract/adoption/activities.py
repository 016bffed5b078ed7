"""Activities of an adoption: making what is missing, and an operator's cancellation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from resonance.durable import WorkerPlan
from resonance.durable.activities import durable_activity
from resonance_extract.adoption.work import adoption_queue
from resonance_extract.adoption.workflow import AdoptModel, Argument

if TYPE_CHECKING:
    from resonance_extract.adoption.adoption import Adoption


class AdoptionActivities:
    """Activities by the names that the workflow calls."""

    def __init__(self, adoption: Adoption) -> None:
        self._adoption = adoption

    @durable_activity("adoption_make")
    async def make(self, _argument: Argument) -> None:
        """Makes the missing parts, one after another."""
        await self._adoption.make()

    @durable_activity("adoption_cancel")
    async def cancel(self, _argument: Argument) -> None:
        """Writes down that the adoption was cancelled."""
        await self._adoption.cancel()


def worker_plans(adoption: Adoption, *, model_digest: str) -> Sequence[WorkerPlan]:
    """The worker of a process that has this model loaded. A cancellation finds the place that the making does not take."""
    steps = AdoptionActivities(adoption)
    return (
        WorkerPlan(
            task_queue=adoption_queue(model_digest),
            workflows=[AdoptModel],
            activities=[steps.make, steps.cancel],
            activities_running_max=2,
        ),
    )

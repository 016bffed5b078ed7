"""Activities of calibration jobs: the steps of a measurement, for the owner in the argument."""

from __future__ import annotations

from collections.abc import Sequence

from resonance.durable import WorkerPlan
from resonance.durable.activities import durable_activity
from resonance.identity import set_owner
from resonance_extract.calibration.measuring import CalibrationMeasuring
from resonance_extract.calibration.work import TaskQueues
from resonance_extract.calibration.workflow import Argument, Calibrate, MakeReference, ScanLayers

_DOCUMENTS_RUNNING_MAX = 16
# Renderings at once, callers' and those in the background. `generate` refuses what finds no slot, and it is tried again.
_PARTS_RUNNING_MAX = 8
_BACKGROUND_RUNNING_MAX = 8


class CalibrationActivities:
    """Activities by the names that the workflows call. Each runs in a task of its own, so that the owner is its own too."""

    def __init__(self, measuring: CalibrationMeasuring) -> None:
        self._measuring = measuring

    @durable_activity("calibration_list_missing")
    async def list_missing(self, argument: Argument) -> list[str]:
        """Keys of parts that are not measured."""
        return await self._measuring.list_missing(_read_id(argument))

    @durable_activity("calibration_measure")
    async def measure(self, argument: Argument) -> None:
        """Measures one part."""
        await self._measuring.measure(_read_id(argument), argument["key"])

    @durable_activity("calibration_finish")
    async def finish(self, argument: Argument) -> list[str]:
        """Writes the result of all parts."""
        await self._measuring.finish(_read_id(argument))
        return []

    @durable_activity("calibration_fail")
    async def fail(self, argument: Argument) -> list[str]:
        """Writes down that the job failed."""
        await self._measuring.fail(_read_id(argument), reason=argument["reason"], message=argument["message"])
        return []

    @durable_activity("calibration_cancel")
    async def cancel(self, argument: Argument) -> list[str]:
        """Writes down that the job was cancelled."""
        await self._measuring.cancel(_read_id(argument))
        return []


def worker_plans(measuring: CalibrationMeasuring, *, model_digest: str) -> Sequence[WorkerPlan]:
    """The workers of a process that has this model loaded."""
    steps, queues = CalibrationActivities(measuring), TaskQueues(model_digest)
    return (
        WorkerPlan(
            task_queue=queues.documents,
            workflows=[Calibrate, ScanLayers, MakeReference],
            activities=[steps.list_missing, steps.finish, steps.fail, steps.cancel],
            activities_running_max=_DOCUMENTS_RUNNING_MAX,
        ),
        WorkerPlan(
            task_queue=queues.parts,
            workflows=[],
            activities=[steps.measure],
            activities_running_max=_PARTS_RUNNING_MAX,
        ),
        WorkerPlan(
            task_queue=queues.background,
            workflows=[],
            activities=[steps.measure],
            activities_running_max=_BACKGROUND_RUNNING_MAX,
        ),
    )


def _read_id(argument: Argument) -> str:
    """The job's id; from here on the activity works for its owner."""
    set_owner(argument["owner"])
    return argument["calibration_job_id"]

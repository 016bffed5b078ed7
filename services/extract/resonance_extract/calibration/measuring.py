"""Steps of a calibration job, each of which may be repeated."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from resonance.errors import FailedPrecondition, NotFound, Overloaded, ResonanceError, Unavailable
from resonance.identity import current_owner
from resonance.ids import canonical_digest
from resonance.v1 import extract_pb2, jobs_pb2
from resonance_extract.activations.background import in_background
from resonance_extract.calibration.job_document import CANCELLED, COMPLETED, FAILED, RUNNING, CalibrationJobDocument
from resonance_extract.calibration.job_store import CalibrationJobStore
from resonance_extract.calibration.plans import MeasurementPlan, MeasurementPlanner

_LISTED_MAX = 256  # keys in one answer, of 24 characters
_PLANS_MAX = 32
_SAVE_PAUSE_S = 1.0


class CalibrationJobStopped(ResonanceError):
    """The job has ended meanwhile, or is gone. Its workflow ends, and there is nothing to write down."""

    default_reason = "CALIBRATION_JOB_STOPPED"


class CalibrationMeasuring:
    """The steps. A measured part is in the document and is never measured again.

    Every method raises CalibrationJobStopped where the job has ended or is gone.
    """

    def __init__(self, jobs: CalibrationJobStore, planner: MeasurementPlanner, *, model_digest: str) -> None:
        self._jobs = jobs
        self._planner = planner
        self._model_digest = model_digest
        # A plan reads vectors and scans layers; of the jobs in hand it is kept, so that each part need not make it again.
        self._plans: OrderedDict[tuple[str, str, bytes], MeasurementPlan] = OrderedDict()

    async def list_missing(self, calibration_job_id: str) -> list[str]:
        """The first keys of parts that are not measured. A failed job runs again."""

        def reopen(document: CalibrationJobDocument) -> None:
            job = document.calibration_job
            if job.state == FAILED:  # an operator runs its work once more
                job.state = RUNNING
                job.ClearField("error")

        document = await self._change(calibration_job_id, reopen, is_allowed=(RUNNING, FAILED))
        plan = await self._plan(document)

        def count(document: CalibrationJobDocument) -> None:
            progress = document.calibration_job.progress
            progress.done, progress.total = sum(key in document.results for key in plan.keys), len(plan.keys)

        document = await self._change(calibration_job_id, count)
        return [key for key in plan.keys if key not in document.results][:_LISTED_MAX]

    async def measure(self, calibration_job_id: str, key: str) -> None:
        """Measures one part and stores it. Raises what the measurement raises; the document says what it waits for."""
        document = await self._load(calibration_job_id)
        if key in document.results:
            return
        plan = await self._plan(document)
        with in_background(document.request.is_background):
            try:
                values = await plan.measure(key)
            except (Overloaded, Unavailable) as failure:
                await self._write_wait(calibration_job_id, failure)
                raise
        await self._keep(calibration_job_id, key, values)

    async def finish(self, calibration_job_id: str) -> None:
        """Writes the result and puts it in force; then the job is completed."""
        document = await self._load(calibration_job_id)
        plan, job = await self._plan(document), document.calibration_job
        await plan.finish(job, document.results)
        await plan.put_in_force(job)

        def complete(document: CalibrationJobDocument) -> None:
            finished = extract_pb2.CalibrationJob()
            finished.CopyFrom(job)
            finished.progress.CopyFrom(document.calibration_job.progress)
            finished.progress.waiting = ""
            finished.state = COMPLETED
            document.calibration_job = finished

        await self._change(calibration_job_id, complete)

    async def fail(self, calibration_job_id: str, *, reason: str, message: str) -> None:
        """Writes down that the job failed, where it is not final."""

        def fail(document: CalibrationJobDocument) -> None:
            document.calibration_job.state = FAILED
            document.calibration_job.error.CopyFrom(jobs_pb2.Fault(reason=reason, message=message))

        with suppress(CalibrationJobStopped):
            await self._change(calibration_job_id, fail)

    async def cancel(self, calibration_job_id: str) -> None:
        """Writes down that the job was cancelled, where an operator did it through the engine."""
        with suppress(CalibrationJobStopped):
            await self._change(calibration_job_id, mark_cancelled)

    async def _keep(self, calibration_job_id: str, key: str, values: dict[str, Any]) -> None:
        """Stores a measured part. It waits while the store is away, because measuring again would take longer."""

        def keep(document: CalibrationJobDocument) -> None:
            if key not in document.results:
                document.results[key] = values
                document.calibration_job.progress.done += 1
            document.calibration_job.progress.waiting = ""

        while True:
            try:
                await self._change(calibration_job_id, keep)
                return
            except Unavailable as failure:
                await asyncio.sleep(failure.retry_after_s or _SAVE_PAUSE_S)

    async def _write_wait(self, calibration_job_id: str, failure: Overloaded | Unavailable) -> None:
        when = f"in {failure.retry_after_s:.0f} s" if failure.retry_after_s else "soon"

        def wait(document: CalibrationJobDocument) -> None:
            document.calibration_job.progress.waiting = f"tried again {when}: {failure.message}"

        with suppress(Overloaded, Unavailable):
            await self._change(calibration_job_id, wait)

    async def _plan(self, document: CalibrationJobDocument) -> MeasurementPlan:
        """The plan of the job. Raises FailedPrecondition where its subject has changed since the job began."""
        calibration_job_id = document.calibration_job.calibration_job_id
        name = (current_owner(), calibration_job_id, document.request.SerializeToString(deterministic=True))
        if name not in self._plans:
            plan = await self._planner.plan(document.request)
            if derive_id(plan, self._model_digest) != calibration_job_id:
                message = "what is calibrated was computed again since this calibration job began; start it again"
                raise FailedPrecondition(message, reason="SUBJECT_CHANGED")
            self._plans[name] = plan
            if len(self._plans) > _PLANS_MAX:
                self._plans.popitem(last=False)
        self._plans.move_to_end(name)
        return self._plans[name]

    async def _load(self, calibration_job_id: str) -> CalibrationJobDocument:
        try:
            document = await self._jobs.load(calibration_job_id)
        except NotFound:
            raise _gone(calibration_job_id) from None
        if not document.is_running:
            raise _ended(calibration_job_id)
        return document

    async def _change(
        self,
        calibration_job_id: str,
        change: Callable[[CalibrationJobDocument], None],
        *,
        is_allowed: tuple[int, ...] = (RUNNING,),
    ) -> CalibrationJobDocument:
        def checked(document: CalibrationJobDocument) -> None:
            if document.calibration_job.state not in is_allowed:
                raise _ended(calibration_job_id)
            change(document)

        try:
            return await self._jobs.change(calibration_job_id, checked)
        except NotFound:
            raise _gone(calibration_job_id) from None


def mark_cancelled(document: CalibrationJobDocument) -> None:
    """Cancels a job that is not final."""
    if document.is_running:
        document.calibration_job.state = CANCELLED


def derive_id(plan: MeasurementPlan, model_digest: str) -> str:
    """The same subject, kind and conditions have the same id; a concept that was computed again has another."""
    return "s-" + canonical_digest([model_digest, *plan.identity])[:24]


def _ended(calibration_job_id: str) -> CalibrationJobStopped:
    return CalibrationJobStopped(f"calibration job {calibration_job_id} has ended")


def _gone(calibration_job_id: str) -> CalibrationJobStopped:
    return CalibrationJobStopped(f"calibration job {calibration_job_id} is gone")

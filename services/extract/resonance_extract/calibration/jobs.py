"""Calibration jobs: safe ranges, layer scans and references, measured by workflows of the engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import structlog

from resonance.durable import Engine
from resonance.errors import Cancelled, Conflict, Overloaded, ResonanceError, Unavailable
from resonance.identity import acting_as, current_owner
from resonance.v1 import extract_pb2
from resonance_extract.calibration.job_document import CANCELLED, COMPLETED, FAILED, RUNNING, CalibrationJobDocument
from resonance_extract.calibration.job_store import CalibrationJobStore
from resonance_extract.calibration.measuring import derive_id, mark_cancelled
from resonance_extract.calibration.plans import MeasurementPlan, MeasurementPlanner
from resonance_extract.calibration.work import build_work, derive_work_id

OPEN_OF_OWNER_MAX = 4
OPEN_MAX = 64
_log = structlog.get_logger("extract")


class CalibrationJobs:
    """Starts, watches and cancels calibration jobs. The engine runs them; this class writes what is wanted into the documents."""

    def __init__(
        self,
        jobs: CalibrationJobStore,
        planner: MeasurementPlanner,
        engine: Engine,
        *,
        model_digest: str,
        open_of_owner_max: int = OPEN_OF_OWNER_MAX,
        open_max: int = OPEN_MAX,
    ) -> None:
        self._jobs = jobs
        self._planner = planner
        self._engine = engine
        self._model_digest = model_digest
        self._open_of_owner_max = open_of_owner_max
        self._open_max = open_max
        # Jobs are begun one at a time, because finding room and taking it are several steps.
        self._starting = asyncio.Lock()

    async def start(self, request: extract_pb2.StartCalibrationJobRequest) -> extract_pb2.CalibrationJob:
        """Begins a calibration job, or resumes the one of the same subject and conditions. A completed one is returned as it is.

        Raises:
            Overloaded: too many calibration jobs are open.
            Conflict: the same job runs as a trial, and this request wants it in force.
            Unsupported, Unavailable: there is no workflow engine, or it is away.
            And what `MeasurementPlanner.plan` raises.
        """
        return (await self._start(request))[0]

    async def _start(self, request: extract_pb2.StartCalibrationJobRequest) -> tuple[extract_pb2.CalibrationJob, bool]:
        """The calibration job, and whether this call began it."""
        plan = await self._planner.plan(request)
        async with self._starting:
            return await self._find_or_begin(plan)

    async def _find_or_begin(self, plan: MeasurementPlan) -> tuple[extract_pb2.CalibrationJob, bool]:
        calibration_job_id = derive_id(plan, self._model_digest)
        document = await self._jobs.find(calibration_job_id)
        if document is not None and document.calibration_job.state == COMPLETED:
            return await self._put_in_force(document, plan), False
        if document is not None and document.is_running:
            return await self._join(document, plan), False
        await self._engine.start()  # where there is no engine, nothing is accepted
        await self._check_room()
        try:
            document = await self._begin(calibration_job_id, document, plan)
        except Conflict:  # another process began it at this moment: this call joins
            return await self._find_or_begin(plan)
        await self._submit(document)
        return document.calibration_job, True

    async def _begin(
        self, calibration_job_id: str, before: CalibrationJobDocument | None, plan: MeasurementPlan
    ) -> CalibrationJobDocument:
        """Writes the job as running. Raises Conflict where another process was faster."""
        if before is None:
            document = _new_document(calibration_job_id, plan.request)
            _mark_running(document, plan, self._model_digest)
            await self._jobs.add(document)
            return document

        def begin(document: CalibrationJobDocument) -> None:
            if document.is_running or document.calibration_job.state == COMPLETED:
                raise Conflict(f"calibration job {calibration_job_id} was begun elsewhere")
            _mark_running(document, plan, self._model_digest)

        # The run before must not write down how it ended after this one has begun.
        if not await self._engine.await_end(derive_work_id(current_owner(), calibration_job_id)):
            message = "the run before of this calibration job is still ending; ask again"
            raise Unavailable(message, reason="STILL_ENDING", retry_after_s=1.0)
        return await self._jobs.change(calibration_job_id, begin)

    async def _check_room(self) -> None:
        """Raises Overloaded where the owner, or all owners together, have too many open jobs."""
        markers, owner = await self._jobs.list_open(), current_owner()
        own = sum(marker.owner == owner for marker in markers)
        if own >= self._open_of_owner_max or len(markers) >= self._open_max:
            opened = [marker for marker in markers if await self._jobs.find_open(marker) is not None]
            own = sum(marker.owner == owner for marker in opened)
            if own >= self._open_of_owner_max or len(opened) >= self._open_max:
                raise Overloaded(
                    f"{own} calibration jobs run already; wait for one or cancel it",
                    reason="TOO_MANY_CALIBRATION_JOBS",
                    retry_after_s=30.0,
                )

    async def _put_in_force(
        self, document: CalibrationJobDocument, plan: MeasurementPlan
    ) -> extract_pb2.CalibrationJob:
        """Puts a completed job's result in force again: it was a trial, or another result was in force since."""
        job = document.calibration_job
        was_trial = job.calibration.is_trial
        await plan.put_in_force(job)
        if job.calibration.is_trial != was_trial:

            def keep(now: CalibrationJobDocument) -> None:
                now.calibration_job.calibration.CopyFrom(job.calibration)

            await self._jobs.change(job.calibration_job_id, keep)
        return job

    async def _join(self, document: CalibrationJobDocument, plan: MeasurementPlan) -> extract_pb2.CalibrationJob:
        """Marks a running job as joined. Raises Conflict where it runs as a trial and the request wants it in force."""
        if plan.request.apply and not (document.request.apply or plan.is_usual):
            message = "the same runs already, and as a trial: ask for it with `apply` once it is done, and it is in force at once"
            raise Conflict(message, reason="RUNS_AS_TRIAL", retry_after_s=30.0)
        await self._jobs.join(document.calibration_job.calibration_job_id)
        await self._submit(document)  # its starter may have left between the document and the engine
        return document.calibration_job

    async def get(self, calibration_job_id: str) -> extract_pb2.CalibrationJob:
        """A stored calibration job. Raises NotFound."""
        return (await self._jobs.load(calibration_job_id)).calibration_job

    def watch(self, calibration_job_id: str) -> AsyncGenerator[extract_pb2.CalibrationJob, None]:
        """The calibration job now and at every change, until it is final. Raises NotFound."""
        return self._jobs.watch(calibration_job_id)

    async def cancel(self, calibration_job_id: str) -> extract_pb2.CalibrationJob:
        """Stops a running calibration job and keeps its results. A final job stays as it is.

        Raises:
            NotFound: there is no such job.
            Unavailable: the engine is away, or the last rendering is still ending. The job is cancelled all the same.
        """
        was_running = (await self._jobs.load(calibration_job_id)).is_running
        document = await self._jobs.change(calibration_job_id, mark_cancelled)
        if was_running and not await self._engine.cancel(derive_work_id(current_owner(), calibration_job_id)):
            message = "the calibration job is cancelled, and its last rendering is still ending; ask again"
            raise Unavailable(message, reason="STILL_ENDING", retry_after_s=1.0)
        return document.calibration_job

    async def follow(
        self, request: extract_pb2.StartCalibrationJobRequest
    ) -> AsyncGenerator[extract_pb2.CalibrationJob, None]:
        """Starts and watches a calibration job.

        A caller who leaves cancels the job if this call began it and no other call, at any process, asked for it since. The same request
        resumes it. Raises the fault of a failed job, and Cancelled where another call cancelled it.
        """
        calibration_job, is_ours = await self._start(request)
        try:
            async with aclosing(self.watch(calibration_job.calibration_job_id)) as changes:
                async for calibration_job in changes:
                    yield calibration_job
        finally:
            is_running = calibration_job.state == RUNNING
            if is_ours and is_running and not await self._jobs.is_joined(calibration_job.calibration_job_id):
                await self.cancel(calibration_job.calibration_job_id)
        if calibration_job.state == FAILED:
            raise ResonanceError(calibration_job.error.message, reason=calibration_job.error.reason)
        if calibration_job.state == CANCELLED:
            raise Cancelled(
                f"calibration job {calibration_job.calibration_job_id} was cancelled; ask again, and it goes on with what is missing"
            )

    async def has_open(self) -> bool:
        """True where a job of this model, of any owner, is open."""
        return bool(await self._list_own())

    async def submit_open(self) -> None:
        """Submits every open job of this model to the engine again; those that the engine still knows are only told of it."""
        for owner, document in await self._list_own():
            with acting_as(owner):
                await self._submit(document)

    async def _list_own(self) -> list[tuple[str, CalibrationJobDocument]]:
        """Open jobs of this model with their owners. One that cannot be read is left alone."""
        found = []
        for marker in await self._jobs.list_open():
            try:
                document = await self._jobs.find_open(marker)
                if document is not None and await self._is_own(marker.owner, document):
                    found.append((marker.owner, document))
            except Unavailable:
                raise
            except ResonanceError as failure:
                _log.info(
                    "a calibration job is left alone", calibration_job=marker.calibration_job_id, why=str(failure)
                )
        return found

    async def _is_own(self, owner: str, document: CalibrationJobDocument) -> bool:
        """True for a job of this model. The document of an earlier version does not name its model, but its id depends on it."""
        if document.model_digest:
            return document.model_digest == self._model_digest
        with acting_as(owner):
            plan = await self._planner.plan(document.request)
        return derive_id(plan, self._model_digest) == document.calibration_job.calibration_job_id

    async def _submit(self, document: CalibrationJobDocument) -> None:
        job_id = document.calibration_job.calibration_job_id
        await self._engine.submit(build_work(current_owner(), job_id, document.request, self._model_digest))


def _new_document(calibration_job_id: str, request: extract_pb2.StartCalibrationJobRequest) -> CalibrationJobDocument:
    job = extract_pb2.CalibrationJob(
        calibration_job_id=calibration_job_id, kind=request.kind, concept=request.concept, taste_id=request.taste_id
    )
    job.create_time.GetCurrentTime()
    return CalibrationJobDocument(calibration_job=job, request=request)


def _mark_running(document: CalibrationJobDocument, plan: MeasurementPlan, model_digest: str) -> None:
    """The state of a job that begins, or begins again with what it has measured."""
    document.request.CopyFrom(plan.request)
    document.model_digest = model_digest
    job = document.calibration_job
    job.state = RUNNING
    job.ClearField("error")
    job.reused = sum(key in document.results for key in plan.keys)
    job.progress.done, job.progress.total, job.progress.waiting = job.reused, len(plan.keys), ""

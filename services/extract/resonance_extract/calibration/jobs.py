"""Calibration jobs: leased documents in the object store.

They measure safe ranges, layer scans and references.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import structlog

from resonance.errors import Cancelled, Conflict, DataLoss, NotFound, Overloaded, ResonanceError, Unavailable
from resonance.identity import acting_as, current_owner
from resonance.ids import canonical_digest, new_request_id
from resonance.store import ObjectStore
from resonance.store.keys import calibration_job_key, open_calibration_job_key
from resonance.v1 import extract_pb2, jobs_pb2
from resonance_extract.activations.background import in_background
from resonance_extract.calibration.backoff import WAIT_S_MAX, Backoff, start_backoff
from resonance_extract.calibration.job_document import CalibrationJobDocument
from resonance_extract.calibration.plans import MeasurementPlan, MeasurementPlanner

# Two renderings at once share the decoder's matrix products; the other slots stay free for listeners.
AT_ONCE = 2
LEASE_S = 8.0
CALIBRATION_JOBS_RUNNING_MAX = 4
_POLL_S = 0.2
_JOINED = b"joined"  # content of a running job's marker after a caller besides its starter asked for it
_RUNNING = extract_pb2.CALIBRATION_JOB_STATE_RUNNING
_COMPLETED = extract_pb2.CALIBRATION_JOB_STATE_COMPLETED
_FAILED = extract_pb2.CALIBRATION_JOB_STATE_FAILED
_CANCELLED = extract_pb2.CALIBRATION_JOB_STATE_CANCELLED
_FINAL = (_COMPLETED, _FAILED, _CANCELLED)
_log = structlog.get_logger("extract")


@dataclass(frozen=True, slots=True)
class _Sighting:
    """A running job's version, and when this process first saw it.

    A dead process's document does not change. Only this process's clock measures for how long.
    """

    version: str
    since_s: float


class CalibrationJobs:
    """Starts, runs and keeps calibration jobs. A measured rendering is in the document and is never made again."""

    def __init__(
        self,
        store: ObjectStore,
        planner: MeasurementPlanner,
        *,
        model_digest: str,
        lease_s: float = LEASE_S,
        wait_s_max: float = WAIT_S_MAX,
    ) -> None:
        self._store = store
        self._planner = planner
        self._model_digest = model_digest
        self._lease_s = lease_s
        self._wait_s_max = wait_s_max
        self._owner = new_request_id()
        # By owner and id: the same subject and conditions have the same id for every owner.
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._sightings: dict[tuple[str, str], _Sighting] = {}
        # Jobs are begun one at a time, because finding a free place and taking it are several steps.
        self._starting = asyncio.Lock()

    async def start(self, request: extract_pb2.StartCalibrationJobRequest) -> extract_pb2.CalibrationJob:
        """Begins a calibration job, or resumes the one of the same subject and conditions. A completed one is returned as it is.

        Raises:
            Overloaded: too many calibration jobs run.
            Conflict: the same job runs as a trial, and this request wants it in force.
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
        document = await self._find(calibration_job_id)
        if document is None:
            document = _new_document(calibration_job_id, plan.request)
        elif document.calibration_job.state == _COMPLETED:
            return await self._put_in_force(document, plan), False
        elif document.calibration_job.state == _RUNNING and not self._is_abandoned(document):
            return await self._join(document, plan), False
        document.request.apply, document.request.is_background = plan.request.apply, plan.request.is_background
        try:
            await self._begin(document, plan)
        except Conflict:  # another process began it at this moment: this call joins
            return await self._find_or_begin(plan)
        return document.calibration_job, True

    async def _put_in_force(
        self, document: CalibrationJobDocument, plan: MeasurementPlan
    ) -> extract_pb2.CalibrationJob:
        """Puts a completed job's result in force again: it was a trial, or another result was in force since."""
        was_trial = document.calibration_job.calibration.is_trial
        await plan.put_in_force(document.calibration_job)
        if document.calibration_job.calibration.is_trial != was_trial:
            await self._save(document)
        return document.calibration_job

    async def _join(self, document: CalibrationJobDocument, plan: MeasurementPlan) -> extract_pb2.CalibrationJob:
        """Marks a running job as joined. Raises Conflict where it runs as a trial and the request wants it in force."""
        if plan.request.apply and not (document.request.apply or plan.is_usual):
            message = "the same runs already, and as a trial: ask for it with `apply` once it is done, and it is in force at once"
            raise Conflict(message, reason="RUNS_AS_TRIAL", retry_after_s=30.0)
        await self._store.put(_marker_key(document), _JOINED)
        return document.calibration_job

    async def get(self, calibration_job_id: str) -> extract_pb2.CalibrationJob:
        """A stored calibration job. Raises NotFound."""
        return (await self._load(calibration_job_id)).calibration_job

    async def watch(self, calibration_job_id: str) -> AsyncGenerator[extract_pb2.CalibrationJob, None]:
        """The calibration job now and at every change, until it is final. Raises NotFound."""
        seen: extract_pb2.CalibrationJob | None = None
        while True:
            document = await self._load(calibration_job_id)
            if document.calibration_job != seen:
                seen = document.calibration_job
                yield document.calibration_job
            if document.calibration_job.state in _FINAL:
                return
            await asyncio.sleep(_POLL_S)

    async def cancel(self, calibration_job_id: str) -> extract_pb2.CalibrationJob:
        """Stops a running calibration job and keeps its results. A final job stays as it is. Raises NotFound."""
        if (task := self._tasks.pop(_place(calibration_job_id), None)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        while (document := await self._load(calibration_job_id)).calibration_job.state == _RUNNING:
            document.calibration_job.state = _CANCELLED
            with contextlib.suppress(Conflict):  # a heartbeat was written in between, here or by another process
                await self._save(document)
                await self._close_marker(document)
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
            is_running = calibration_job.state == _RUNNING
            if is_ours and is_running and not await self._is_joined(calibration_job.calibration_job_id):
                await self.cancel(calibration_job.calibration_job_id)
        if calibration_job.state == _FAILED:
            raise ResonanceError(calibration_job.error.message, reason=calibration_job.error.reason)
        if calibration_job.state == _CANCELLED:
            raise Cancelled(
                f"calibration job {calibration_job.calibration_job_id} was cancelled; ask again, and it goes on with what is missing"
            )

    async def patrol(self) -> None:
        """Takes over abandoned calibration jobs, for ever."""
        while True:
            with contextlib.suppress(ResonanceError):
                await self.take_over()
            await asyncio.sleep(self._lease_s / 4)

    async def take_over(self) -> int:
        """Takes over each running job of this model, of any owner, that did not change for a lease; returns how many."""
        count, seen = 0, set()
        async for key in self._store.keys(open_calibration_job_key("", "")):
            calibration_job_id, _, owner = key.partition("/")[2].partition(".")
            seen.add((owner, calibration_job_id))
            try:
                with acting_as(owner):  # the task that is started here acts as the owner too
                    async with self._starting:
                        count += await self._take_over(calibration_job_id)
            except ResonanceError as failure:
                _log.info("a calibration job was left alone", calibration_job=calibration_job_id, message=str(failure))
        self._sightings = {one: sighting for one, sighting in self._sightings.items() if one in seen}
        return count

    async def _take_over(self, calibration_job_id: str) -> bool:
        document = await self._find(calibration_job_id)
        if document is None or document.calibration_job.state != _RUNNING:
            await self._store.delete(open_calibration_job_key(current_owner(), calibration_job_id))
            return False
        if not self._is_abandoned(document):
            return False
        plan = await self._planner.plan(document.request)
        if derive_id(plan, self._model_digest) != calibration_job_id:
            return False  # another model's, or of a concept that was computed again
        await self._begin(document, plan)
        return True

    async def close(self) -> None:
        """Stops the work. Running jobs stay marked as running, and another process takes them over."""
        for task in (tasks := list(self._tasks.values())):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _begin(self, document: CalibrationJobDocument, plan: MeasurementPlan) -> None:
        """Takes the lease of a job and starts its task. Raises Overloaded, and Conflict where another process was faster."""
        if len(self._tasks) >= CALIBRATION_JOBS_RUNNING_MAX:
            raise Overloaded(
                f"{CALIBRATION_JOBS_RUNNING_MAX} calibration jobs run already; wait for one or cancel it",
                reason="TOO_MANY_CALIBRATION_JOBS",
                retry_after_s=30.0,
            )
        job = document.calibration_job
        document.owner = self._owner
        job.state = _RUNNING
        job.ClearField("error")
        job.reused = sum(key in document.results for key in plan.keys)
        job.progress.done, job.progress.total, job.progress.waiting = job.reused, len(plan.keys), ""
        await self._open_marker(document)
        await self._save(document)
        with in_background(document.request.is_background):
            task = asyncio.create_task(self._run(document, plan))
        place = _place(job.calibration_job_id)
        self._tasks[place] = task
        task.add_done_callback(lambda done: self._forget(place, done))

    def _forget(self, place: tuple[str, str], task: asyncio.Task[None]) -> None:
        if self._tasks.get(place) is task:
            del self._tasks[place]

    async def _run(self, document: CalibrationJobDocument, plan: MeasurementPlan) -> None:
        work, job = asyncio.current_task(), document.calibration_job
        assert work is not None, "it is run as a task"
        heartbeat = asyncio.create_task(self._renew_lease(document, work))
        try:
            await self._measure_all(document, plan)
            await plan.finish(job, document.results)
            await plan.put_in_force(job)
            job.state = _COMPLETED  # set after the result is in force, because a heartbeat may write it at any moment
            await self._save(document)
            await self._close_marker(document)
        except Conflict:
            _log.info("another process took over a calibration job", calibration_job=job.calibration_job_id)
        except Exception as failure:
            _log.error("a calibration job failed", calibration_job=job.calibration_job_id, exc_info=failure)
            await self._fail(document, failure)
        finally:
            heartbeat.cancel()

    async def _fail(self, document: CalibrationJobDocument, failure: Exception) -> None:
        unexpected = ResonanceError("the calibration job failed; see the log")
        fault = failure if isinstance(failure, ResonanceError) else unexpected
        document.calibration_job.state = _FAILED
        document.calibration_job.error.CopyFrom(jobs_pb2.Fault(reason=fault.reason, message=fault.message))
        with contextlib.suppress(ResonanceError):
            await self._save(document)
            await self._close_marker(document)

    async def _measure_all(self, document: CalibrationJobDocument, plan: MeasurementPlan) -> None:
        missing = iter([key for key in plan.keys if key not in document.results])
        backoff = start_backoff(self._wait_s_max)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._measure_some(document, plan, missing, backoff))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures

    async def _measure_some(
        self, document: CalibrationJobDocument, plan: MeasurementPlan, missing: Iterator[str], backoff: Backoff
    ) -> None:
        for key in missing:
            document.results[key] = await self._measure(document, plan, key, backoff)
            backoff.progressed()
            document.calibration_job.progress.done += 1
            document.calibration_job.progress.waiting = ""
            await self._save_with_backoff(document, backoff)

    async def _measure(
        self, document: CalibrationJobDocument, plan: MeasurementPlan, key: str, backoff: Backoff
    ) -> dict[str, Any]:
        """Measures one part. It waits while `generate` has no free slot or is away."""
        while True:
            try:
                return await plan.measure(key)
            except (Overloaded, Unavailable) as failure:
                pause_s = backoff.pause_s(failure)
                document.calibration_job.progress.waiting = f"tried again in {pause_s:.0f} s: {failure.message}"
            await self._save_with_backoff(document, backoff)
            await asyncio.sleep(pause_s)

    async def _save_with_backoff(self, document: CalibrationJobDocument, backoff: Backoff) -> None:
        """Writes the document, and waits while the store is away. Raises Conflict as `_save`."""
        while True:
            try:
                return await self._save(document)
            except Unavailable as failure:
                await asyncio.sleep(backoff.pause_s(failure))

    async def _renew_lease(self, document: CalibrationJobDocument, work: asyncio.Task[None]) -> None:
        """Writes a heartbeat four times a lease. Cancels the work where another process took over or cancelled the job."""
        while True:
            await asyncio.sleep(self._lease_s / 4)
            document.heartbeats += 1
            try:
                await self._save(document, is_change=False)
                await self._open_marker(document)
            except Conflict:
                work.cancel()
                return
            except ResonanceError as failure:
                _log.warning("a calibration job's store is away", why=failure.message)

    async def _open_marker(self, document: CalibrationJobDocument) -> None:
        """Marks the job as not final. An existing marker keeps its content; another process may have removed it."""
        if not await self._store.exists(key := _marker_key(document)):
            await self._store.put(key, b"")

    async def _is_joined(self, calibration_job_id: str) -> bool:
        """True where a caller besides its starter asked for the running job."""
        with contextlib.suppress(NotFound, DataLoss):
            return (
                await self._store.get(open_calibration_job_key(current_owner(), calibration_job_id))
            ).data == _JOINED
        return False

    async def _close_marker(self, document: CalibrationJobDocument) -> None:
        """Removes a final job's marker, so that no patrol reads its document again."""
        await self._store.delete(_marker_key(document))

    async def _find(self, calibration_job_id: str) -> CalibrationJobDocument | None:
        with contextlib.suppress(NotFound):
            stored = await self._store.get(calibration_job_key(calibration_job_id))
            return CalibrationJobDocument.from_bytes(stored.data, stored.version)
        return None

    async def _load(self, calibration_job_id: str) -> CalibrationJobDocument:
        document = await self._find(calibration_job_id)
        if document is None:
            raise NotFound(f"there is no calibration job {calibration_job_id}", reason="NO_SUCH_CALIBRATION_JOB")
        return document

    async def _save(self, document: CalibrationJobDocument, *, is_change: bool = True) -> None:
        """Writes the document by compare-and-swap. Raises Conflict where another process wrote it in between."""
        async with document.writing:
            if is_change:
                document.calibration_job.update_time.GetCurrentTime()
            key, data = calibration_job_key(document.calibration_job.calibration_job_id), document.to_bytes()
            if document.version:
                document.version = await self._store.replace(key, data, version=document.version)
            else:
                await self._store.create(key, data)
                document.version = (await self._store.get(key)).version

    def _is_abandoned(self, document: CalibrationJobDocument) -> bool:
        """True where no task here runs the job and it did not change for a lease, by this process's clock."""
        place, now_s = _place(document.calibration_job.calibration_job_id), asyncio.get_running_loop().time()
        if place in self._tasks:
            return False
        seen = self._sightings.get(place)
        if seen is None or seen.version != document.version:
            self._sightings[place] = _Sighting(document.version, now_s)
            return False
        return now_s - seen.since_s >= self._lease_s


def _place(calibration_job_id: str) -> tuple[str, str]:
    return current_owner(), calibration_job_id


def _marker_key(document: CalibrationJobDocument) -> str:
    return open_calibration_job_key(current_owner(), document.calibration_job.calibration_job_id)


def _new_document(calibration_job_id: str, request: extract_pb2.StartCalibrationJobRequest) -> CalibrationJobDocument:
    job = extract_pb2.CalibrationJob(
        calibration_job_id=calibration_job_id, kind=request.kind, concept=request.concept, taste_id=request.taste_id
    )
    job.create_time.GetCurrentTime()
    return CalibrationJobDocument(calibration_job=job, request=request)


def derive_id(plan: MeasurementPlan, model_digest: str) -> str:
    """The same subject, kind and conditions have the same id; a concept that was computed again has another."""
    return "s-" + canonical_digest([model_digest, *plan.identity])[:24]

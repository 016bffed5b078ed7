"""Calibration jobs: calibrations, layer scans and references as jobs in the object store - watched, cancelled, resumed, taken over after a crash."""

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
from resonance_extract.calibration.backoff import PATIENCE_S, Backoff, start_backoff
from resonance_extract.calibration.job_document import CalibrationJobDocument
from resonance_extract.calibration.plans import MeasurementPlan, MeasurementPlanner

# Two at once share the decoder's products; the other slots stay free for listeners.
AT_ONCE = 2
LEASE_S = 8.0
STUDIES_RUNNING_MAX = 4
_POLL_S = 0.2
_JOINED = b"joined"  # in a running calibration job's marker: somebody but its starter has asked for it, too
_RUNNING, _FINAL = (
    extract_pb2.CALIBRATION_JOB_STATE_RUNNING,
    (
        extract_pb2.CALIBRATION_JOB_STATE_COMPLETED,
        extract_pb2.CALIBRATION_JOB_STATE_FAILED,
        extract_pb2.CALIBRATION_JOB_STATE_CANCELLED,
    ),
)
_log = structlog.get_logger("extract")


@dataclass(frozen=True, slots=True)
class _Sighting:
    """A running calibration job's version as it was first seen. Nobody changes a dead owner's; no clock but our own tells for how long."""

    version: str
    since_s: float


class CalibrationJobs:
    """Starts, runs and keeps calibration jobs. A rendering that was measured once is in the document and is never made again."""

    def __init__(
        self,
        store: ObjectStore,
        planner: MeasurementPlanner,
        *,
        model_digest: str,
        lease_s: float = LEASE_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._store = store
        self._planner = planner
        self._model_digest = model_digest
        self._lease_s = lease_s
        self._patience_s = patience_s
        self._owner = new_request_id()
        # By whose they are and their ids: the same subject and conditions have the same id for everybody.
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._sightings: dict[tuple[str, str], _Sighting] = {}
        # One calibration job is set going at a time: looking for a place and taking it are several steps.
        self._starting = asyncio.Lock()

    # --- what callers ask

    async def start(self, request: extract_pb2.StartCalibrationJobRequest) -> extract_pb2.CalibrationJob:
        """Begins a calibration job, or goes on with the one of the same subject and conditions; a completed one is told as it is.

        Raises:
            Overloaded: too many calibration jobs run.
            Conflict: the same runs as a trial, and this request wants it in force.
            And what `MeasurementPlanner.plan` raises.
        """
        return (await self._started(request))[0]

    async def _started(
        self, request: extract_pb2.StartCalibrationJobRequest
    ) -> tuple[extract_pb2.CalibrationJob, bool]:
        """The calibration job, and whether it is this call that set it going."""
        plan = await self._planner.plan(request)
        async with self._starting:
            return await self._find_or_begin(request, plan)

    async def _find_or_begin(
        self, request: extract_pb2.StartCalibrationJobRequest, plan: MeasurementPlan
    ) -> tuple[extract_pb2.CalibrationJob, bool]:
        calibration_job_id = _id_of(plan, self._model_digest)
        document = await self._found(calibration_job_id)
        if document is None:
            document = CalibrationJobDocument(
                calibration_job=_new_calibration_job(calibration_job_id, request), request=request
            )
        elif document.calibration_job.state == extract_pb2.CALIBRATION_JOB_STATE_COMPLETED:
            return await self._put_in_force(document, plan), False
        elif document.calibration_job.state == _RUNNING and (
            _mine(calibration_job_id) in self._tasks or not self._is_stale(document)
        ):
            if request.apply and not (document.request.apply or plan.is_usual):
                raise _runs_as_trial()
            await self._store.put(open_calibration_job_key(current_owner(), calibration_job_id), _JOINED)
            return document.calibration_job, False
        document.request.apply = request.apply
        try:
            await self._take_on(document, plan)
        except Conflict:  # another process has begun it at this moment: this call joins
            return await self._find_or_begin(request, plan)
        return document.calibration_job, True

    async def _put_in_force(
        self, document: CalibrationJobDocument, plan: MeasurementPlan
    ) -> extract_pb2.CalibrationJob:
        """A completed calibration job's result once more: something else may have been in force since, or it was a trial until now."""
        was_trial = document.calibration_job.calibration.is_trial
        await plan.put_in_force(document.calibration_job)
        if document.calibration_job.calibration.is_trial != was_trial:
            await self._save(document)
        return document.calibration_job

    async def get(self, calibration_job_id: str) -> extract_pb2.CalibrationJob:
        """A stored calibration job. Raises NotFound."""
        return (await self._known(calibration_job_id)).calibration_job

    async def watch(self, calibration_job_id: str) -> AsyncGenerator[extract_pb2.CalibrationJob, None]:
        """The calibration job now and at every change, until it is final."""
        seen: extract_pb2.CalibrationJob | None = None
        while True:
            document = await self._known(calibration_job_id)
            if document.calibration_job != seen:
                seen = document.calibration_job
                yield document.calibration_job
            if document.calibration_job.state in _FINAL:
                return
            await asyncio.sleep(_POLL_S)

    async def cancel(self, calibration_job_id: str) -> extract_pb2.CalibrationJob:
        """Stops a running calibration job; what was measured stays. A final one is left as it is. Raises NotFound."""
        if (task := self._tasks.pop(_mine(calibration_job_id), None)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        while (document := await self._known(calibration_job_id)).calibration_job.state == _RUNNING:
            document.calibration_job.state = extract_pb2.CALIBRATION_JOB_STATE_CANCELLED
            with contextlib.suppress(Conflict):  # a beat came in between, here or elsewhere
                await self._save(document)
                await self._close_marker(document)
        return document.calibration_job

    async def follow(
        self, request: extract_pb2.StartCalibrationJobRequest
    ) -> AsyncGenerator[extract_pb2.CalibrationJob, None]:
        """Starts and watches. A caller who leaves cancels what this very call has started and nobody else has asked for since, here or at
        another process; asking again resumes it. Raises the fault of a failed one, and Cancelled where somebody has cancelled it.
        """
        calibration_job, is_ours = await self._started(request)
        try:
            async with aclosing(self.watch(calibration_job.calibration_job_id)) as changes:
                async for calibration_job in changes:
                    yield calibration_job
        finally:
            if (
                is_ours
                and calibration_job.state == _RUNNING
                and not await self._is_joined(calibration_job.calibration_job_id)
            ):
                await self.cancel(calibration_job.calibration_job_id)
        if calibration_job.state == extract_pb2.CALIBRATION_JOB_STATE_FAILED:
            raise ResonanceError(calibration_job.error.message, reason=calibration_job.error.reason)
        if calibration_job.state == extract_pb2.CALIBRATION_JOB_STATE_CANCELLED:
            raise Cancelled(
                f"calibration job {calibration_job.calibration_job_id} was cancelled; ask again, and it goes on with what is missing"
            )

    # --- in the background

    async def patrol(self) -> None:
        """Takes over calibration jobs whose process has died, for ever."""
        while True:
            with contextlib.suppress(ResonanceError):
                await self.take_over()
            await asyncio.sleep(self._lease_s / 4)

    async def take_over(self) -> int:
        """Goes on with every running calibration job of this model that was not seen to change for a lease, whosever it is; returns how many."""
        count, seen = 0, set()
        async for key in self._store.keys(open_calibration_job_key("", "")):
            calibration_job_id, _, owner = key.partition("/")[2].partition(".")
            seen.add((owner, calibration_job_id))
            try:
                with acting_as(owner):  # what is started here works for the owner, too
                    count += await self._take_over(calibration_job_id)
            except ResonanceError as failure:
                _log.info("a calibration job was left alone", calibration_job=calibration_job_id, message=str(failure))
        self._sightings = {one: sighting for one, sighting in self._sightings.items() if one in seen}
        return count

    async def _take_over(self, calibration_job_id: str) -> bool:
        async with self._starting:
            return await self._take_over_stale(calibration_job_id)

    async def _take_over_stale(self, calibration_job_id: str) -> bool:
        document = await self._found(calibration_job_id)
        if document is None or document.calibration_job.state != _RUNNING:
            await self._store.delete(open_calibration_job_key(current_owner(), calibration_job_id))
            return False
        if _mine(calibration_job_id) in self._tasks or not self._is_stale(document):
            return False
        plan = await self._planner.plan(document.request)
        if _id_of(plan, self._model_digest) != calibration_job_id:
            return False  # another model's, or of a concept that was made anew
        await self._take_on(document, plan)
        return True

    async def close(self) -> None:
        """Stops working; running calibration jobs stay marked as running, and whoever starts next takes them over."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- the work

    async def _take_on(self, document: CalibrationJobDocument, plan: MeasurementPlan) -> None:
        if len(self._tasks) >= STUDIES_RUNNING_MAX:
            raise Overloaded(
                f"{STUDIES_RUNNING_MAX} calibration jobs run already; wait for one or cancel it",
                reason="TOO_MANY_STUDIES",
                retry_after_s=30.0,
            )
        calibration_job_id, keys = document.calibration_job.calibration_job_id, plan.keys
        document.owner = self._owner
        document.calibration_job.state = _RUNNING
        document.calibration_job.ClearField("error")
        document.calibration_job.reused = sum(key in document.cells for key in keys)
        document.calibration_job.progress.done = document.calibration_job.reused
        document.calibration_job.progress.total = len(keys)
        document.calibration_job.progress.waiting = ""
        await self._open_marker(calibration_job_id)
        await self._save(document)
        task = asyncio.create_task(self._run(document, plan))
        place = _mine(calibration_job_id)
        self._tasks[place] = task
        task.add_done_callback(lambda done: self._forget(place, done))

    def _forget(self, place: tuple[str, str], task: asyncio.Task[None]) -> None:
        if self._tasks.get(place) is task:
            del self._tasks[place]

    async def _run(self, document: CalibrationJobDocument, plan: MeasurementPlan) -> None:
        work = asyncio.current_task()
        assert work is not None, "it is run as a task"
        beat = asyncio.create_task(self._beat(document, work))
        try:
            await self._measure(document, plan)
            await plan.finish(document.calibration_job, document.cells)
            await plan.put_in_force(document.calibration_job)
            document.calibration_job.state = (
                extract_pb2.CALIBRATION_JOB_STATE_COMPLETED
            )  # not before: a beat may write it at any moment
            await self._save(document)
            await self._close_marker(document)
        except Conflict:
            _log.info(
                "a calibration job was taken from this process",
                calibration_job=document.calibration_job.calibration_job_id,
            )
        except Exception as failure:
            fault = (
                failure
                if isinstance(failure, ResonanceError)
                else ResonanceError("the calibration job failed; see the log")
            )
            _log.error(
                "a calibration job failed",
                calibration_job=document.calibration_job.calibration_job_id,
                exc_info=failure,
            )
            document.calibration_job.state = extract_pb2.CALIBRATION_JOB_STATE_FAILED
            document.calibration_job.error.CopyFrom(jobs_pb2.Fault(reason=fault.reason, message=fault.message))
            with contextlib.suppress(ResonanceError):
                await self._save(document)
                await self._close_marker(document)
        finally:
            beat.cancel()

    async def _open_marker(self, calibration_job_id: str) -> None:
        """The calibration job is not final. A marker that stands stays as it is; one may be missing where another process saw the calibration job before."""
        key = open_calibration_job_key(current_owner(), calibration_job_id)
        if not await self._store.exists(key):
            await self._store.put(key, b"")

    async def _is_joined(self, calibration_job_id: str) -> bool:
        """Whether anybody but its starter has asked for the running calibration job."""
        try:
            return (
                await self._store.get(open_calibration_job_key(current_owner(), calibration_job_id))
            ).data == _JOINED
        except (NotFound, DataLoss):
            return False

    async def _close_marker(self, document: CalibrationJobDocument) -> None:
        """The calibration job is final: nobody need look at it again."""
        await self._store.delete(open_calibration_job_key(current_owner(), document.calibration_job.calibration_job_id))

    async def _measure(self, document: CalibrationJobDocument, plan: MeasurementPlan) -> None:
        missing = iter([key for key in plan.keys if key not in document.cells])
        patience = start_backoff(self._patience_s)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._measure_some(document, plan, missing, patience))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures

    async def _measure_some(
        self, document: CalibrationJobDocument, plan: MeasurementPlan, missing: Iterator[str], patience: Backoff
    ) -> None:
        for key in missing:
            document.cells[key] = await self._measured(document, plan, key, patience)
            patience.progressed()
            document.calibration_job.progress.done += 1
            document.calibration_job.progress.waiting = ""
            await self._save_patiently(document, patience)

    async def _measured(
        self, document: CalibrationJobDocument, plan: MeasurementPlan, key: str, patience: Backoff
    ) -> dict[str, Any]:
        """One part; waits while others have every place, and while the service is away."""
        while True:
            try:
                return await plan.measure(key)
            except (Overloaded, Unavailable) as failure:
                pause_s = patience.pause_s(failure)
                document.calibration_job.progress.waiting = f"tried again in {pause_s:.0f} s: {failure.message}"
            await self._save_patiently(document, patience)
            await asyncio.sleep(pause_s)

    async def _save_patiently(self, document: CalibrationJobDocument, patience: Backoff) -> None:
        """Writes; waits while the store is away. Raises Conflict as `_save`."""
        while True:
            try:
                return await self._save(document)
            except Unavailable as failure:
                await asyncio.sleep(patience.pause_s(failure))

    async def _beat(self, document: CalibrationJobDocument, work: asyncio.Task[None]) -> None:
        """Tells other processes that somebody works on it; ends work that was taken or cancelled elsewhere."""
        while True:
            await asyncio.sleep(self._lease_s / 4)
            document.beat += 1
            try:
                await self._save(document, is_change=False)
                await self._open_marker(document.calibration_job.calibration_job_id)
            except Conflict:
                work.cancel()
                return
            except ResonanceError as failure:
                _log.warning(
                    "a calibration job's store is away",
                    calibration_job=document.calibration_job.calibration_job_id,
                    why=failure.message,
                )

    # --- the store

    async def _found(self, calibration_job_id: str) -> CalibrationJobDocument | None:
        try:
            stored = await self._store.get(calibration_job_key(calibration_job_id))
        except NotFound:
            return None
        return CalibrationJobDocument.from_bytes(stored.data, stored.version)

    async def _known(self, calibration_job_id: str) -> CalibrationJobDocument:
        document = await self._found(calibration_job_id)
        if document is None:
            raise NotFound(f"there is no calibration job {calibration_job_id}", reason="NO_SUCH_STUDY")
        return document

    async def _save(self, document: CalibrationJobDocument, *, is_change: bool = True) -> None:
        """Raises Conflict where somebody else has written in between."""
        async with document.writing:
            if is_change:
                document.calibration_job.update_time.GetCurrentTime()
            key, data = calibration_job_key(document.calibration_job.calibration_job_id), document.to_bytes()
            if document.version:
                document.version = await self._store.replace(key, data, version=document.version)
            else:
                await self._store.create(key, data)
                document.version = (await self._store.get(key)).version

    def _is_stale(self, document: CalibrationJobDocument) -> bool:
        """Whether its owner is gone: it was not seen to change for a lease, by our own clock."""
        place, now_s = _mine(document.calibration_job.calibration_job_id), asyncio.get_running_loop().time()
        seen = self._sightings.get(place)
        if seen is None or seen.version != document.version:
            self._sightings[place] = _Sighting(document.version, now_s)
            return False
        return now_s - seen.since_s >= self._lease_s


def _mine(calibration_job_id: str) -> tuple[str, str]:
    return current_owner(), calibration_job_id


def _new_calibration_job(
    calibration_job_id: str, request: extract_pb2.StartCalibrationJobRequest
) -> extract_pb2.CalibrationJob:
    kind = request.kind or extract_pb2.CALIBRATION_JOB_KIND_RANGE
    calibration_job = extract_pb2.CalibrationJob(
        calibration_job_id=calibration_job_id, kind=kind, concept=request.concept, taste_id=request.taste_id
    )
    calibration_job.create_time.GetCurrentTime()
    return calibration_job


def _runs_as_trial() -> Conflict:
    message = (
        "the same runs already, and as a trial: ask for it with `apply` once it is done, and it is in force at once"
    )
    return Conflict(message, reason="RUNS_AS_TRIAL", retry_after_s=30.0)


def _id_of(plan: MeasurementPlan, model_digest: str) -> str:
    """The same subject, kind and conditions have the same id; a concept that was made anew has another."""
    return "s-" + canonical_digest([model_digest, *plan.identity])[:24]

"""Studies: calibrations, layer scans and references as jobs in the object store - watched, cancelled, resumed, taken over after a crash."""

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
from resonance.ids import digest_of, new_request_id
from resonance.keys import open_study_key, study_key
from resonance.store import ObjectStore
from resonance.v1 import extract_pb2, jobs_pb2
from resonance_extract.patience import PATIENCE_S, Patience, patience_of
from resonance_extract.plans import Plan, Planner
from resonance_extract.study_document import StudyDocument

# Two at once share the decoder's products; the other slots stay free for listeners.
AT_ONCE = 2
LEASE_S = 8.0
STUDIES_RUNNING_MAX = 4
_POLL_S = 0.2
_JOINED = b"joined"  # in a running study's marker: somebody but its starter has asked for it, too
_RUNNING, _FINAL = (
    extract_pb2.STUDY_STATE_RUNNING,
    (extract_pb2.STUDY_STATE_COMPLETED, extract_pb2.STUDY_STATE_FAILED, extract_pb2.STUDY_STATE_CANCELLED),
)
_log = structlog.get_logger("extract")


@dataclass(frozen=True, slots=True)
class _Sighting:
    """A running study's version as it was first seen. Nobody changes a dead owner's; no clock but our own tells for how long."""

    version: str
    since_s: float


class Studies:
    """Starts, runs and keeps studies. A rendering that was measured once is in the document and is never made again."""

    def __init__(
        self,
        store: ObjectStore,
        planner: Planner,
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
        # One study is set going at a time: looking for a place and taking it are several steps.
        self._starting = asyncio.Lock()

    # --- what callers ask

    async def start(self, request: extract_pb2.StartStudyRequest) -> extract_pb2.Study:
        """Begins a study, or goes on with the one of the same subject and conditions; a completed one is told as it is.

        Raises:
            Overloaded: too many studies run.
            Conflict: the same runs as a trial, and this request wants it in force.
            And what `Planner.plan` raises.
        """
        return (await self._started(request))[0]

    async def _started(self, request: extract_pb2.StartStudyRequest) -> tuple[extract_pb2.Study, bool]:
        """The study, and whether it is this call that set it going."""
        plan = await self._planner.plan(request)
        async with self._starting:
            return await self._find_or_begin(request, plan)

    async def _find_or_begin(
        self, request: extract_pb2.StartStudyRequest, plan: Plan
    ) -> tuple[extract_pb2.Study, bool]:
        study_id = _id_of(plan, self._model_digest)
        document = await self._found(study_id)
        if document is None:
            document = StudyDocument(study=_new_study(study_id, request), request=request)
        elif document.study.state == extract_pb2.STUDY_STATE_COMPLETED:
            return await self._put_in_force(document, plan), False
        elif document.study.state == _RUNNING and (_mine(study_id) in self._tasks or not self._is_stale(document)):
            if request.apply and not (document.request.apply or plan.is_usual):
                raise _runs_as_trial()
            await self._store.put(open_study_key(current_owner(), study_id), _JOINED)
            return document.study, False
        document.request.apply = request.apply
        try:
            await self._take_on(document, plan)
        except Conflict:  # another process has begun it at this moment: this call joins
            return await self._find_or_begin(request, plan)
        return document.study, True

    async def _put_in_force(self, document: StudyDocument, plan: Plan) -> extract_pb2.Study:
        """A completed study's result once more: something else may have been in force since, or it was a trial until now."""
        was_trial = document.study.calibration.is_trial
        await plan.put_in_force(document.study)
        if document.study.calibration.is_trial != was_trial:
            await self._save(document)
        return document.study

    async def get(self, study_id: str) -> extract_pb2.Study:
        """A stored study. Raises NotFound."""
        return (await self._known(study_id)).study

    async def watch(self, study_id: str) -> AsyncGenerator[extract_pb2.Study, None]:
        """The study now and at every change, until it is final."""
        seen: extract_pb2.Study | None = None
        while True:
            document = await self._known(study_id)
            if document.study != seen:
                seen = document.study
                yield document.study
            if document.study.state in _FINAL:
                return
            await asyncio.sleep(_POLL_S)

    async def cancel(self, study_id: str) -> extract_pb2.Study:
        """Stops a running study; what was measured stays. A final one is left as it is. Raises NotFound."""
        if (task := self._tasks.pop(_mine(study_id), None)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        while (document := await self._known(study_id)).study.state == _RUNNING:
            document.study.state = extract_pb2.STUDY_STATE_CANCELLED
            with contextlib.suppress(Conflict):  # a beat came in between, here or elsewhere
                await self._save(document)
                await self._close_marker(document)
        return document.study

    async def follow(self, request: extract_pb2.StartStudyRequest) -> AsyncGenerator[extract_pb2.Study, None]:
        """Starts and watches. A caller who leaves cancels what this very call has started and nobody else has asked for since, here or at
        another process; asking again resumes it. Raises the fault of a failed one, and Cancelled where somebody has cancelled it.
        """
        study, is_ours = await self._started(request)
        try:
            async with aclosing(self.watch(study.study_id)) as changes:
                async for study in changes:
                    yield study
        finally:
            if is_ours and study.state == _RUNNING and not await self._is_joined(study.study_id):
                await self.cancel(study.study_id)
        if study.state == extract_pb2.STUDY_STATE_FAILED:
            raise ResonanceError(study.error.message, reason=study.error.reason)
        if study.state == extract_pb2.STUDY_STATE_CANCELLED:
            raise Cancelled(f"study {study.study_id} was cancelled; ask again, and it goes on with what is missing")

    # --- in the background

    async def patrol(self) -> None:
        """Takes over studies whose process has died, for ever."""
        while True:
            with contextlib.suppress(ResonanceError):
                await self.take_over()
            await asyncio.sleep(self._lease_s / 4)

    async def take_over(self) -> int:
        """Goes on with every running study of this model that was not seen to change for a lease, whosever it is; returns how many."""
        count, seen = 0, set()
        async for key in self._store.keys(open_study_key("", "")):
            study_id, _, owner = key.partition("/")[2].partition(".")
            seen.add((owner, study_id))
            try:
                with acting_as(owner):  # what is started here works for the owner, too
                    count += await self._take_over(study_id)
            except ResonanceError as failure:
                _log.info("a study was left alone", study=study_id, message=str(failure))
        self._sightings = {one: sighting for one, sighting in self._sightings.items() if one in seen}
        return count

    async def _take_over(self, study_id: str) -> bool:
        async with self._starting:
            return await self._take_over_stale(study_id)

    async def _take_over_stale(self, study_id: str) -> bool:
        document = await self._found(study_id)
        if document is None or document.study.state != _RUNNING:
            await self._store.delete(open_study_key(current_owner(), study_id))
            return False
        if _mine(study_id) in self._tasks or not self._is_stale(document):
            return False
        plan = await self._planner.plan(document.request)
        if _id_of(plan, self._model_digest) != study_id:
            return False  # another model's, or of a concept that was made anew
        await self._take_on(document, plan)
        return True

    async def close(self) -> None:
        """Stops working; running studies stay marked as running, and whoever starts next takes them over."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- the work

    async def _take_on(self, document: StudyDocument, plan: Plan) -> None:
        if len(self._tasks) >= STUDIES_RUNNING_MAX:
            raise Overloaded(
                f"{STUDIES_RUNNING_MAX} studies run already; wait for one or cancel it",
                reason="TOO_MANY_STUDIES",
                retry_after_s=30.0,
            )
        study_id, keys = document.study.study_id, plan.keys
        document.owner = self._owner
        document.study.state = _RUNNING
        document.study.ClearField("error")
        document.study.reused = sum(key in document.cells for key in keys)
        document.study.progress.done = document.study.reused
        document.study.progress.total = len(keys)
        document.study.progress.waiting = ""
        await self._open_marker(study_id)
        await self._save(document)
        task = asyncio.create_task(self._run(document, plan))
        place = _mine(study_id)
        self._tasks[place] = task
        task.add_done_callback(lambda done: self._forget(place, done))

    def _forget(self, place: tuple[str, str], task: asyncio.Task[None]) -> None:
        if self._tasks.get(place) is task:
            del self._tasks[place]

    async def _run(self, document: StudyDocument, plan: Plan) -> None:
        work = asyncio.current_task()
        assert work is not None, "it is run as a task"
        beat = asyncio.create_task(self._beat(document, work))
        try:
            await self._measure(document, plan)
            await plan.finish(document.study, document.cells)
            await plan.put_in_force(document.study)
            document.study.state = extract_pb2.STUDY_STATE_COMPLETED  # not before: a beat may write it at any moment
            await self._save(document)
            await self._close_marker(document)
        except Conflict:
            _log.info("a study was taken from this process", study=document.study.study_id)
        except Exception as failure:
            fault = failure if isinstance(failure, ResonanceError) else ResonanceError("the study failed; see the log")
            _log.error("a study failed", study=document.study.study_id, exc_info=failure)
            document.study.state = extract_pb2.STUDY_STATE_FAILED
            document.study.error.CopyFrom(jobs_pb2.Fault(reason=fault.reason, message=fault.message))
            with contextlib.suppress(ResonanceError):
                await self._save(document)
                await self._close_marker(document)
        finally:
            beat.cancel()

    async def _open_marker(self, study_id: str) -> None:
        """The study is not final. A marker that stands stays as it is; one may be missing where another process saw the study before."""
        key = open_study_key(current_owner(), study_id)
        if not await self._store.exists(key):
            await self._store.put(key, b"")

    async def _is_joined(self, study_id: str) -> bool:
        """Whether anybody but its starter has asked for the running study."""
        try:
            return (await self._store.get(open_study_key(current_owner(), study_id))).data == _JOINED
        except (NotFound, DataLoss):
            return False

    async def _close_marker(self, document: StudyDocument) -> None:
        """The study is final: nobody need look at it again."""
        await self._store.delete(open_study_key(current_owner(), document.study.study_id))

    async def _measure(self, document: StudyDocument, plan: Plan) -> None:
        missing = iter([key for key in plan.keys if key not in document.cells])
        patience = patience_of(self._patience_s)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._measure_some(document, plan, missing, patience))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures

    async def _measure_some(
        self, document: StudyDocument, plan: Plan, missing: Iterator[str], patience: Patience
    ) -> None:
        for key in missing:
            document.cells[key] = await self._measured(document, plan, key, patience)
            patience.progressed()
            document.study.progress.done += 1
            document.study.progress.waiting = ""
            await self._save_patiently(document, patience)

    async def _measured(self, document: StudyDocument, plan: Plan, key: str, patience: Patience) -> dict[str, Any]:
        """One part; waits while others have every place, and while the service is away."""
        while True:
            try:
                return await plan.measure(key)
            except (Overloaded, Unavailable) as failure:
                pause_s = patience.pause_s(failure)
                document.study.progress.waiting = f"tried again in {pause_s:.0f} s: {failure.message}"
            await self._save_patiently(document, patience)
            await asyncio.sleep(pause_s)

    async def _save_patiently(self, document: StudyDocument, patience: Patience) -> None:
        """Writes; waits while the store is away. Raises Conflict as `_save`."""
        while True:
            try:
                return await self._save(document)
            except Unavailable as failure:
                await asyncio.sleep(patience.pause_s(failure))

    async def _beat(self, document: StudyDocument, work: asyncio.Task[None]) -> None:
        """Tells other processes that somebody works on it; ends work that was taken or cancelled elsewhere."""
        while True:
            await asyncio.sleep(self._lease_s / 4)
            document.beat += 1
            try:
                await self._save(document, is_change=False)
                await self._open_marker(document.study.study_id)
            except Conflict:
                work.cancel()
                return
            except ResonanceError as failure:
                _log.warning("a study's store is away", study=document.study.study_id, why=failure.message)

    # --- the store

    async def _found(self, study_id: str) -> StudyDocument | None:
        try:
            stored = await self._store.get(study_key(study_id))
        except NotFound:
            return None
        return StudyDocument.from_bytes(stored.data, stored.version)

    async def _known(self, study_id: str) -> StudyDocument:
        document = await self._found(study_id)
        if document is None:
            raise NotFound(f"there is no study {study_id}", reason="NO_SUCH_STUDY")
        return document

    async def _save(self, document: StudyDocument, *, is_change: bool = True) -> None:
        """Raises Conflict where somebody else has written in between."""
        async with document.writing:
            if is_change:
                document.study.update_time.GetCurrentTime()
            key, data = study_key(document.study.study_id), document.to_bytes()
            if document.version:
                document.version = await self._store.replace(key, data, version=document.version)
            else:
                await self._store.create(key, data)
                document.version = (await self._store.get(key)).version

    def _is_stale(self, document: StudyDocument) -> bool:
        """Whether its owner is gone: it was not seen to change for a lease, by our own clock."""
        place, now_s = _mine(document.study.study_id), asyncio.get_running_loop().time()
        seen = self._sightings.get(place)
        if seen is None or seen.version != document.version:
            self._sightings[place] = _Sighting(document.version, now_s)
            return False
        return now_s - seen.since_s >= self._lease_s


def _mine(study_id: str) -> tuple[str, str]:
    return current_owner(), study_id


def _new_study(study_id: str, request: extract_pb2.StartStudyRequest) -> extract_pb2.Study:
    kind = request.kind or extract_pb2.STUDY_KIND_CALIBRATION
    study = extract_pb2.Study(study_id=study_id, kind=kind, concept=request.concept, taste_id=request.taste_id)
    study.create_time.GetCurrentTime()
    return study


def _runs_as_trial() -> Conflict:
    message = (
        "the same runs already, and as a trial: ask for it with `apply` once it is done, and it is in force at once"
    )
    return Conflict(message, reason="RUNS_AS_TRIAL", retry_after_s=30.0)


def _id_of(plan: Plan, model_digest: str) -> str:
    """The same subject, kind and conditions have the same id; a concept that was made anew has another."""
    return "s-" + digest_of([model_digest, *plan.identity])[:24]

"""Studies: calibrations, layer scans and references as jobs in the object store - watched, cancelled, resumed, taken over after a crash."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import structlog
from google.protobuf import json_format

from resonance.errors import Conflict, FailedPrecondition, NotFound, ResonanceError
from resonance.identity import acting_as, current_owner
from resonance.ids import digest_of, new_request_id
from resonance.keys import open_study_key, study_key
from resonance.store import ObjectStore
from resonance.v1 import extract_pb2, jobs_pb2
from resonance_extract.plans import Plan, Planner

# Two at once share the decoder's products; the other slots stay free for listeners.
AT_ONCE = 2
LEASE_S = 30.0
STUDIES_RUNNING_MAX = 4
_POLL_S = 0.2
_RUNNING, _FINAL = (
    extract_pb2.STUDY_STATE_RUNNING,
    (extract_pb2.STUDY_STATE_COMPLETED, extract_pb2.STUDY_STATE_FAILED, extract_pb2.STUDY_STATE_CANCELLED),
)
_log = structlog.get_logger("extract")


@dataclass(slots=True)
class _Document:
    """A study as it is stored: the message, what was asked, what was measured, and who works on it."""

    study: extract_pb2.Study
    request: extract_pb2.StartStudyRequest
    cells: dict[str, Any] = field(default_factory=dict)
    owner: str = ""
    version: str = ""
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def to_bytes(self) -> bytes:
        values = {
            "study": json_format.MessageToDict(self.study),
            "request": json_format.MessageToDict(self.request),
            "cells": self.cells,
            "owner": self.owner,
        }
        return json.dumps(values).encode()

    @classmethod
    def from_bytes(cls, data: bytes, version: str) -> _Document:
        values = json.loads(data)
        return cls(
            study=json_format.ParseDict(values["study"], extract_pb2.Study()),
            request=json_format.ParseDict(values["request"], extract_pb2.StartStudyRequest()),
            cells=values["cells"],
            owner=values["owner"],
            version=version,
        )


class Studies:
    """Starts, runs and keeps studies. A rendering that was measured once is in the document and is never made again."""

    def __init__(
        self,
        store: ObjectStore,
        planner: Planner,
        *,
        model_digest: str,
        lease_s: float = LEASE_S,
    ) -> None:
        self._store = store
        self._planner = planner
        self._model_digest = model_digest
        self._lease_s = lease_s
        self._owner = new_request_id()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    # --- what callers ask

    async def start(self, request: extract_pb2.StartStudyRequest) -> extract_pb2.Study:
        """Begins a study, or goes on with the one of the same subject and conditions; a completed one is told as it is.

        Raises:
            FailedPrecondition: too many studies run; and what `Planner.plan` raises.
            Conflict: the same runs as a trial, and this request wants it in force.
        """
        plan = await self._planner.plan(request)
        study_id = _id_of(plan, self._model_digest)
        document = await self._found(study_id)
        if document is None:
            document = _Document(study=_new_study(study_id, request), request=request)
        elif document.study.state == extract_pb2.STUDY_STATE_COMPLETED:
            return await self._put_in_force(document, plan)
        elif document.study.state == _RUNNING and (study_id in self._tasks or not self._is_stale(document)):
            if request.apply and not (document.request.apply or plan.is_usual):
                raise _runs_as_trial()
            return document.study
        document.request.apply = request.apply
        await self._take_on(document, plan)
        return document.study

    async def _put_in_force(self, document: _Document, plan: Plan) -> extract_pb2.Study:
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
        seen = ""
        while True:
            document = await self._known(study_id)
            if document.version != seen:
                seen = document.version
                yield document.study
            if document.study.state in _FINAL:
                return
            await asyncio.sleep(_POLL_S)

    async def cancel(self, study_id: str) -> extract_pb2.Study:
        """Stops a running study; what was measured stays. A final one is left as it is. Raises NotFound."""
        if (task := self._tasks.pop(study_id, None)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        document = await self._known(study_id)
        if document.study.state == _RUNNING:
            document.study.state = extract_pb2.STUDY_STATE_CANCELLED
            await self._save(document)
            await self._close_marker(document)
        return document.study

    async def follow(self, request: extract_pb2.StartStudyRequest) -> AsyncGenerator[extract_pb2.Study, None]:
        """Starts and watches; a caller who leaves cancels the study, and asking again resumes it. Raises the fault of a failed one."""
        study = await self.start(request)
        try:
            async with aclosing(self.watch(study.study_id)) as changes:
                async for study in changes:
                    yield study
        finally:
            if study.state == _RUNNING:
                await self.cancel(study.study_id)
        if study.state == extract_pb2.STUDY_STATE_FAILED:
            raise ResonanceError(study.error.message, reason=study.error.reason)

    # --- in the background

    async def patrol(self) -> None:
        """Takes over studies whose process has died, for ever."""
        while True:
            with contextlib.suppress(ResonanceError):
                await self.take_over()
            await asyncio.sleep(self._lease_s / 2)

    async def take_over(self) -> int:
        """Goes on with every running study of this model that nobody has touched for a lease, whosever it is; returns how many."""
        count = 0
        async for key in self._store.keys(open_study_key("", "")):
            study_id, _, owner = key.partition("/")[2].partition(".")
            try:
                with acting_as(owner):  # what is started here works for the owner, too
                    count += await self._take_over(study_id)
            except ResonanceError as failure:
                _log.info("a study was left alone", study=study_id, message=str(failure))
        return count

    async def _take_over(self, study_id: str) -> bool:
        document = await self._found(study_id)
        if document is None or document.study.state != _RUNNING:
            await self._store.delete(open_study_key(current_owner(), study_id))
            return False
        if study_id in self._tasks or not self._is_stale(document):
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

    async def _take_on(self, document: _Document, plan: Plan) -> None:
        if len(self._tasks) >= STUDIES_RUNNING_MAX:
            raise FailedPrecondition(
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
        await self._store.put(open_study_key(current_owner(), study_id), b"")
        await self._save(document)
        task = asyncio.create_task(self._run(document, plan))
        self._tasks[study_id] = task
        task.add_done_callback(lambda done: self._forget(study_id, done))

    def _forget(self, study_id: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(study_id) is task:
            del self._tasks[study_id]

    async def _run(self, document: _Document, plan: Plan) -> None:
        beat = asyncio.create_task(self._beat(document))
        try:
            await self._measure(document, plan)
            await plan.finish(document.study, document.cells)
            document.study.state = extract_pb2.STUDY_STATE_COMPLETED
            await plan.put_in_force(document.study)
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

    async def _close_marker(self, document: _Document) -> None:
        """The study is final: nobody need look at it again."""
        await self._store.delete(open_study_key(current_owner(), document.study.study_id))

    async def _measure(self, document: _Document, plan: Plan) -> None:
        missing = iter([key for key in plan.keys if key not in document.cells])
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._measure_some(document, plan, missing))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures

    async def _measure_some(self, document: _Document, plan: Plan, missing: Iterator[str]) -> None:
        for key in missing:
            document.cells[key] = await plan.measure(key)
            document.study.progress.done += 1
            await self._save(document)

    async def _beat(self, document: _Document) -> None:
        """Tells other processes that somebody works on it, however long a rendering takes."""
        while True:
            await asyncio.sleep(self._lease_s / 3)
            with contextlib.suppress(ResonanceError):
                await self._save(document)

    # --- the store

    async def _found(self, study_id: str) -> _Document | None:
        try:
            stored = await self._store.get(study_key(study_id))
        except NotFound:
            return None
        return _Document.from_bytes(stored.data, stored.version)

    async def _known(self, study_id: str) -> _Document:
        document = await self._found(study_id)
        if document is None:
            raise NotFound(f"there is no study {study_id}", reason="NO_SUCH_STUDY")
        return document

    async def _save(self, document: _Document) -> None:
        """Raises Conflict where somebody else has written in between."""
        async with document.writing:
            document.study.update_time.GetCurrentTime()
            key, data = study_key(document.study.study_id), document.to_bytes()
            if document.version:
                document.version = await self._store.replace(key, data, version=document.version)
            else:
                await self._store.create(key, data)
                document.version = (await self._store.get(key)).version

    def _is_stale(self, document: _Document) -> bool:
        """Whether its owner is gone: another process of the past, or silent for a lease."""
        now = extract_pb2.Study()
        now.update_time.GetCurrentTime()
        return now.update_time.ToNanoseconds() - document.study.update_time.ToNanoseconds() > self._lease_s * 1e9


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

"""Studies: calibrations and layer scans as jobs in the object store - watched, cancelled, resumed, taken over after a crash."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import structlog
from google.protobuf import json_format

from resonance.errors import Conflict, FailedPrecondition, NotFound, ResonanceError, invalid_field
from resonance.ids import digest_of, new_request_id
from resonance.keys import study_key, taste_calibration_key
from resonance.store import ObjectStore
from resonance.taste import Direction
from resonance.v1 import extract_pb2, jobs_pb2
from resonance_extract.calibration import calibration_of
from resonance_extract.concepts import ConceptShelf, usable
from resonance_extract.extraction import TasteShelf
from resonance_extract.layers import best_layers
from resonance_extract.renderings import Condition, Measured, Renderer, Subject
from resonance_extract.scan import SCAN_STRENGTH, forms_of, renderings_of

# The push accumulates over layers and guidance multiplies it: on the embedded model half a unit already saturates most sliders (see
# docs/steering.md), so the ladder is fine near zero.
STRENGTHS = (-2.0, -1.0, -0.5, -0.25, -0.1, -0.05, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
PROMPTS = ("calm piano music", "rock with drums and bass", "ambient synth", "jazz")
CLIP_S = 4.0
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
        concepts: ConceptShelf,
        tastes: TasteShelf,
        renderer: Renderer,
        *,
        model_digest: str,
        lease_s: float = LEASE_S,
    ) -> None:
        self._store = store
        self._concepts = concepts
        self._tastes = tastes
        self._renderer = renderer
        self._model_digest = model_digest
        self._lease_s = lease_s
        self._owner = new_request_id()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    # --- what callers ask

    async def start(self, request: extract_pb2.StartStudyRequest) -> extract_pb2.Study:
        """Begins a study, or goes on with the one of the same subject and conditions; a completed one is told as it is.

        Raises:
            InvalidInput: not exactly one subject is named.
            NotFound: there is no such concept or taste.
            FailedPrecondition: the concept is not usable, the taste is another model's, or too many studies run.
        """
        subject = await self._subject_of(request)
        study_id = _id_of(request, subject, self._model_digest)
        document = await self._found(study_id)
        if document is None:
            document = _Document(study=_new_study(study_id, request), request=request)
        elif document.study.state == extract_pb2.STUDY_STATE_COMPLETED:
            await self._put_in_force(document.study, subject)
            return document.study
        elif document.study.state == _RUNNING and (study_id in self._tasks or not self._is_stale(document)):
            return document.study
        await self._take_on(document, subject)
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
        """Goes on with every running study of this model that nobody has touched for a lease; returns how many."""
        count = 0
        async for key in self._store.keys(study_key("s").removesuffix("s.json")):
            document = await self._found(key.rpartition("/")[2].removesuffix(".json"))
            if document is None or document.study.state != _RUNNING or not self._is_stale(document):
                continue
            if document.study.study_id in self._tasks:
                continue
            try:
                subject = await self._subject_of(document.request)
                if _id_of(document.request, subject, self._model_digest) == document.study.study_id:
                    await self._take_on(document, subject)
                    count += 1
            except ResonanceError as failure:
                _log.info("a study was left alone", study=document.study.study_id, message=str(failure))
        return count

    async def close(self) -> None:
        """Stops working; running studies stay marked as running, and whoever starts next takes them over."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- the work

    async def _take_on(self, document: _Document, subject: Subject) -> None:
        if len(self._tasks) >= STUDIES_RUNNING_MAX:
            raise FailedPrecondition(
                f"{STUDIES_RUNNING_MAX} studies run already; wait for one or cancel it",
                reason="TOO_MANY_STUDIES",
                retry_after_s=30.0,
            )
        conditions = _conditions_of(document.request, subject)
        document.owner = self._owner
        document.study.state = _RUNNING
        document.study.ClearField("error")
        document.study.reused = sum(one.key in document.cells for one in conditions)
        document.study.progress.done = document.study.reused
        document.study.progress.total = len(conditions)
        await self._save(document)
        study_id = document.study.study_id
        task = asyncio.create_task(self._run(document, subject, conditions))
        self._tasks[study_id] = task
        task.add_done_callback(lambda done: self._forget(study_id, done))

    def _forget(self, study_id: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(study_id) is task:
            del self._tasks[study_id]

    async def _run(self, document: _Document, subject: Subject, conditions: Sequence[Condition]) -> None:
        beat = asyncio.create_task(self._beat(document))
        try:
            await self._measure(document, subject, conditions)
            _finish(document, subject, conditions)
            await self._put_in_force(document.study, subject)
            await self._save(document)
        except Conflict:
            _log.info("a study was taken from this process", study=document.study.study_id)
        except Exception as failure:
            fault = failure if isinstance(failure, ResonanceError) else ResonanceError("the study failed; see the log")
            _log.error("a study failed", study=document.study.study_id, exc_info=failure)
            document.study.state = extract_pb2.STUDY_STATE_FAILED
            document.study.error.CopyFrom(jobs_pb2.Fault(reason=fault.reason, message=fault.message))
            with contextlib.suppress(ResonanceError):
                await self._save(document)
        finally:
            beat.cancel()

    async def _measure(self, document: _Document, subject: Subject, conditions: Sequence[Condition]) -> None:
        missing = iter([one for one in conditions if one.key not in document.cells])
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._measure_some(document, subject, missing))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures

    async def _measure_some(self, document: _Document, subject: Subject, missing: Iterator[Condition]) -> None:
        for condition in missing:
            measured = await self._renderer.measured(condition, subject)
            document.cells[condition.key] = measured.to_json()
            document.study.progress.done += 1
            await self._save(document)

    async def _beat(self, document: _Document) -> None:
        """Tells other processes that somebody works on it, however long a rendering takes."""
        while True:
            await asyncio.sleep(self._lease_s / 3)
            with contextlib.suppress(ResonanceError):
                await self._save(document)

    async def _put_in_force(self, study: extract_pb2.Study, subject: Subject) -> None:
        """A finished calibration becomes the subject's safe range."""
        if not study.HasField("calibration"):
            return
        if subject.concept:
            concept = await self._concepts.get(subject.concept)
            concept.calibration.CopyFrom(study.calibration)
            await self._concepts.save(concept)
        else:
            data = json_format.MessageToJson(study.calibration, indent=None).encode()
            await self._store.put(taste_calibration_key(subject.taste_id, subject.vector_sha256), data)

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

    async def _subject_of(self, request: extract_pb2.StartStudyRequest) -> Subject:
        if bool(request.concept) == bool(request.taste_id):
            raise invalid_field("concept", "ONE_SUBJECT", "name a concept or a taste, and not both")
        if request.concept:
            concept = usable(await self._concepts.get(request.concept))
            direction = await self._direction(concept.vector_key)
            return Subject(
                concept=concept.name,
                taste_id="",
                direction=direction,
                vector_sha256=concept.vector_sha256,
                norm_max=max(layer.norm for layer in concept.layers),
                best_layers=tuple(best_layers(concept.layers)),
            )
        taste = await self._tastes.get(request.taste_id)
        if taste.model_digest != self._model_digest:
            raise FailedPrecondition(
                f"taste {request.taste_id} was made for another model; make it again", reason="MODEL_MISMATCH"
            )
        order = sorted(range(len(taste.layer_norms)), key=lambda layer: -taste.layer_norms[layer])
        return Subject(
            concept="",
            taste_id=request.taste_id,
            direction=await self._direction(taste.vector_key),
            vector_sha256=taste.vector_sha256,
            norm_max=max(taste.layer_norms),
            best_layers=tuple(order[:3]),
        )

    async def _direction(self, key: str) -> Direction:
        return Direction.from_bytes((await self._store.get(key)).data)


def _conditions_of(request: extract_pb2.StartStudyRequest, subject: Subject) -> list[Condition]:
    """What is rendered, unsteered twins first of each prompt."""
    prompts, clip_s = list(request.prompts) or list(PROMPTS), max(1.0, request.clip_s) if request.clip_s else CLIP_S
    if request.kind == extract_pb2.STUDY_KIND_LAYER_SCAN:
        strengths, forms = list(request.strengths) or [-SCAN_STRENGTH, SCAN_STRENGTH], forms_of(subject)
    else:
        strengths, forms = list(request.strengths) or list(STRENGTHS), ["all"]
    steered = [(form, strength) for form in forms for strength in sorted({*strengths} - {0.0})]
    return [
        Condition(prompt=prompt, strength=strength, clip_s=clip_s, form=form)
        for prompt in prompts
        for form, strength in [("all", 0.0), *steered]
    ]


def _finish(document: _Document, subject: Subject, conditions: Sequence[Condition]) -> None:
    measured = {one: Measured.from_json(document.cells[one.key]) for one in conditions}
    if document.study.kind == extract_pb2.STUDY_KIND_LAYER_SCAN:
        del document.study.renderings[:]
        document.study.renderings.extend(renderings_of(measured))
    else:
        document.study.calibration.CopyFrom(calibration_of(measured, norm_max=subject.norm_max))
        document.study.calibration.create_time.GetCurrentTime()
    document.study.state = extract_pb2.STUDY_STATE_COMPLETED


def _new_study(study_id: str, request: extract_pb2.StartStudyRequest) -> extract_pb2.Study:
    kind = request.kind or extract_pb2.STUDY_KIND_CALIBRATION
    study = extract_pb2.Study(study_id=study_id, kind=kind, concept=request.concept, taste_id=request.taste_id)
    study.create_time.GetCurrentTime()
    return study


def _id_of(request: extract_pb2.StartStudyRequest, subject: Subject, model_digest: str) -> str:
    """The same subject, kind and conditions have the same id; a concept that was made anew has another."""
    keys = sorted(one.key for one in _conditions_of(request, subject))
    kind = request.kind or extract_pb2.STUDY_KIND_CALIBRATION
    return "s-" + digest_of([model_digest, kind, subject.concept, subject.taste_id, subject.vector_sha256, keys])[:24]

"""Adoption of the loaded model: background work of the engine on its missing parts.

It makes a new model ready, and makes again what was lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import structlog

from resonance.durable import Engine
from resonance.errors import FailedPrecondition, ResonanceError
from resonance.v1 import extract_pb2
from resonance_extract.activations.background import in_background
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.adoption.document import AdoptionDocument
from resonance_extract.adoption.parts import Part, is_essential
from resonance_extract.adoption.progress import COMPLETED, FAILED, IDLE, RUNNING, Progress, tell_duration
from resonance_extract.adoption.work import build_work

_CHECK_EVERY_S = 60.0  # while parts are missing
# Once none is: the list of what was set aside as damaged is one request to the store, a look at all parts is about eighty.
_DAMAGE_EVERY_S, _LOOK_EVERY_S = 300.0, 3 * 3600.0
_TELL_EVERY_S = 2.0
_LISTENERS = "listeners, who go first"
_log = structlog.get_logger("extract")


class Adoption:
    """Has the engine make the parts that are missing, one after another, as background work.

    `makes` chooses the parts that a start makes by itself; a caller asks for all with `start`. One process at a time works
    on them, because the engine runs one work of this id; where that process ends, another one goes on.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        document: AdoptionDocument,
        worker: ActivationWorker,
        engine: Engine,
        *,
        model_digest: str,
        is_shipped: bool,
        makes: Callable[[Part], bool],
        restore: Callable[[], Awaitable[object]],
        find_damaged: Callable[[], Awaitable[object]],
        work_scope: str = "",
    ) -> None:
        """`restore` puts shipped objects back that are missing; `find_damaged` names what was set aside as damaged.

        Work has ids and queues by `work_scope`, which is the model's digest.
        """
        self._parts = parts
        self._document = document
        self._worker = worker
        self._turns = worker.turns
        self._engine = engine
        self._model_digest = model_digest
        self._work = build_work(work_scope or model_digest)
        self._is_shipped = is_shipped
        self._makes = makes
        self._restore = restore
        self._find_damaged = find_damaged
        self._progress: Progress | None = None  # while this process works

    async def run(self) -> None:
        """Submits the adoption while parts are missing: at once, and each minute until none is.

        From then on it looks again when an object was set aside as damaged, and every three hours.
        """
        told = ""
        while True:
            is_open = True
            try:
                is_open = await self.submit_open()
                told = ""
            except ResonanceError as failure:
                if failure.message != told:
                    _log.warning("the model cannot be made ready at the moment", why=failure.message)
                told = failure.message
            await (asyncio.sleep(_CHECK_EVERY_S) if is_open else self._until_damaged())
            try:
                await self._restore()
            except ResonanceError as failure:
                _log.warning("the shipped objects cannot be checked at the moment", why=failure.message)

    async def _until_damaged(self) -> None:
        """Returns when something was set aside as damaged, or after three hours."""
        clock = asyncio.get_running_loop().time
        before, until_s = None, clock() + _LOOK_EVERY_S
        while clock() < until_s:
            with contextlib.suppress(ResonanceError):
                found = await self._find_damaged()
                if before is not None and found != before:
                    return
                before = found
            await asyncio.sleep(_DAMAGE_EVERY_S)

    async def submit_open(self) -> bool:
        """Submits the adoption where wanted parts are missing and it does not run. False where none is missing.

        Raises:
            Unsupported, Unavailable: as `Engine.begin`.
        """
        stored = await self._document.read()
        is_unfinished = stored.adoption is not None and stored.adoption.state == RUNNING
        if not is_unfinished and not (await self._look(stored.is_asked_for))[0]:
            return False
        await self._engine.begin(self._work)
        return True

    async def start(self) -> extract_pb2.Adoption:
        """Asks for all parts. Raises Unsupported, Unavailable where there is no workflow engine, or it is away."""
        await self._engine.start()
        await self._document.ask()
        await self._engine.submit(self._work)
        adoption = await self.status()
        if adoption.state in (IDLE, FAILED):
            adoption.state = RUNNING
        return adoption

    async def status(self) -> extract_pb2.Adoption:
        """The adoption now, by this process's work, else by another's, else by what the store has."""
        if self._progress is not None:
            return self._describe(self._progress, RUNNING)
        stored = await self._document.read()
        before = stored.adoption
        if before is not None and before.state == RUNNING:
            return before
        missing, progress = await self._look(stored.is_asked_for)
        adoption = self._describe(progress, IDLE if missing else COMPLETED)
        if missing and before is not None and before.state == FAILED:
            adoption.state = FAILED
            notes = {part.name: part.note for part in before.parts if part.state == FAILED}
            for part in adoption.parts:
                if part.state == IDLE and part.name in notes:
                    part.state, part.note = FAILED, notes[part.name]
        return adoption

    async def check_complete(self) -> None:
        """Raises FailedPrecondition where a part that could be made is missing."""
        missing = [part for part in self._parts if not await part.is_done() and not await part.why_left_out()]
        if missing:
            message = (
                f"{len(missing)} of {len(self._parts)} parts are not made yet, {missing[0].name} first: run `resonance adopt` "
                "and export when it is done"
            )
            raise FailedPrecondition(message, reason="ADOPTION_INCOMPLETE")

    async def make(self) -> None:
        """Makes the missing parts, and stores the progress. For the engine, which runs one at a time."""
        with in_background():
            missing, progress = await self._look((await self._document.read()).is_asked_for)
            self._progress = progress
            telling = asyncio.create_task(self._tell(progress))
            try:
                await self._make_all(missing, progress)
            finally:
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)
                self._progress = None
        has_failed = any(state.state == FAILED for state in progress.states.values())
        if not has_failed:
            await self._document.ask(False)
        await self._document.write(self._describe(progress, FAILED if has_failed else COMPLETED))
        if missing:
            _log.info("parts of the model could not be made ready" if has_failed else "the model is ready")
            await self._worker.release_memory()

    async def cancel(self) -> None:
        """Writes down that an operator cancelled the adoption. What RESONANCE_ADOPTION has a start make is submitted again."""
        await self._document.ask(False)
        _, progress = await self._look(False)
        await self._document.write(self._describe(progress, IDLE))

    async def _look(self, is_asked_for: bool) -> tuple[list[Part], Progress]:
        """The wanted parts that are missing, and the progress that the store tells: of those, and of all that are done."""
        shown, missing, notes = [], [], {}
        for part in self._parts:
            notes[part.name] = await part.why_left_out()
            is_missing = not notes[part.name] and not await part.is_done()
            if not is_missing or is_asked_for or self._makes(part):
                shown.append(part)
                missing += [part] * is_missing
        progress = Progress(shown, waited_s=lambda: self._turns.waited_s)
        for part in shown:
            if part not in missing:
                progress.finish(part, notes[part.name])
        return missing, progress

    async def _make_all(self, missing: Sequence[Part], progress: Progress) -> None:
        if not missing:
            return
        _log.info("making the model ready in the background", missing=len(missing), parts=len(progress.states))
        for part in missing:
            if note := await part.why_left_out():  # of a slider that was made a moment ago
                progress.finish(part, note)
                continue
            await self._make(part, progress)

    async def _make(self, part: Part, progress: Progress) -> None:
        progress.begin(part)
        try:
            await part.make(lambda done, total: progress.report(part, done, total))
        except ResonanceError as failure:
            progress.fail(part, failure.message)
            _log.error("a part could not be made ready", part=part.name, reason=failure.reason, message=failure.message)
            return
        progress.finish(part)
        left = tell_duration(progress.seconds_left)
        _log.info("ready", part=part.name, done=progress.done_count, of=len(progress.states), time_left=left)

    async def _tell(self, progress: Progress) -> None:
        """Stores the progress for other replicas while it changes."""
        while True:
            with contextlib.suppress(ResonanceError):  # the store is away; the work notices by itself
                await self._document.write(self._describe(progress, RUNNING))
            await asyncio.sleep(_TELL_EVERY_S)

    def _describe(self, progress: Progress, state: extract_pb2.AdoptionState) -> extract_pb2.Adoption:
        adoption = extract_pb2.Adoption(
            model_digest=self._model_digest,
            state=state,
            is_shipped=self._is_shipped,
            parts=progress.states.values(),
            progress=extract_pb2.Progress(done=progress.done_count, total=len(progress.states)),
        )
        if state == RUNNING and self._turns.is_yielding:
            adoption.progress.waiting = _LISTENERS
        if (left_s := progress.seconds_left) is not None and state == RUNNING:
            adoption.seconds_left = left_s
        return adoption


def parts_by_itself(setting: str, *, is_shipped: bool) -> Callable[[Part], bool]:
    """Chooses the parts that a start makes by itself, by RESONANCE_ADOPTION. A model that ships its sliders needs no more than those."""
    if setting == "off":
        return lambda _part: False
    if setting == "sliders" or is_shipped:
        return is_essential
    return lambda _part: True

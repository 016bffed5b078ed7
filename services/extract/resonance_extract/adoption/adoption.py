"""Adoption of the loaded model: background work on its missing parts.

It makes a new model ready, and makes again what was lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import structlog

from resonance.errors import FailedPrecondition, ResonanceError
from resonance.v1 import extract_pb2
from resonance_extract.activations.background import in_background
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.adoption.document import AdoptionDocument
from resonance_extract.adoption.parts import Part, is_essential
from resonance_extract.adoption.progress import COMPLETED, FAILED, IDLE, RUNNING, Progress, tell_duration

_CHECK_EVERY_S = 60.0
_LISTENERS = "listeners, who go first"
_log = structlog.get_logger("extract")


class Adoption:
    """Makes the parts that are missing, one after another, as background work.

    `makes` chooses the parts that a start makes by itself; a caller asks for all with `start`. One process at a time works on them, by
    the lease of the document.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        document: AdoptionDocument,
        worker: ActivationWorker,
        *,
        model_digest: str,
        is_shipped: bool,
        makes: Callable[[Part], bool],
        lease_s: float,
        restore: Callable[[], Awaitable[object]],
    ) -> None:
        """`restore` puts shipped objects back that are missing."""
        self._parts = parts
        self._document = document
        self._worker = worker
        self._turns = worker.turns
        self._model_digest = model_digest
        self._is_shipped = is_shipped
        self._makes = makes
        self._lease_s = lease_s
        self._restore = restore
        self._woken = asyncio.Event()
        self._progress: Progress | None = None  # while this process works

    async def run(self) -> None:
        """Makes missing parts at once, at `start`, each minute, and when the lease of another process may have run out, for ever."""
        with in_background(), contextlib.suppress(ResonanceError):
            await self._document.load()
        while True:
            self._woken.clear()
            again_s = _CHECK_EVERY_S
            with in_background():
                try:
                    again_s = await self._work()
                except ResonanceError as failure:
                    _log.warning("the model cannot be made ready at the moment", why=failure.message)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), again_s)
            try:
                await self._restore()
            except ResonanceError as failure:
                _log.warning("the shipped objects cannot be checked at the moment", why=failure.message)

    async def start(self) -> extract_pb2.Adoption:
        """Asks for all parts."""
        self._document.ask()
        self._woken.set()
        adoption = await self.status()
        if adoption.state in (IDLE, FAILED):
            adoption.state = RUNNING
        return adoption

    async def status(self) -> extract_pb2.Adoption:
        """The adoption now, by this process's work, else by another's, else by what the store has."""
        if self._progress is not None:
            return self._describe(self._progress, RUNNING)
        others = await self._document.read()
        if others is not None and others.state == RUNNING:
            return others
        missing, progress = await self._look()
        adoption = self._describe(progress, IDLE if missing else COMPLETED)
        if missing and others is not None and others.state == FAILED:
            adoption.state = FAILED
            notes = {part.name: part.note for part in others.parts if part.state == FAILED}
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

    async def _look(self) -> tuple[list[Part], Progress]:
        """The wanted parts that are missing, and the progress that the store tells: of those, and of all that are done."""
        shown, missing, notes = [], [], {}
        for part in self._parts:
            notes[part.name] = await part.why_left_out()
            is_missing = not notes[part.name] and not await part.is_done()
            if not is_missing or self._document.is_asked_for or self._makes(part):
                shown.append(part)
                missing += [part] * is_missing
        progress = Progress(shown, waited_s=lambda: self._turns.waited_s)
        for part in shown:
            if part not in missing:
                progress.finish(part, notes[part.name])
        return missing, progress

    async def _work(self) -> float:
        """Makes the missing parts. Returns the seconds until the next look."""
        missing, progress = await self._look()
        if not missing:
            if self._document.is_asked_for:
                await self._document.write(self._describe(progress, COMPLETED), is_over=True)
            return _CHECK_EVERY_S
        if not await self._document.take(self._describe(progress, RUNNING)):
            return min(self._lease_s, _CHECK_EVERY_S)
        self._progress = progress
        work = asyncio.current_task()
        assert work is not None, "it runs as a task"
        making = asyncio.create_task(self._make_all(missing, progress))
        heartbeat = asyncio.create_task(self._renew_lease(progress, making))
        is_ours = True
        try:
            await making
        except asyncio.CancelledError:
            if work.cancelling():
                raise
            is_ours = False
            _log.info("another process makes the model ready")
        finally:
            for task in (making, heartbeat):
                task.cancel()
            await asyncio.gather(making, heartbeat, return_exceptions=True)
            self._progress = None
        if is_ours:
            await self._finish(progress)
        await self._worker.release_memory()
        return _CHECK_EVERY_S

    async def _finish(self, progress: Progress) -> None:
        has_failed = any(state.state == FAILED for state in progress.states.values())
        await self._document.write(
            self._describe(progress, FAILED if has_failed else COMPLETED), is_over=not has_failed
        )
        _log.info("parts of the model could not be made ready" if has_failed else "the model is ready")

    async def _make_all(self, missing: Sequence[Part], progress: Progress) -> None:
        _log.info("making the model ready in the background", missing=len(missing), parts=len(progress.states))
        for part in missing:
            if note := await part.why_left_out():  # of a slider that was made a moment ago
                progress.finish(part, note)
                continue
            await self._make(part, progress)
            await self._document.write(self._describe(progress, RUNNING))

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

    async def _renew_lease(self, progress: Progress, making: asyncio.Task[None]) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 4)
            with contextlib.suppress(ResonanceError):  # the store is away; the work notices by itself
                if not await self._document.write(self._describe(progress, RUNNING)):
                    making.cancel()
                    return

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

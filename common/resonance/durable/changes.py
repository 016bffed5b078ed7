"""Changes of documents that durable work writes, for watchers in every process."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress

from resonance.durable.engine import Engine

_LOOK_S = 0.5


class Watcher:
    """Waits for changes of one document. The order is: `arm`, read the document, `wait`, and again."""

    def __init__(self, engine: Engine, work_id: str) -> None:
        self._engine = engine
        self._work_id = work_id
        self._changed = asyncio.Event()
        self._mark: str | None = None

    def arm(self) -> None:
        """Notes that the document will be read after this call."""
        self._changed.clear()

    def wake(self) -> None:
        """Ends the wait."""
        self._changed.set()

    async def wait(self) -> None:
        """Returns when the document may have changed since `arm`."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._changed.wait()
                return
            if (mark := await self._engine.find_mark(self._work_id)) != self._mark:
                self._mark = mark
                return


class Changes:
    """Wakes the watchers of a document when it may have changed, so that no watcher reads an unchanged document from the store.

    A writer in this process announces its change. A writer in another process shows in the engine: each watcher asks it twice a
    second for the mark of the work that writes the document.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._watchers: defaultdict[Hashable, set[Watcher]] = defaultdict(set)

    def announce(self, document: Hashable) -> None:
        """Wakes the watchers of a document of this process."""
        for watcher in self._watchers.get(document, ()):
            watcher.wake()

    @contextmanager
    def watcher(self, document: Hashable, work_id: str) -> Iterator[Watcher]:
        """A watcher of the document that the work of that id writes."""
        watcher = Watcher(self._engine, work_id)
        self._watchers[document].add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[document].discard(watcher)
            if not self._watchers[document]:
                del self._watchers[document]

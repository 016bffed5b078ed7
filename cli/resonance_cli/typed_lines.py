"""Lines that are typed while music plays, each sent after the answer to the one before.

A line changes what is in force. Had it been composed before the answer, a refused line would be part of every later one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterable

ANSWER_S_MAX = 10.0


class TypedLines:
    """The lines of a terminal or a pipe, and the answers to what was sent. Belongs to one event loop."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._answer: asyncio.Future[bool] | None = None
        self._is_ended = False

    def start(self, lines: Iterable[str]) -> None:
        """Reads lines on a daemon thread: waiting for the terminal must hold up neither the music nor the end."""
        loop = asyncio.get_running_loop()

        def read() -> None:
            for line in filter(str.strip, lines):
                loop.call_soon_threadsafe(self._lines.put_nowait, line)

        threading.Thread(target=read, daemon=True).start()

    async def read(self) -> AsyncGenerator[str, None]:
        """The lines, until `end`."""
        while not self._is_ended and (line := await self._lines.get()) is not None:
            yield line

    def end(self) -> None:
        """No further line is read, and nothing is waited for."""
        self._is_ended = True
        self._lines.put_nowait(None)
        self.answer(is_refused=False)

    def expect(self) -> None:
        """What is sent next is answered. Called before it is sent, as the answer may come at once."""
        self._answer = asyncio.get_running_loop().create_future()

    def answer(self, *, is_refused: bool) -> None:
        """The answer to what was sent last."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(not is_refused)

    async def is_accepted(self) -> bool:
        """Waits for the answer, ten seconds at most; False where what was sent was refused."""
        assert self._answer is not None
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                return await self._answer
        except TimeoutError:
            return True

"""Chunk stream: no block before the end is lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType

import numpy as np

from resonance_generate.engine.chunk_stream import ChunkStream, PcmBlock


class InterruptedLock:
    """A lock. After its first release another thread runs to its end before this one continues."""

    def __init__(self, other: Callable[[], None]) -> None:
        self._inner, self._others = threading.Lock(), [other]

    def __enter__(self) -> None:
        self._inner.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inner.release()
        if self._others:
            thread = threading.Thread(target=self._others.pop())
            thread.start()
            thread.join()


async def test_blocks_that_come_between_two_looks_are_not_lost() -> None:
    stream = ChunkStream(asyncio.get_running_loop(), samples_max=10)
    codes = np.zeros((4, 1), np.int64)
    block = PcmBlock(sample_offset=0, sample_count=1, pcm=b"ab", recipe_id="", headroom_s=0.0, codes=codes)

    def engine() -> None:
        stream.put(block)
        stream.end()

    stream._lock = InterruptedLock(engine)  # type: ignore[assignment]
    assert [one async for one in stream] == [block]

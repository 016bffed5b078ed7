"""Bounded PCM block stream from engine thread to event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resonance.errors import ResonanceError


@dataclass(frozen=True, slots=True, kw_only=True)
class PcmBlock:
    """Consecutive samples of a take as 16-bit PCM, all made under one recipe.

    `codes` `[codebooks, frames]` are the tokens that were decoded since the previous block. Samples lag them by a few frames.
    """

    sample_offset: int
    sample_count: int
    pcm: bytes
    recipe_id: str
    headroom_s: float
    codes: NDArray[np.int64]


class ChunkStream:
    """Blocks of one take, put by the engine thread and taken by one coroutine.

    It never blocks the engine. `has_room` turns False when the client reads too slowly, and the engine then skips the request. Leaving the
    `async for` closes the stream; the engine frees the slot before its next step.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, samples_max: int) -> None:
        self._loop = loop
        self._samples_max = samples_max
        self._lock = threading.Lock()
        self._blocks: deque[PcmBlock] = deque()
        self._waiting_samples = 0
        self._is_closed = False
        self._is_ended = False
        self._error: ResonanceError | None = None
        self._wakeup = asyncio.Event()
        self.opened_s = time.monotonic()

    # --- engine thread

    @property
    def is_closed(self) -> bool:
        """True where the client has left."""
        return self._is_closed

    @property
    def has_room(self) -> bool:
        """True where fewer than `samples_max` samples wait to be read."""
        return self._waiting_samples < self._samples_max

    @property
    def waiting_samples(self) -> int:
        """Samples that were put and not read yet."""
        return self._waiting_samples

    def put(self, block: PcmBlock) -> None:
        """Hands a block over."""
        with self._lock:
            self._blocks.append(block)
            self._waiting_samples += block.sample_count
        self._wake()

    def end(self, error: ResonanceError | None = None) -> None:
        """Ends the stream after the blocks that were put; an error is raised at the reader."""
        with self._lock:
            self._error = error
            self._is_ended = True
        self._wake()

    # --- event loop

    @property
    def waiting(self) -> tuple[PcmBlock, ...]:
        """Blocks that were put and not read yet."""
        with self._lock:
            return tuple(self._blocks)

    def close(self) -> None:
        """Marks the client as gone."""
        self._is_closed = True

    async def aclose(self) -> None:
        """`close`, for `contextlib.aclosing`."""
        self.close()

    def __aiter__(self) -> ChunkStream:
        return self

    async def __anext__(self) -> PcmBlock:
        while True:
            self._wakeup.clear()
            with self._lock:
                if self._blocks:
                    block = self._blocks.popleft()
                    self._waiting_samples -= block.sample_count
                    return block
                is_ended = self._is_ended  # under the lock: every block that was put before the end has been seen
            if is_ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            await self._wakeup.wait()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._wakeup.set)
        except RuntimeError:  # the event loop has been closed
            self._is_closed = True

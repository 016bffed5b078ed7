"""The one bridge between the engine's thread and the event loop: a bounded stream of pieces of one take."""

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
    """Consecutive samples of a take as 16-bit PCM, and the recipe that made them.

    `codes` are the tokens that were decoded since the piece before, `[codebooks, frames]`; samples lag them by a few frames.
    """

    sample_offset: int
    sample_count: int
    pcm: bytes
    recipe_id: str
    headroom_s: float
    codes: NDArray[np.int64]


class ChunkStream:
    """Pieces of one take, put by the engine's thread and taken by one coroutine.

    It never blocks the engine: `has_room` tells whether the listener has fallen too far behind, and the engine then lets the row rest.
    Leaving the `async for`, by whatever way, closes the stream; the engine frees the slot before its next step.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, samples_max: int) -> None:
        self._loop = loop
        self._samples_max = samples_max
        self._lock = threading.Lock()
        self._pieces: deque[PcmBlock] = deque()
        self._waiting_samples = 0
        self._is_closed = False
        self._is_ended = False
        self._error: ResonanceError | None = None
        self._news = asyncio.Event()
        self.opened_s = time.monotonic()

    # --- the engine's side

    @property
    def is_closed(self) -> bool:
        """Whether the listener has left."""
        return self._is_closed

    @property
    def has_room(self) -> bool:
        """Whether the listener keeps up."""
        return self._waiting_samples < self._samples_max

    def put(self, piece: PcmBlock) -> None:
        """Hands a piece over."""
        with self._lock:
            self._pieces.append(piece)
            self._waiting_samples += piece.sample_count
        self._wake()

    def end(self, error: ResonanceError | None = None) -> None:
        """Says that no piece will follow."""
        with self._lock:
            self._error = error
            self._is_ended = True
        self._wake()

    # --- the listener's side

    def close(self) -> None:
        """The listener leaves."""
        self._is_closed = True

    async def aclose(self) -> None:
        """`close`, for `contextlib.aclosing`."""
        self.close()

    def __aiter__(self) -> ChunkStream:
        return self

    async def __anext__(self) -> PcmBlock:
        while True:
            self._news.clear()
            with self._lock:
                if self._pieces:
                    piece = self._pieces.popleft()
                    self._waiting_samples -= piece.sample_count
                    return piece
                is_ended = self._is_ended  # what was put before the end was seen above
            if is_ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            await self._news.wait()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # the event loop is gone, and the listener with it
            self._is_closed = True

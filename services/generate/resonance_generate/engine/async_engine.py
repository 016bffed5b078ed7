"""The event loop's handle on the engine: opens streams and passes jobs and orders on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from resonance_generate.engine.chunk_stream import ChunkStream
from resonance_generate.engine.engine import Engine
from resonance_generate.engine.request import EngineRequest, GenerationParams


class AsyncEngine:
    """The engine as coroutines see it. Nothing here computes or blocks."""

    def __init__(self, engine: Engine, *, lead_s_max: float) -> None:
        self._engine = engine
        self._samples_max = round(lead_s_max * engine.model.description.sample_rate_hz)

    def open_stream(self) -> ChunkStream:
        """A stream to this event loop that lets the engine run `lead_s_max` seconds ahead of its listener."""
        return ChunkStream(asyncio.get_running_loop(), samples_max=self._samples_max)

    def submit(self, job: EngineRequest) -> None:
        """Admits the job or raises Overloaded."""
        self._engine.submit(job)

    async def update(self, job: EngineRequest, params: GenerationParams) -> int:
        """Changes a running job; returns the first sample that the new params shapes."""
        loop = asyncio.get_running_loop()
        changed: asyncio.Future[int] = loop.create_future()

        def tell(sample_offset: int) -> None:
            loop.call_soon_threadsafe(_settle, changed, sample_offset)

        self._engine.update(job, params, tell)
        return await changed

    def order(self, order: Callable[[Engine], None]) -> None:
        """Gives the engine an order for one job: `Engine.play`, `pause`, `reset` or `finish`."""
        order(self._engine)


def _settle(future: asyncio.Future[int], value: int) -> None:
    if not future.done():
        future.set_result(value)

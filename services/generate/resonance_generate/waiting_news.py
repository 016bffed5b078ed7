"""Messages of a stream that tell its client how long it waits."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from resonance.rpc.heartbeats import with_heartbeats
from resonance.v1 import generate_pb2
from resonance_generate.engine.chunk_stream import PcmBlock
from resonance_generate.engine.engine import Engine
from resonance_generate.engine.request import EngineRequest

LOOK_S = 0.25
# The same place is told again after this time, so that proxies do not close a connection that is quiet for a minute.
REPEAT_S = 5.0


async def blocks_and_news(
    engine: Engine, request: EngineRequest, clock: Callable[[], float] = time.monotonic
) -> AsyncGenerator[PcmBlock | generate_pb2.GenerationQueued, None]:
    """The blocks of a submitted request, and its place while it waits: at once, at each change, and every `REPEAT_S` seconds.

    The caller closes the request's stream.
    """
    told, told_s = (0, False), clock()
    async with aclosing(with_heartbeats(request.stream, LOOK_S)) as blocks:
        async for block in blocks:
            if block is not None:
                told_s = clock()
                yield block
                continue
            place = engine.place_of(request)
            if place is None:
                continue
            now = (place.place, place.is_parked)
            if (now != told and not place.is_parked) or clock() - told_s >= REPEAT_S:
                told, told_s = now, clock()
                yield generate_pb2.GenerationQueued(place=place.place, wait_s=place.wait_s, is_parked=place.is_parked)

"""Take stream over several calls: a call that is cut is followed by another one from the sample that was reached."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from resonance.client.take_reader import Response, TakeReader
from resonance.errors import Overloaded, Unavailable

# Time without a new sample after which a take that was cut is given up: a replica that was killed is replaced, its model loaded and its
# journal of tokens read in less.
PATIENCE_S = 60.0
_WAIT_S_MAX = 5.0
# Tries before the take has begun. Nobody has heard anything yet, so that its caller is told soon.
_OPENING_TRIES_MAX = 4


async def read_resumed(
    begin: Callable[[int], AsyncGenerator[Response, None]],
    reader: TakeReader,
    *,
    patience_s: float = PATIENCE_S,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncGenerator[Response, None]:
    """The verified messages of one take; `started` comes once, and samples come once and in order, however many calls it takes.

    Args:
        begin: opens a call that sends the take from this sample on. The samples of a request id are the same on every replica.
        reader: checks what comes; its `position` is the first sample that is asked for.
        patience_s: seconds without a new sample, cuts and refusals of full replicas included, after which the take is given up.

    Raises:
        Unavailable: the stream was cut (STREAM_CUT), or no replica answered, and patience has run out.
        Overloaded: all replicas are full; while the take has not begun at once, later when patience has run out.
        DataLoss: what came is not what was sent.
    """
    attempt, reached, reached_s = 0, reader.position, clock()
    last: Response | None = None
    while True:
        reader.begin_call()
        try:
            async with aclosing(begin(reader.position)) as responses:
                async for response in responses:
                    is_repeated = response.HasField("started") and reader.started is not None
                    reader.read(response)
                    if reader.is_finished:
                        last = response
                    elif not is_repeated:
                        yield response
            failure: Unavailable | Overloaded = _cut(reader)
        except (Unavailable, Overloaded) as caught:
            failure = caught
        # The end mark is handed on when the call has ended: a reader leaves at the end mark, and a call that is left counts as
        # cancelled at its server.
        if last is not None:
            yield last
            return
        if attempt == 0 or reader.position > reached:  # time in a queue before the first cut does not count
            attempt, reached, reached_s = 0, reader.position, clock()
        attempt += 1
        if _is_given_up(failure, reader, attempt, clock() - reached_s > patience_s):
            raise failure
        asked_s = failure.retry_after_s if isinstance(failure, Overloaded) else None
        await asyncio.sleep(min(asked_s or 0.2 * 2 ** (attempt - 1), _WAIT_S_MAX))


def _is_given_up(failure: Unavailable | Overloaded, reader: TakeReader, attempt: int, is_late: bool) -> bool:
    if reader.started is None:
        return isinstance(failure, Overloaded) or attempt >= _OPENING_TRIES_MAX
    return is_late


def _cut(reader: TakeReader) -> Unavailable:
    return Unavailable(f"the stream was cut at sample {reader.position}; it is not whole", reason="STREAM_CUT")

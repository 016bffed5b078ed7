"""Counting of calls: each is counted before it is made, waits for its turn, and is given back where Google refused it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from resonance.errors import Unavailable
from resonance.google.failures import to_domain_error
from resonance.google.prices import Kind
from resonance.google.spending import Spending, current_request
from resonance.identity import current_owner


class CountedCalls:
    """The calls of one client: at most `running_max` at once."""

    def __init__(self, spending: Spending, *, running_max: int) -> None:
        self.spending = spending
        self._slots = asyncio.Semaphore(running_max)

    @asynccontextmanager
    async def counted(self, kind: Kind, quantity: float, model: str) -> AsyncIterator[float]:
        """A call of this much; 0 counts nothing. Yields its cost in US dollars; every failure within becomes a domain error.

        A call that failed without an answer stays counted, because Google may have charged it.
        """
        owner, request_id, cost = current_owner(), current_request(), 0.0
        if quantity:
            cost = await self.spending.reserve(kind, quantity, owner=owner, request_id=request_id)
        try:
            async with self._slots:
                yield cost
        except Exception as failure:
            error = to_domain_error(failure, model)
            if cost and not isinstance(error, Unavailable) and error.reason != "GOOGLE_TIMEOUT":
                await self.spending.give_back(cost, owner=owner, request_id=request_id)
            raise error from None

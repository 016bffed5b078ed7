"""Faulty store: fails at the k-th call.

It fails before the effect, after it, or with a damaged response (as SQLite's tests do).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Any

from resonance.errors import DataLoss, Unavailable
from resonance.store import ObjectStore, StoredObject


class FaultKind(StrEnum):
    """Kind of failure. `LOST_ANSWER` has its effect and then raises."""

    BEFORE = "before"
    LOST_ANSWER = "lost answer"
    DAMAGED = "damaged"


class FaultyStore:
    """Counts calls and fails from call `first` on, `count` times. All other calls succeed."""

    def __init__(self, inner: ObjectStore, *, first: int, kind: FaultKind, count: int = 1) -> None:
        self._inner = inner
        self._failing = range(first, first + count)
        self._kind = kind
        self.calls = 0

    @property
    def has_failed(self) -> bool:
        return self.calls > self._failing.start

    async def put(self, key: str, data: bytes) -> str:
        return await self._do(self._inner.put, key, data)

    async def create(self, key: str, data: bytes) -> str:
        return await self._do(self._inner.create, key, data)

    async def replace(self, key: str, data: bytes, *, version: str) -> str:
        return await self._do(self._inner.replace, key, data, version=version)

    async def get(self, key: str) -> StoredObject:
        return await self._do(self._inner.get, key)

    async def exists(self, key: str) -> bool:
        return await self._do(self._inner.exists, key)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        async def listed() -> list[str]:
            return [key async for key in self._inner.keys(prefix)]

        for key in await self._do(listed):
            yield key

    async def total_bytes(self, prefix: str) -> int:
        return int(await self._do(self._inner.total_bytes, prefix))

    async def delete(self, key: str) -> None:
        await self._do(self._inner.delete, key)

    async def set_aside(self, key: str, to: str) -> None:
        await self._do(self._inner.set_aside, key, to)

    async def presigned_url(self, key: str, *, expires_s: float, filename: str) -> str | None:
        return await self._inner.presigned_url(key, expires_s=expires_s, filename=filename)

    async def is_answering(self) -> bool:
        return await self._inner.is_answering()

    async def free_bytes(self) -> int | None:
        return await self._inner.free_bytes()

    async def close(self) -> None:
        await self._inner.close()

    async def _do(self, call: Any, *arguments: Any, **named: Any) -> Any:
        number, self.calls = self.calls, self.calls + 1
        await asyncio.sleep(0)
        if number not in self._failing:
            return await call(*arguments, **named)
        if self._kind is FaultKind.DAMAGED and call == self._inner.get:
            raise DataLoss(f"{arguments[0]} is damaged", reason="OBJECT_DAMAGED")
        if self._kind is FaultKind.LOST_ANSWER:
            await call(*arguments, **named)
        raise Unavailable("the store failed on purpose", reason="STORE_UNAVAILABLE")

"""Quarantine of damaged objects that can be computed again.

A damaged object is read once more before it is set aside.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import structlog

from resonance.errors import DataLoss
from resonance.store.keys import PREFIXES, QUARANTINE, quarantine_key
from resonance.store.protocol import ObjectStore, StoredObject

# Documents that cannot be computed again stay where they are, and are refused.
RECOMPUTED = tuple(prefix.name for prefix in PREFIXES if prefix.is_recomputed)
_log = structlog.get_logger("store")


async def find_set_aside(store: ObjectStore) -> frozenset[str]:
    """Keys of the objects that were set aside as damaged, by any process."""
    return frozenset([key async for key in store.keys(QUARANTINE)])


class Quarantine:
    """An ObjectStore before another. A damaged read may be the network's fault, so it is made twice."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner = inner

    async def get(self, key: str) -> StoredObject:
        try:
            return await self.inner.get(key)
        except DataLoss:
            _log.error("an object reads back damaged", key=key)
        try:
            return await self.inner.get(key)
        except DataLoss:
            if key.startswith(RECOMPUTED):
                await self.inner.set_aside(key, quarantine_key(key))
                _log.error("set aside; it is computed again when it is asked for", key=key)
            raise

    async def replace(self, key: str, data: bytes, *, version: str) -> str:
        return await self.inner.replace(key, data, version=version)

    async def put(self, key: str, data: bytes) -> str:
        return await self.inner.put(key, data)

    async def create(self, key: str, data: bytes) -> str:
        return await self.inner.create(key, data)

    async def exists(self, key: str) -> bool:
        return await self.inner.exists(key)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        async for key in self.inner.keys(prefix):
            if prefix or not key.startswith(QUARANTINE):
                yield key

    async def total_bytes(self, prefix: str) -> int:
        return await self.inner.total_bytes(prefix)

    async def delete(self, key: str) -> None:
        await self.inner.delete(key)

    async def set_aside(self, key: str, to: str) -> None:
        await self.inner.set_aside(key, to)

    async def presigned_url(self, key: str, *, expires_s: float, filename: str) -> str | None:
        return await self.inner.presigned_url(key, expires_s=expires_s, filename=filename)

    async def is_answering(self) -> bool:
        return await self.inner.is_answering()

    async def free_bytes(self) -> int | None:
        return await self.inner.free_bytes()

    async def close(self) -> None:
        await self.inner.close()

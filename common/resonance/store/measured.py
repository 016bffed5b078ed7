"""Object store before another one: times and counts of its requests."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from prometheus_client import Histogram

from resonance.errors import Conflict, NotFound, ResonanceError
from resonance.store.protocol import ObjectStore, StoredObject

STORE_SECONDS = Histogram(
    "resonance_store_seconds",
    "Time of a request to the object store, by operation and outcome.",
    labelnames=("operation", "outcome"),
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2, 10),
)


class MeasuredStore:
    """An ObjectStore before another. A missing key and a lost race are answers, and no failures of the store."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner = inner

    async def put(self, key: str, data: bytes) -> str:
        with _measured("put"):
            return await self.inner.put(key, data)

    async def create(self, key: str, data: bytes) -> str:
        with _measured("create"):
            return await self.inner.create(key, data)

    async def replace(self, key: str, data: bytes, *, version: str) -> str:
        with _measured("replace"):
            return await self.inner.replace(key, data, version=version)

    async def get(self, key: str) -> StoredObject:
        with _measured("get"):
            return await self.inner.get(key)

    async def exists(self, key: str) -> bool:
        with _measured("exists"):
            return await self.inner.exists(key)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        with _measured("keys"):
            async for key in self.inner.keys(prefix):
                yield key

    async def total_bytes(self, prefix: str) -> int:
        with _measured("total_bytes"):
            return await self.inner.total_bytes(prefix)

    async def delete(self, key: str) -> None:
        with _measured("delete"):
            await self.inner.delete(key)

    async def set_aside(self, key: str, to: str) -> None:
        with _measured("set_aside"):
            await self.inner.set_aside(key, to)

    async def presigned_url(self, key: str, *, expires_s: float, filename: str) -> str | None:
        return await self.inner.presigned_url(key, expires_s=expires_s, filename=filename)

    async def free_bytes(self) -> int | None:
        return await self.inner.free_bytes()

    async def close(self) -> None:
        await self.inner.close()


@contextmanager
def _measured(operation: str) -> Iterator[None]:
    started_s, outcome = time.perf_counter(), "ok"
    try:
        yield
    except (NotFound, Conflict):
        raise
    except ResonanceError as failure:
        outcome = failure.reason
        raise
    except BaseException:
        outcome = "CANCELLED"
        raise
    finally:
        STORE_SECONDS.labels(operation=operation, outcome=outcome).observe(time.perf_counter() - started_s)

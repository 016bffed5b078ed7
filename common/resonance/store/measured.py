"""Object store before another one: times and counts of its requests, and whether they are answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from prometheus_client import Histogram

from resonance.errors import Conflict, NotFound, ResonanceError, Unavailable
from resonance.store.answers import Answers
from resonance.store.keys import probe_key
from resonance.store.protocol import ObjectStore, StoredObject

_PROBE_S_MAX = 2.0
_PROBE_KEY = probe_key("health")  # no object lies there
_ANSWERS_S = 1.0  # a caller that gives up sooner says nothing about the store

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
        self._answers = Answers()

    async def put(self, key: str, data: bytes) -> str:
        with self._measured("put"):
            return await self.inner.put(key, data)

    async def create(self, key: str, data: bytes) -> str:
        with self._measured("create"):
            return await self.inner.create(key, data)

    async def replace(self, key: str, data: bytes, *, version: str) -> str:
        with self._measured("replace"):
            return await self.inner.replace(key, data, version=version)

    async def get(self, key: str) -> StoredObject:
        with self._measured("get"):
            return await self.inner.get(key)

    async def exists(self, key: str) -> bool:
        with self._measured("exists"):
            return await self.inner.exists(key)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        with _timed("keys"):
            found = self.inner.keys(prefix)
            while True:
                try:
                    with self._followed():  # not while the caller works on a key
                        key = await anext(found)
                except StopAsyncIteration:
                    return
                yield key

    async def total_bytes(self, prefix: str) -> int:
        with self._measured("total_bytes"):
            return await self.inner.total_bytes(prefix)

    async def delete(self, key: str) -> None:
        with self._measured("delete"):
            await self.inner.delete(key)

    async def set_aside(self, key: str, to: str) -> None:
        with self._measured("set_aside"):
            await self.inner.set_aside(key, to)

    async def presigned_url(self, key: str, *, expires_s: float, filename: str) -> str | None:
        return await self.inner.presigned_url(key, expires_s=expires_s, filename=filename)

    async def is_answering(self) -> bool:
        """By the last requests; where they were not answered, by one more, so that an idle store is asked nothing."""
        if not self._answers.are_missing:
            return True
        try:
            async with asyncio.timeout(_PROBE_S_MAX):
                await self.inner.exists(_PROBE_KEY)
        except (ResonanceError, TimeoutError):
            return False
        self._answers.answered()
        return True

    async def free_bytes(self) -> int | None:
        return await self.inner.free_bytes()

    async def close(self) -> None:
        await self.inner.close()

    @contextmanager
    def _measured(self, operation: str) -> Iterator[None]:
        with _timed(operation), self._followed():
            yield

    @contextmanager
    def _followed(self) -> Iterator[None]:
        started_s = time.monotonic()
        with self._answers.waiting():
            try:
                yield
            except Unavailable as failure:
                if failure.reason == "STORE_UNAVAILABLE":
                    self._answers.failed()
                raise
            except (ResonanceError, StopAsyncIteration):
                self._answers.answered()
                raise
            except BaseException:
                if time.monotonic() - started_s > _ANSWERS_S:
                    self._answers.failed()
                raise
            self._answers.answered()


@contextmanager
def _timed(operation: str) -> Iterator[None]:
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

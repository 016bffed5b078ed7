"""Ownership in keys: objects of an owner below `users/{owner}/`.

This holds for every caller and every method.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from resonance.errors import NotFound
from resonance.identity import current_owner
from resonance.store.keys import PREFIXES, below_owner
from resonance.store.protocol import ObjectStore, StoredObject

_OWNED = tuple(prefix.name for prefix in PREFIXES if prefix.is_owned)
_SHARED = tuple(prefix.name for prefix in PREFIXES if prefix.is_shared)


class OwnedStore:
    """An ObjectStore before another, for the owner of the current context. No handler needs to check the owner of an id."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner = inner

    async def put(self, key: str, data: bytes) -> str:
        return await self.inner.put(_own(key), data)

    async def create(self, key: str, data: bytes) -> str:
        return await self.inner.create(_own(key), data)

    async def replace(self, key: str, data: bytes, *, version: str) -> str:
        return await self.inner.replace(_own(key), data, version=version)

    async def get(self, key: str) -> StoredObject:
        try:
            return await self.inner.get(_own(key))
        except NotFound:
            if not _is_shared(key):
                raise NotFound(f"there is no object {key}", reason="NO_SUCH_OBJECT") from None
        return await self.inner.get(key)

    async def exists(self, key: str) -> bool:
        return await self.inner.exists(_own(key)) or (_is_shared(key) and await self.inner.exists(key))

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        own = _own(prefix)
        hidden = len(own) - len(prefix)
        found = {key[hidden:] async for key in self.inner.keys(own)}
        if _is_shared(prefix):
            found |= {key async for key in self.inner.keys(prefix)}
        for key in sorted(found):
            yield key

    async def total_bytes(self, prefix: str) -> int:
        return await self.inner.total_bytes(_own(prefix))

    async def delete(self, key: str) -> None:
        await self.inner.delete(_own(key))

    async def set_aside(self, key: str, to: str) -> None:
        await self.inner.set_aside(_own(key), to)

    async def presigned_url(self, key: str, *, expires_s: float, filename: str) -> str | None:
        return await self.inner.presigned_url(_own(key), expires_s=expires_s, filename=filename)

    async def is_answering(self) -> bool:
        return await self.inner.is_answering()

    async def free_bytes(self) -> int | None:
        return await self.inner.free_bytes()

    async def close(self) -> None:
        await self.inner.close()


def _own(key: str) -> str:
    owner = current_owner()
    return below_owner(owner, key) if owner and key.startswith(_OWNED) else key


def _is_shared(key: str) -> bool:
    return bool(current_owner()) and key.startswith(_SHARED)

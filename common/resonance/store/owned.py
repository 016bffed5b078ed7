"""Ownership lies in the key: what a user makes is stored below the user's own prefix, whoever asks for it and however."""

from __future__ import annotations

from collections.abc import AsyncIterator

from resonance.errors import NotFound
from resonance.identity import current_owner
from resonance.store.protocol import ObjectStore, StoredObject

# What belongs to whoever made it. All else is content-addressed: it has no name that a user could choose or guess.
OWNED = (
    "jobs/",
    "job-list/",
    "tastes/",
    "takes/",
    "take-index/",
    "requests/",
    "checkpoints/",
    "uploads/",
    "concepts/",
    "calibration_jobs/",
    "calibrations/",
    "given-references/",
)
# Of these everybody may also read what belongs to the installation: the sliders, and the reference.
_SHARED_TOO = ("concepts/", "given-references/")


class OwnedStore:
    """An ObjectStore before another, for the owner of the work in hand. No handler can forget to ask whose an id is."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner = inner

    async def put(self, key: str, data: bytes) -> str:
        return await self.inner.put(_mine(key), data)

    async def create(self, key: str, data: bytes) -> str:
        return await self.inner.create(_mine(key), data)

    async def replace(self, key: str, data: bytes, *, version: str) -> str:
        return await self.inner.replace(_mine(key), data, version=version)

    async def get(self, key: str) -> StoredObject:
        try:
            return await self.inner.get(_mine(key))
        except NotFound:
            if not _is_shared_too(key):
                raise NotFound(f"there is no object {key}", reason="NO_SUCH_OBJECT") from None
        return await self.inner.get(key)

    async def exists(self, key: str) -> bool:
        return await self.inner.exists(_mine(key)) or (_is_shared_too(key) and await self.inner.exists(key))

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        mine = _mine(prefix)
        hidden = len(mine) - len(prefix)
        found = {key[hidden:] async for key in self.inner.keys(mine)}
        if _is_shared_too(prefix):
            found |= {key async for key in self.inner.keys(prefix)}
        for key in sorted(found):
            yield key

    async def delete(self, key: str) -> None:
        await self.inner.delete(_mine(key))

    async def set_aside(self, key: str, to: str) -> None:
        await self.inner.set_aside(_mine(key), to)

    async def presigned_url(self, key: str, *, expires_s: float, filename: str) -> str | None:
        return await self.inner.presigned_url(_mine(key), expires_s=expires_s, filename=filename)

    async def close(self) -> None:
        await self.inner.close()


def _mine(key: str) -> str:
    owner = current_owner()
    return f"users/{owner}/{key}" if owner and key.startswith(OWNED) else key


def _is_shared_too(key: str) -> bool:
    return bool(current_owner()) and key.startswith(_SHARED_TOO)

"""Memory store: objects in a dictionary.

The laws of the other stores hold for it too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from resonance.errors import Conflict, DataLoss, NotFound
from resonance.ids import sha256_hex
from resonance.store.protocol import StoredObject, check_key


class MemoryStore:
    """An ObjectStore in a dictionary. Its methods never suspend, so each is atomic on its event loop."""

    def __init__(self) -> None:
        self._objects: dict[str, tuple[bytes, str]] = {}

    async def put(self, key: str, data: bytes) -> str:
        check_key(key)
        self._objects[key] = (bytes(data), sha256_hex(data))
        return self._objects[key][1]

    async def create(self, key: str, data: bytes) -> str:
        check_key(key)
        if key in self._objects:
            raise Conflict(f"{key} exists already", reason="KEY_EXISTS")
        return await self.put(key, data)

    async def replace(self, key: str, data: bytes, *, version: str) -> str:
        if (await self.get(key)).version != version:
            raise Conflict(f"{key} was changed by another writer", reason="VERSION_CHANGED")
        return await self.put(key, data)

    async def get(self, key: str) -> StoredObject:
        check_key(key)
        if key not in self._objects:
            raise NotFound(f"there is no object {key}", reason="NO_SUCH_OBJECT")
        data, sha256 = self._objects[key]
        if sha256_hex(data) != sha256:
            raise DataLoss(f"{key} is damaged: its bytes are not the bytes that were stored", reason="OBJECT_DAMAGED")
        return StoredObject(key=key, data=data, sha256=sha256, version=sha256)

    async def exists(self, key: str) -> bool:
        check_key(key)
        return key in self._objects

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        for key in sorted(self._objects):
            if key.startswith(prefix):
                yield key

    async def total_bytes(self, prefix: str) -> int:
        return sum(len(data) for key, (data, _) in self._objects.items() if key.startswith(prefix))

    async def delete(self, key: str) -> None:
        check_key(key)
        self._objects.pop(key, None)

    async def set_aside(self, key: str, to: str) -> None:
        check_key(to)
        if key in self._objects:
            self._objects[to] = self._objects.pop(key)

    async def presigned_url(self, key: str, *, expires_s: float, filename: str) -> str | None:
        return None

    async def is_answering(self) -> bool:
        return True  # `MeasuredStore`, which stands before this one, follows the requests

    async def free_bytes(self) -> int | None:
        return None

    async def close(self) -> None:
        return None

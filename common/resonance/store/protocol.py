"""ObjectStore protocol: small named byte strings, checked with SHA-256.

The SHA-256 is checked whenever an object is read.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from resonance.errors import invalid_field

_SEGMENT = r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,199}"  # a file system takes 255 bytes at most
_KEY = re.compile(rf"{_SEGMENT}(/{_SEGMENT}){{0,7}}")
KEY_LENGTH_MAX = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object as it was read. `version` is what `replace` compares; it changes whenever the bytes change."""

    key: str
    data: bytes
    sha256: str
    version: str


class ObjectStore(Protocol):
    """Objects under keys. Writes are atomic: a reader sees the old bytes or the new ones, whole.

    Every method raises Unavailable where the store cannot be reached, and InvalidInput for a malformed key.
    """

    async def put(self, key: str, data: bytes) -> str:
        """Writes whether or not the key exists; returns the hexadecimal SHA-256."""
        ...

    async def create(self, key: str, data: bytes) -> str:
        """Writes only where the key does not exist; returns the SHA-256. Of many racing calls exactly one wins.

        Raises:
            Conflict: the key exists.
        """
        ...

    async def replace(self, key: str, data: bytes, *, version: str) -> str:
        """Writes only where the object still has this version; returns the new version.

        Raises:
            Conflict: another writer wrote in between.
            NotFound: the key does not exist.
        """
        ...

    async def get(self, key: str) -> StoredObject:
        """Reads and checks.

        Raises:
            NotFound: the key does not exist.
            DataLoss: the bytes are not the bytes that were written.
        """
        ...

    async def exists(self, key: str) -> bool:
        """True where the key exists. The bytes are not read."""
        ...

    def keys(self, prefix: str) -> AsyncIterator[str]:
        """All keys that begin with the prefix, in ascending order."""
        ...

    async def total_bytes(self, prefix: str) -> int:
        """The bytes of all objects whose keys begin with the prefix, as the store keeps them. Nothing is read."""
        ...

    async def delete(self, key: str) -> None:
        """Removes the key; a key that does not exist is no error."""
        ...

    async def set_aside(self, key: str, to: str) -> None:
        """Moves an object unread to another key; a missing one is no error."""
        ...

    async def presigned_url(self, key: str, *, expires_s: float, filename: str) -> str | None:
        """A link by which any client may download the object for a while under that name; None where the store has none.

        The link leads to the sealed object: its last `checksummed.FOOTER_BYTES` bytes are the mark and the SHA-256.
        """
        ...

    async def free_bytes(self) -> int | None:
        """Bytes that can still be written; None where the store does not know."""
        ...

    async def is_answering(self) -> bool:
        """False where the last requests have failed, or wait for an answer. A store that is asked nothing counts as answering."""
        ...

    async def close(self) -> None:
        """Closes connections."""
        ...


def check_key(key: str) -> None:
    """Raises InvalidInput unless the key is made of safe path segments (no `..`, no leading dot)."""
    if len(key) > KEY_LENGTH_MAX or not _KEY.fullmatch(key):
        raise invalid_field("key", "MALFORMED_KEY", f"{key!r} is not an object key")

"""API keys: random bits, stored as SHA-256, with one owner.

A key has 256 random bits and is shown once.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass

from resonance.errors import DataLoss, NotFound, invalid_field
from resonance.identity import GUEST
from resonance.ids import sha256_hex
from resonance.store.keys import API_KEYS, api_key_key
from resonance.store.protocol import ObjectStore

_PREFIX = "rk-"
_BITS_TEXT = 52  # 256 bits in base 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """Stored part of an API key. `key_id` is the beginning of its digest, by which it is listed and revoked."""

    key_id: str
    owner: str
    name: str
    created_s: int


class ApiKeys:
    """API keys in the object store, by digest. A fast hash is enough: 256 random bits cannot be guessed."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def issue(self, name: str, owner: str = "") -> tuple[str, ApiKey]:
        """A new key, as text and as its stored part; an empty owner makes a new owner. Raises InvalidInput for the owner of guests."""
        if owner == GUEST:
            raise invalid_field("owner", "RESERVED", f"{GUEST} stands for callers without a key")
        text = _PREFIX + _random(32)
        digest = sha256_hex(text.encode())
        key = ApiKey(key_id=digest[:12], owner=owner or "u-" + _random(10), name=name[:100], created_s=int(time.time()))
        await self._store.create(api_key_key(digest), json.dumps(asdict(key)).encode())
        return text, key

    async def find(self, text: str) -> ApiKey | None:
        """The stored part of a key; None for a text that is no valid key."""
        if not (text.startswith(_PREFIX) and len(text) == len(_PREFIX) + _BITS_TEXT and text.isascii()):
            return None
        try:
            return ApiKey(**json.loads((await self._store.get(api_key_key(sha256_hex(text.encode())))).data))
        except (NotFound, DataLoss, ValueError, TypeError):
            return None

    async def all(self) -> AsyncIterator[ApiKey]:
        """All valid keys."""
        async for stored in self._store.keys(API_KEYS):
            try:
                yield ApiKey(**json.loads((await self._store.get(stored)).data))
            except (NotFound, DataLoss):
                continue

    async def revoke(self, key_id: str) -> None:
        """Removes a key; the objects of its owner stay. Raises NotFound."""
        found = [stored async for stored in self._store.keys(api_key_key(key_id))]
        if len(key_id) < 12 or not found:
            raise NotFound(f"there is no key {key_id}", reason="NO_SUCH_KEY")
        for stored in found:
            await self._store.delete(stored)

    async def owners(self) -> list[str]:
        """The owners of all valid keys, in order."""
        return sorted({key.owner async for key in self.all()})


def _random(byte_count: int) -> str:
    return base64.b32encode(secrets.token_bytes(byte_count)).decode().rstrip("=").lower()

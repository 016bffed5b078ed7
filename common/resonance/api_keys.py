"""API keys: random bits, stored as SHA-256, with one owner, scopes and an end.

A key has 256 random bits and is shown once.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any

from resonance.errors import Conflict, DataLoss, FailedPrecondition, NotFound, invalid_field
from resonance.identity import GUEST
from resonance.ids import sha256_hex
from resonance.store.keys import API_KEYS, OWNERS, api_key_key, api_key_use_key, owner_key
from resonance.store.protocol import ObjectStore

# What a key may do. `make` and `operate` include `listen`.
LISTEN, MAKE, OPERATE = SCOPES = ("listen", "make", "operate")
USUAL_SCOPES = (LISTEN, MAKE)
USE_NOTED_S = 300.0  # the last use of a key is written at most once in so long, by each process
_PREFIX = "rk-"
_BITS_TEXT = 52  # 256 bits in base 32
_TRIES_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """Stored part of an API key. `key_id` is the beginning of its digest, by which it is listed and revoked.

    `ends_s` is the time at which it ends, in Unix seconds; 0 is never.
    """

    key_id: str
    owner: str
    name: str
    created_s: int
    scopes: tuple[str, ...] = USUAL_SCOPES
    ends_s: int = 0

    def has_ended(self, now_s: float) -> bool:
        """True where the key is not valid any more."""
        return bool(self.ends_s) and now_s >= self.ends_s


class ApiKeys:
    """API keys in the object store, by digest. A fast hash is enough: 256 random bits cannot be guessed."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def issue(
        self, name: str, owner: str = "", *, scopes: Iterable[str] = USUAL_SCOPES, lasts_s: int = 0
    ) -> tuple[str, ApiKey]:
        """A new key, as text and as its stored part; an empty owner makes a new owner, and a key without `lasts_s` never ends.

        Raises:
            InvalidInput: there is no such scope, or the owner is the one of guests.
        """
        if owner == GUEST:
            raise invalid_field("owner", "RESERVED", f"{GUEST} stands for callers without a key")
        chosen = check_scopes(scopes)
        text = _PREFIX + _random(32)
        digest = sha256_hex(text.encode())
        now_s = int(time.time())
        key = ApiKey(
            key_id=digest[:12],
            owner=owner or "u-" + _random(10),
            name=name[:100],
            created_s=now_s,
            scopes=chosen,
            ends_s=now_s + lasts_s if lasts_s else 0,
        )
        await self.note_owner(key.owner)
        await self._store.create(api_key_key(digest), _write(key))
        return text, key

    async def find(self, text: str) -> ApiKey | None:
        """The stored part of a key, also of one that has ended; None for a text that is no key."""
        if not (text.startswith(_PREFIX) and len(text) == len(_PREFIX) + _BITS_TEXT and text.isascii()):
            return None
        try:
            return _read((await self._store.get(api_key_key(sha256_hex(text.encode())))).data)
        except (NotFound, DataLoss, ValueError, TypeError):
            return None

    async def all(self) -> AsyncIterator[ApiKey]:
        """All keys, also those that have ended."""
        async for stored in self._store.keys(API_KEYS):
            try:
                yield _read((await self._store.get(stored)).data)
            except (NotFound, DataLoss, ValueError, TypeError):
                continue

    async def rotate(self, key_id: str, *, kept_s: int, lasts_s: int = 0) -> tuple[str, ApiKey]:
        """A new key with owner, name and scopes of another one, which ends after `kept_s` seconds.

        Raises:
            NotFound: there is no such key.
            FailedPrecondition: it has ended.
            Conflict: others change it at the same time.
        """
        stored_key = (await self._find_stored(key_id))[0]
        for _ in range(_TRIES_MAX):
            stored = await self._store.get(stored_key)
            old = _read(stored.data)
            now_s = int(time.time())
            if old.has_ended(now_s):
                raise FailedPrecondition(f"the key {key_id} has ended; make a new one", reason="KEY_EXPIRED")
            ends_s = min(old.ends_s or now_s + kept_s, now_s + kept_s)
            try:
                await self._store.replace(stored_key, _write(replace(old, ends_s=ends_s)), version=stored.version)
            except Conflict:
                continue
            return await self.issue(old.name, old.owner, scopes=old.scopes, lasts_s=lasts_s)
        raise Conflict(f"the key {key_id} is being changed by others; try again", reason="KEY_BUSY")

    async def revoke(self, key_id: str) -> ApiKey | None:
        """Removes a key, and returns its stored part where it can be read; the objects of its owner stay. Raises NotFound."""
        removed = None
        for stored in await self._find_stored(key_id):
            try:
                removed = _read((await self._store.get(stored)).data)
            except (NotFound, DataLoss, ValueError, TypeError):
                removed = None
            if removed is not None and not await self._store.exists(owner_key(removed.owner)):
                await self.note_owner(removed.owner)  # whose objects stay
            await self._store.delete(stored)
            await self._store.delete(api_key_use_key(stored.removeprefix(API_KEYS)[:12]))
        return removed

    async def note_use(self, key_id: str) -> None:
        """Writes that a key is used now, beside the key: a write must not bring a revoked key back."""
        await self._store.put(api_key_use_key(key_id), json.dumps({"used_s": int(time.time())}).encode())

    async def last_use_s(self, key_id: str) -> int | None:
        """When a key was last used, in Unix seconds and to within `USE_NOTED_S`; None where it never was."""
        try:
            return int(json.loads((await self._store.get(api_key_use_key(key_id))).data)["used_s"])
        except (NotFound, DataLoss, ValueError, KeyError):
            return None

    async def note_owner(self, owner: str) -> None:
        """Keeps an owner in the list of owners; one who was deleted and is back begins anew."""
        if await self.deleted_s(owner) is None and await self._store.exists(owner_key(owner)):
            return
        await self._store.put(owner_key(owner), json.dumps({"first_s": int(time.time())}).encode())

    async def mark_deleted(self, owner: str) -> None:
        """Writes that all of an owner is to go; sweeps go on with it where the process dies."""
        await self._store.put(owner_key(owner), json.dumps({"deleted_s": int(time.time())}).encode())

    async def deleted_s(self, owner: str) -> int | None:
        """When all of the owner was deleted, in Unix seconds; None for an owner who is there."""
        try:
            found = json.loads((await self._store.get(owner_key(owner))).data).get("deleted_s")
        except (NotFound, DataLoss, ValueError):
            return None
        return int(found) if found else None

    async def forget_owner(self, owner: str) -> None:
        """Takes an owner out of the list of owners."""
        await self._store.delete(owner_key(owner))

    async def owners(self) -> list[str]:
        """All owners who had a key or signed in, in order."""
        noted = {stored.removeprefix(OWNERS) async for stored in self._store.keys(OWNERS)}
        return sorted(noted | {key.owner async for key in self.all()})

    async def _find_stored(self, key_id: str) -> list[str]:
        found = [stored async for stored in self._store.keys(api_key_key(key_id))] if len(key_id) >= 12 else []
        if not found:
            raise NotFound(f"there is no key {key_id}", reason="NO_SUCH_KEY")
        return found


def check_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """The scopes in their usual order. Raises InvalidInput where one is none of ours, or there is none."""
    chosen = set(scopes)
    if not chosen or not chosen <= set(SCOPES):
        raise invalid_field("scopes", "UNKNOWN_SCOPE", f"must be some of {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in chosen)


def _write(key: ApiKey) -> bytes:
    """The key as JSON. What has its usual value is left out, so that an older version reads the key too."""
    usual = {field.name: field.default for field in fields(key) if field.default is not MISSING}
    return json.dumps(
        {name: value for name, value in asdict(key).items() if value != usual.get(name, MISSING)}
    ).encode()


def _read(data: bytes) -> ApiKey:
    """The key of a document; what a newer version added is not read."""
    known = {field.name for field in fields(ApiKey)}
    found: dict[str, Any] = {name: value for name, value in json.loads(data).items() if name in known}
    if "scopes" in found:
        found["scopes"] = tuple(found["scopes"])
    return ApiKey(**found)


def _random(byte_count: int) -> str:
    return base64.b32encode(secrets.token_bytes(byte_count)).decode().rstrip("=").lower()

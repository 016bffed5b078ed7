"""Erasure: all of one owner is deleted, and what the owner has begun is cancelled.

The table of prefixes says of each prefix which part is an owner's. Every step may be repeated: a mark is written first, by
which the hourly sweep of `ingest` goes on where a process died, and finds what was still being made.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import structlog

from resonance.api_keys import ApiKeys
from resonance.errors import DataLoss, NotFound, ResonanceError
from resonance.store.keys import PREFIXES, api_key_use_key, below_owner
from resonance.store.prefix import OwnerPart
from resonance.store.protocol import ObjectStore

SWEPT_AFTER_S = 600.0  # an owner who signs in again within it keeps what is made from then on
_FORGOTTEN_AFTER_S = 86_400.0
_AT_ONCE = 8
_log = structlog.get_logger("erasure")

# Cancels the work of an owner with these ids and all other of the owner's; False where some is still ending.
CancelWork = Callable[[str, list[str]], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What one round removed. `is_complete` says that no work of the owner is open, and that nothing is left."""

    object_count: int
    work_count: int
    is_complete: bool


class Erasure:
    """Deletes owners. `store` must work for the installation, and not for an owner."""

    def __init__(self, store: ObjectStore, cancel_work: CancelWork) -> None:
        self._store = store
        self._keys = ApiKeys(store)
        self._cancel_work = cancel_work

    async def erase(self, owner: str) -> Erased:
        """Deletes all of an owner: keys, then open work, then objects. A store that is away raises Unavailable."""
        if not owner:
            raise ValueError("the installation itself is no owner")
        await self._keys.mark_deleted(owner)
        return await self._round(owner)

    async def sweep(self) -> None:
        """Goes on with owners whose deletion was cut, or who still made something; forgets the owner after a day without any."""
        for owner in await self._keys.owners():
            deleted_s = await self._keys.deleted_s(owner)
            if deleted_s is None or time.time() - deleted_s < SWEPT_AFTER_S:
                continue
            erased = await self._round(owner)
            is_old = time.time() - deleted_s > _FORGOTTEN_AFTER_S
            if is_old and erased.is_complete and not erased.object_count:
                await self._keys.forget_owner(owner)

    async def _round(self, owner: str) -> Erased:
        uses = [api_key_use_key(key.key_id) async for key in self._keys.all() if key.owner == owner]
        count = await self._delete(self._documents(owner))
        count += await self._delete(_each([key for key in uses if await self._store.exists(key)]))
        markers = [key async for key in self._named(owner)]
        has_ended = True
        if markers:
            try:
                has_ended = await self._cancel_work(owner, [_work_id(key, owner) for key in markers])
            except ResonanceError as failure:
                _log.warning("work of a deleted owner cannot be cancelled yet", owner=owner, cause=failure.message)
                has_ended = False
        count += await self._delete(self._store.keys(below_owner(owner)))
        count += await self._delete(_each(markers))
        left = [key async for key in self._store.keys(below_owner(owner))]
        _log.info("owner deleted", owner=owner, objects=count, work=len(markers), left=len(left))
        return Erased(object_count=count, work_count=len(markers), is_complete=has_ended and not left)

    async def _named(self, owner: str) -> AsyncIterator[str]:
        pattern = re.compile(rf"(^|[-/.]){re.escape(owner)}(\.|$)")
        for prefix in PREFIXES:
            if prefix.deleted_with is OwnerPart.IN_KEY:
                async for key in self._store.keys(prefix.name):
                    if pattern.search(key):
                        yield key

    async def _documents(self, owner: str) -> AsyncIterator[str]:
        for prefix in PREFIXES:
            if prefix.deleted_with is OwnerPart.IN_DOCUMENT:
                for key in [key async for key in self._store.keys(prefix.name)]:
                    if await self._read_owner(key) == owner:
                        yield key

    async def _read_owner(self, key: str) -> object:
        try:
            return json.loads((await self._store.get(key)).data).get("owner")
        except (NotFound, DataLoss, ValueError, AttributeError):
            return None

    async def _delete(self, keys: AsyncIterator[str]) -> int:
        listed = [key async for key in keys]
        for start in range(0, len(listed), _AT_ONCE):
            await asyncio.gather(*(self._store.delete(key) for key in listed[start : start + _AT_ONCE]))
        return len(listed)


async def _each(keys: list[str]) -> AsyncIterator[str]:
    for key in keys:
        yield key


def _work_id(marker: str, owner: str) -> str:
    """The id of the work of a marker: `{time}-{owner}.{id}` and `{owner}.{id}` are of id, `{id}.{owner}` is it itself."""
    name = marker.rpartition("/")[2]
    return name if name.endswith(f".{owner}") else name.partition(f"{owner}.")[2]

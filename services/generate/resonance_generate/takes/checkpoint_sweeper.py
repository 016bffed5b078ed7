"""Checkpoints that nobody came back for: tokens of takes that were cut and never asked for again are removed by age."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing

import structlog

from resonance.api_keys import ApiKeys
from resonance.errors import Conflict, DataLoss, NotFound, ResonanceError
from resonance.identity import acting_as
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.store.keys import CHECKPOINTS, request_key, take_key
from resonance.store.token_document import stamped, written_ms_in

_EVERY_S = 3600.0
_log = structlog.get_logger("checkpoints")


def now_ms() -> int:
    """The wall clock, in milliseconds. Replicas' clocks differ by less than any sensible retention."""
    return int(time.time() * 1000)


class TakeCheckpointSweeper:
    """Goes through checkpoints now and then. Running it twice, or on every replica, does no harm.

    A take that is being made writes its checkpoint every few seconds, so that its checkpoint is never old.
    """

    def __init__(self, store: ObjectStore, settings: Settings, *, clock_ms: Callable[[], int] = now_ms) -> None:
        self._store = store
        self._keys = ApiKeys(store)
        self._retention_s = settings.checkpoint_retention_s
        self._clock_ms = clock_ms

    async def run(self) -> None:
        """Sweeps until cancelled."""
        while True:
            try:
                await self.sweep()
            except ResonanceError as failure:
                _log.warning("cannot sweep at the moment", why=failure.message)
            await asyncio.sleep(_EVERY_S)

    async def sweep(self) -> None:
        """One round, through what belongs to the installation and to each of its users."""
        for owner in ("", *await self._keys.owners()):
            with acting_as(owner):
                async with aclosing(self._store.keys(CHECKPOINTS)) as found:  # type: ignore[type-var]
                    checkpoints = [key async for key in found]
                for key in checkpoints:
                    await self._look_at(key)

    async def _look_at(self, key: str) -> None:
        request_id = key.removeprefix(f"{CHECKPOINTS}r-").removesuffix(".safetensors")
        try:
            stored = await self._store.get(key)
            written_ms = written_ms_in(stored.data)
        except NotFound:
            return
        except DataLoss:
            written_ms = 0  # nobody can go on from it
        if await self._store.exists(take_key(request_id)):
            await self._store.delete(key)  # the take was finished, and its process ended before it could tidy up
        elif written_ms is None:
            await self._stamp(key, stored.data, stored.version)
        elif written_ms < self._clock_ms() - self._retention_s * 1000:
            _log.info("forgetting a take that was cut and never asked for again", request_id=request_id)
            await self._store.delete(key)
            await self._store.delete(request_key(request_id))

    async def _stamp(self, key: str, document: bytes, version: str) -> None:
        """A checkpoint of before checkpoints knew their age begins to age now."""
        try:
            await self._store.replace(key, stamped(document, self._clock_ms()), version=version)
        except (Conflict, NotFound):
            return  # somebody is making the take

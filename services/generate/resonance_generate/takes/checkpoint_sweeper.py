"""Sweeper of old checkpoints of cut takes.

Tokens are deleted when they are older than the retention.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing

import structlog

from resonance.api_keys import ApiKeys
from resonance.errors import DataLoss, NotFound, ResonanceError
from resonance.identity import acting_as
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.store.keys import CHECKPOINTS, request_key, take_key
from resonance.store.token_document import read_written_ms

_EVERY_S = 3600.0
_log = structlog.get_logger("checkpoints")


def now_ms() -> int:
    """Wall-clock time in milliseconds. Replicas' clocks differ by less than any sensible retention."""
    return int(time.time() * 1000)


class TakeCheckpointSweeper:
    """Deletes old checkpoints. Two rounds at once, or a sweeper on every replica, do no harm.

    A take in the making writes its checkpoint every few seconds, so that its checkpoint is never old.
    """

    def __init__(self, store: ObjectStore, settings: Settings, *, clock_ms: Callable[[], int] = now_ms) -> None:
        self._store = store
        self._keys = ApiKeys(store)
        self._retention_s = settings.checkpoint_retention_s
        self._clock_ms = clock_ms

    async def run(self) -> None:
        """Sweeps every hour until cancelled."""
        while True:
            try:
                await self.sweep()
            except ResonanceError as failure:
                _log.warning("cannot sweep at the moment", why=failure.message)
            await asyncio.sleep(_EVERY_S)

    async def sweep(self) -> None:
        """One round, through the checkpoints of the installation and of each of its users."""
        for owner in ("", *await self._keys.owners()):
            with acting_as(owner):
                async with aclosing(self._store.keys(CHECKPOINTS)) as found:  # type: ignore[type-var]
                    checkpoints = [key async for key in found]
                for key in checkpoints:
                    await self._sweep_one(key)

    async def _sweep_one(self, key: str) -> None:
        request_id = key.removeprefix(f"{CHECKPOINTS}r-").removesuffix(".safetensors")
        try:
            written_ms = read_written_ms((await self._store.get(key)).data)
        except NotFound:
            return
        except DataLoss:
            written_ms = 0  # no take can continue from it
        if await self._store.exists(take_key(request_id)):
            await self._store.delete(key)  # the process ended between saving the take and deleting its checkpoint
        elif written_ms < self._clock_ms() - self._retention_s * 1000:
            _log.info("deleting the checkpoint of a take that was cut and never asked for again", request_id=request_id)
            await self._store.delete(key)
            await self._store.delete(request_key(request_id))

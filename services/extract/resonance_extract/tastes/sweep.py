"""Sweep of stored tastes: damaged descriptions are rewritten.

A description is written again from the copy in the job that made it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import structlog

from resonance.api_keys import ApiKeys
from resonance.errors import DataLoss, NotFound, ResonanceError
from resonance.identity import acting_as
from resonance.store import ObjectStore
from resonance.store.keys import TASTES, job_key, parse_taste_key

SWEEP_TASTES, TASK_QUEUE = "SweepTastes", "tastes"  # the workflow, and where it and its activity run
EVERY_S = 3600.0
_log = structlog.get_logger("extract")


class TasteSweeper:
    """Reads every taste of the installation and of each owner. Running it twice, or on every replica, does no harm."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def run(self, while_true: Callable[[], bool]) -> None:
        """Sweeps now and every hour until cancelled, while the condition holds: the engine has its own schedule."""
        while True:
            try:
                if while_true():
                    await self.sweep()
            except ResonanceError as failure:
                _log.warning("cannot sweep tastes at the moment", why=failure.message)
            await asyncio.sleep(EVERY_S)

    async def sweep(self) -> None:
        """One round. A taste whose job has no copy stays damaged."""
        for owner in ("", *await ApiKeys(self._store).owners()):
            with acting_as(owner):
                for key in [key async for key in self._store.keys(TASTES)]:
                    await self._restore_damaged(key)

    async def _restore_damaged(self, key: str) -> None:
        try:
            await self._store.get(key)
        except NotFound:
            return
        except DataLoss:
            if (taste := await self._find_copy(key)) is not None:
                _log.warning("writing a damaged taste again", taste=parse_taste_key(key))
                await self._store.put(key, json.dumps(taste).encode())

    async def _find_copy(self, key: str) -> object | None:
        """The JSON form of the taste in its job, whose id is the taste's."""
        try:
            return json.loads((await self._store.get(job_key(parse_taste_key(key)))).data).get("taste")
        except (NotFound, DataLoss, ValueError, AttributeError):
            return None

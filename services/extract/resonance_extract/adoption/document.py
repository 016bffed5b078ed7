"""Stored adoption of a model, with a lease: one process works on it.

Other replicas read its progress from the document.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from google.protobuf import json_format

from resonance.errors import Conflict, DataLoss, NotFound
from resonance.ids import new_request_id
from resonance.store import ObjectStore
from resonance.store.keys import adoption_key
from resonance.v1 import extract_pb2
from resonance_extract.adoption.progress import RUNNING


class AdoptionDocument:
    """The document of one model's adoption. Its lease has run out where it did not change for `lease_s`, by this process's clock."""

    def __init__(
        self,
        store: ObjectStore,
        *,
        model_digest: str,
        lease_s: float,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._store = store
        self._key = adoption_key(model_digest)
        self._lease_s = lease_s
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._owner = new_request_id()
        self._version = ""
        self._beats = 0
        self._is_asked_for = False
        self._seen: tuple[str, float] = ("", 0.0)
        self._writing = asyncio.Lock()

    async def read(self) -> extract_pb2.Adoption | None:
        """The adoption as another process wrote it last; None where there is none, or where the lease of a running one has run out."""
        values = await self._load()
        if values is None:
            return None
        adoption = json_format.ParseDict(values["adoption"], extract_pb2.Adoption())
        return None if adoption.state == RUNNING and self._is_abandoned(values) else adoption

    @property
    def is_asked_for(self) -> bool:
        """True where a caller asked for all parts and they were not finished."""
        return self._is_asked_for

    def ask(self) -> None:
        """Notes that a caller asked for all parts. It is stored with the lease, so that the next process makes them too."""
        self._is_asked_for = True

    async def take(self, adoption: extract_pb2.Adoption) -> bool:
        """Takes the lease. False where another process works on the adoption."""
        values = await self._load()
        if values is not None:
            is_running = values["adoption"]["state"] == extract_pb2.AdoptionState.Name(RUNNING)
            if is_running and values["owner"] != self._owner and not self._is_abandoned(values):
                return False
        self._version = self._seen[0] if values is not None else ""
        return await self.write(adoption)

    async def write(self, adoption: extract_pb2.Adoption, *, is_over: bool = False) -> bool:
        """Writes the adoption and renews the lease. False where another process has taken it. `is_over` forgets who asked for it."""
        async with self._writing:
            self._beats += 1
            self._is_asked_for &= not is_over
            values = {
                "adoption": json_format.MessageToDict(adoption),
                "owner": self._owner,
                "beats": self._beats,
                "is_asked_for": self._is_asked_for,
            }
            data = json.dumps(values).encode()
            try:
                if self._version:
                    self._version = await self._store.replace(self._key, data, version=self._version)
                else:
                    await self._store.create(self._key, data)
                    self._version = (await self._store.get(self._key)).version
            except (Conflict, NotFound):
                self._version = ""
                return False
            return True

    async def load(self) -> None:
        """Reads if a caller asked an earlier process for all parts."""
        values = await self._load()
        self._is_asked_for |= values is not None and bool(values["is_asked_for"])

    async def _load(self) -> dict[str, Any] | None:
        try:
            stored = await self._store.get(self._key)
            values: dict[str, Any] = json.loads(stored.data)
        except NotFound:
            return None
        except (DataLoss, ValueError):  # it tells only what the store tells too
            await self._store.delete(self._key)
            return None
        if self._seen[0] != stored.version:
            self._seen = stored.version, self._clock()
        return values

    def _is_abandoned(self, values: dict[str, Any]) -> bool:
        return values["owner"] != self._owner and self._clock() - self._seen[1] >= self._lease_s

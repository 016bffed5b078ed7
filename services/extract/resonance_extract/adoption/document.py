"""Stored adoption of a model: its progress for every replica, and if a caller asked for all parts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf import json_format

from resonance.errors import Conflict, DataLoss, NotFound
from resonance.store import ObjectStore
from resonance.store.keys import adoption_key
from resonance.v1 import extract_pb2


@dataclass(slots=True)
class StoredAdoption:
    """The document's content. `adoption` is None until one has begun."""

    adoption: extract_pb2.Adoption | None = None
    is_asked_for: bool = False

    def to_json(self) -> bytes:
        """UTF-8 JSON."""
        adoption = json_format.MessageToDict(self.adoption) if self.adoption is not None else None
        return json.dumps({"adoption": adoption, "is_asked_for": self.is_asked_for}).encode()

    @classmethod
    def parse(cls, data: bytes) -> StoredAdoption:
        """Reads JSON; fields of other versions are passed over. Raises ValueError (with ParseError)."""
        values = json.loads(data)
        plain = values.get("adoption")
        adoption = json_format.ParseDict(plain, extract_pb2.Adoption(), ignore_unknown_fields=True) if plain else None
        return cls(adoption=adoption, is_asked_for=bool(values.get("is_asked_for")))


class AdoptionDocument:
    """The document of one model's adoption. The engine sees to it that one process writes progress; callers add what they ask for."""

    def __init__(self, store: ObjectStore, *, model_digest: str) -> None:
        self._store = store
        self._key = adoption_key(model_digest)

    async def read(self) -> StoredAdoption:
        """The content now; empty where there is none, or where it is damaged: the store's parts tell the same."""
        return (await self._load())[0]

    async def write(self, adoption: extract_pb2.Adoption) -> None:
        """Stores the progress."""

        def change(stored: StoredAdoption) -> None:
            stored.adoption = adoption

        await self._change(change)

    async def ask(self, is_asked_for: bool = True) -> None:
        """Notes that a caller asked for all parts, or that they are made."""

        def change(stored: StoredAdoption) -> None:
            stored.is_asked_for = is_asked_for

        await self._change(change)

    async def _change(self, change: Callable[[StoredAdoption], None]) -> None:
        while True:
            stored, version = await self._load()
            before = stored.to_json()
            change(stored)
            if (data := stored.to_json()) == before:
                return
            try:
                if version:
                    await self._store.replace(self._key, data, version=version)
                else:
                    await self._store.create(self._key, data)
                return
            except (Conflict, NotFound):
                continue

    async def _load(self) -> tuple[StoredAdoption, str]:
        """The content, and its version; "" where there is no object."""
        try:
            found = await self._store.get(self._key)
            return StoredAdoption.parse(found.data), found.version
        except NotFound:
            return StoredAdoption(), ""
        except (DataLoss, ValueError, json_format.ParseError):
            await self._store.delete(self._key)
            return StoredAdoption(), ""

"""Reads everything that is stored and says what is damaged."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from resonance.errors import DataLoss, NotFound
from resonance.store.protocol import ObjectStore
from resonance.store.quarantine import PREFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One object that was read. `damage` is empty where its bytes are the bytes that were stored."""

    key: str
    damage: str = ""


async def check_store(store: ObjectStore, prefix: str = "") -> AsyncGenerator[Checked, None]:
    """Reads every object below the prefix, in order of key. What is deleted meanwhile is passed over.

    Raises:
        Unavailable: the store cannot be reached; that says nothing about its objects.
    """
    async for key in store.keys(prefix):
        if key.startswith(PREFIX):
            continue  # known to be damaged
        try:
            await store.get(key)
        except NotFound:
            continue
        except DataLoss as failure:
            yield Checked(key=key, damage=failure.message)
        else:
            yield Checked(key=key)

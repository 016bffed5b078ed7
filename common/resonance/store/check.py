"""Full store check: reads every object, names damaged ones."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from resonance.errors import DataLoss, NotFound
from resonance.store.keys import QUARANTINE
from resonance.store.protocol import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One object that was read. `damage` is empty where its digest is right."""

    key: str
    damage: str = ""


async def check_store(store: ObjectStore, prefix: str = "") -> AsyncGenerator[Checked, None]:
    """Reads every object below the prefix, in order of key. Objects that are deleted meanwhile are skipped.

    Raises:
        Unavailable: the store cannot be reached; its objects may be whole.
    """
    async for key in store.keys(prefix):
        if key.startswith(QUARANTINE):
            continue  # known to be damaged
        try:
            await store.get(key)
        except NotFound:
            continue
        except DataLoss as failure:
            yield Checked(key=key, damage=failure.message)
        else:
            yield Checked(key=key)

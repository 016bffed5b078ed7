"""List of an owner's phrase concepts, least recently used first, with a limit."""

from __future__ import annotations

import json
from collections.abc import Sequence

from resonance.errors import Conflict, DataLoss, NotFound
from resonance.store import ObjectStore
from resonance.store.keys import phrase_list_key

# The most concepts of phrases that an owner keeps for one model. A concept's document has a few kilobytes; its vector stays in the store,
# under the digest of all that it depends on.
PHRASES_KEPT_MAX = 64


class PhraseList:
    """The names in the object store, changed by compare-and-swap, so that any number of replicas may use them at once."""

    def __init__(self, store: ObjectStore, *, model_digest: str, kept_max: int = PHRASES_KEPT_MAX) -> None:
        self._store = store
        self._key = phrase_list_key(model_digest)
        self._kept_max = kept_max

    async def use(self, names: Sequence[str], *, held: Sequence[str] = ()) -> list[str]:
        """Notes that concepts are used, the last one most recently; returns the names that fall out.

        `held` are those of a caller's request: they count as used where they are on the list.
        """
        while True:
            kept, version = await self._load()
            used = [*(name for name in held if name in kept and name not in names), *names]
            after = [*(name for name in kept if name not in used), *used]
            gone, after = after[: -self._kept_max], after[-self._kept_max :]
            if after == kept:
                return []
            try:
                await self._save(after, version)
            except Conflict:  # another replica wrote it in between
                continue
            return gone

    async def names(self) -> list[str]:
        """The names, least recently used first."""
        return (await self._load())[0]

    async def _load(self) -> tuple[list[str], str]:
        """The names and the version of their object; a list that is not there, or damaged, is empty."""
        try:
            stored = await self._store.get(self._key)
            return [str(name) for name in json.loads(stored.data)], stored.version
        except NotFound:
            return [], ""
        except DataLoss:
            await self._store.delete(self._key)
            return [], ""

    async def _save(self, names: list[str], version: str) -> None:
        data = json.dumps(names).encode()
        if version:
            await self._store.replace(self._key, data, version=version)
        else:
            await self._store.create(self._key, data)

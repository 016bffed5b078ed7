"""Decode cache: decoded length and digest by file digest.

A file that was decoded before is not decoded again.
"""

from __future__ import annotations

import json
from importlib.metadata import version

from resonance.errors import DataLoss, NotFound
from resonance.ids import canonical_digest
from resonance.store import ObjectStore
from resonance.store.keys import sound_key
from resonance_ingest.jobs.job import Sound

# A part of the key: another decoder may give other samples. The number is that of our own part in decoding.
_DECODER = f"pyav-{version('av')}/3"
_KEPT = ("sample_count", "sha256", "notice")


class DecodeCache:
    """A cache in the object store. A stale entry costs only time: the extractor asks for samples that it does not know."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def find(self, source_sha256: str, sample_rate_hz: int) -> Sound | None:
        """The sound of a file that was decoded before; None where it was not, or the entry is damaged."""
        try:
            entry = json.loads((await self._store.get(_key(source_sha256, sample_rate_hz))).data)
            return Sound(sample_rate_hz=sample_rate_hz, **{name: entry[name] for name in _KEPT})
        except (NotFound, DataLoss, ValueError, TypeError, KeyError):
            return None

    async def remember(self, source_sha256: str, sound: Sound) -> None:
        """Stores the sound that a file was decoded to."""
        entry = json.dumps({name: getattr(sound, name) for name in _KEPT}).encode()
        await self._store.put(_key(source_sha256, sound.sample_rate_hz), entry)


def _key(source_sha256: str, sample_rate_hz: int) -> str:
    return sound_key(canonical_digest({"source": source_sha256, "rate": sample_rate_hz, "decoder": _DECODER}))

"""What decoding a file gave before: length and digest by the digest of the file, so that nobody decodes it again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version

from resonance.errors import DataLoss, NotFound
from resonance.ids import canonical_digest
from resonance.store import ObjectStore

# A part of the key: another decoder may give other samples. The number is that of our own part in decoding.
_DECODER = f"pyav-{version('av')}/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedSound:
    """A decoded file's length, and the digest of its prepared audio."""

    sample_count: int
    sha256: str


class DecodeCache:
    """A cache in the object store. A wrong guess costs nothing: whoever wants the samples decodes them after all."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def find(self, source_sha256: str, sample_rate_hz: int) -> DecodedSound | None:
        """The sound of a file that was decoded before; None where it was not, or the note is damaged."""
        try:
            return DecodedSound(**json.loads((await self._store.get(_key(source_sha256, sample_rate_hz))).data))
        except (NotFound, DataLoss, ValueError, TypeError):
            return None

    async def remember(self, source_sha256: str, sample_rate_hz: int, sound: DecodedSound) -> None:
        """Notes what a file became."""
        note = json.dumps({"sample_count": sound.sample_count, "sha256": sound.sha256}).encode()
        await self._store.put(_key(source_sha256, sample_rate_hz), note)


def _key(source_sha256: str, sample_rate_hz: int) -> str:
    return f"sounds/{canonical_digest({'source': source_sha256, 'rate': sample_rate_hz, 'decoder': _DECODER})}"

"""Room in the store: checked before a take begins, because a disk that fills at its end costs the whole take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from resonance.errors import Unavailable
from resonance.store import ObjectStore
from resonance.v1 import generate_pb2

# Beside its samples a take needs its tokens, a checkpoint of them, its documents, and whole blocks of the disk for each.
_DOCUMENT_BYTES = 64 * 1024
_TOKEN_BYTES_PER_S = 2 * 400
# A store without room for a take of the default length is full.
_USUAL_S = 10.0
_RETRY_S = 30.0


class StoreRoom:
    """The bytes that takes in the making will need, beside those that are free."""

    def __init__(self, store: ObjectStore, info: generate_pb2.ModelInfo) -> None:
        self._store = store
        self._bytes_per_s = info.sample_rate_hz * (2 if info.capabilities.stereo else 1) * 2
        self._reserved_bytes = 0

    async def check(self, duration_s: float) -> None:
        """Raises Unavailable where a take of this length would not fit beside those that are being made."""
        needed, free = self._needed(duration_s), await self._store.free_bytes()
        if free is not None and free - self._reserved_bytes < needed:
            left = max(0, free - self._reserved_bytes)
            raise Unavailable(
                f"the disk of the object store is full: this take needs {needed / 1e6:.1f} MB, and {left / 1e6:.1f} MB are left; "
                "delete takes, or ask for a shorter one",
                reason="STORE_FULL",
                retry_after_s=_RETRY_S,
            )

    @contextmanager
    def reserved(self, duration_s: float) -> Iterator[None]:
        """Keeps room for a take while it is made."""
        needed = self._needed(duration_s)
        self._reserved_bytes += needed
        try:
            yield
        finally:
            self._reserved_bytes -= needed

    async def has_room(self) -> bool:
        """True where a take of the usual length can be kept."""
        try:
            await self.check(_USUAL_S)
        except Unavailable:
            return False
        return True

    def _needed(self, duration_s: float) -> int:
        return _DOCUMENT_BYTES + round(duration_s * (self._bytes_per_s + _TOKEN_BYTES_PER_S))

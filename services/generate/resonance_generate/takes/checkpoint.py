"""The checkpoint of one take in the making: what it has said so far, written down now and then beside the music."""

from __future__ import annotations

import asyncio

import numpy as np

from resonance.store.token_document import Codes
from resonance_generate.takes.library import TakeLibrary

# A cut take is picked up again from at most so far back, where the store keeps up.
JOURNAL_S = 5.0


class TakeCheckpoint:
    """Notes tokens and has them written, one writing at a time: a store that is slow, or answers no more, holds up no music."""

    def __init__(self, takes: TakeLibrary, request_id: str, request_digest: str, *, frame_rate_hz: float) -> None:
        self._takes = takes
        self._request_id = request_id
        self._request_digest = request_digest
        self._every_frames = JOURNAL_S * frame_rate_hz
        self._codes: list[Codes] = []
        self._unwritten_frames = 0
        self._writing: asyncio.Task[None] | None = None

    def note(self, codes: Codes) -> None:
        """Takes in what was said since the last time, `[codebooks, frames]`."""
        self._codes.append(codes)
        self._unwritten_frames += codes.shape[1]
        if self._unwritten_frames >= self._every_frames and (self._writing is None or self._writing.done()):
            self._unwritten_frames = 0
            said = np.concatenate(self._codes, axis=1)
            writing = self._takes.write_checkpoint(self._request_id, self._request_digest, said)
            self._writing = self._takes.follow_up(writing)

    async def settle(self) -> None:
        """Waits for a writing that is under way, so that it does not come after what removes the checkpoint."""
        if self._writing is not None:
            await asyncio.wait({self._writing})

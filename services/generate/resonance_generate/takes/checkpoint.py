"""Checkpoint of a take in progress: its stored tokens.

They are written to the store every few seconds.
"""

from __future__ import annotations

import asyncio

import numpy as np

from resonance.store.token_document import Codes
from resonance_generate.takes.library import TakeLibrary

# A cut take is resumed from at most this far back, where the store keeps up.
CHECKPOINT_S = 5.0


class TakeCheckpoint:
    """Collects tokens and writes them in the background, one write at a time, so that a slow store does not hold up the music."""

    def __init__(self, takes: TakeLibrary, request_id: str, request_digest: str, *, frame_rate_hz: float) -> None:
        self._takes = takes
        self._request_id = request_id
        self._request_digest = request_digest
        self._every_frames = CHECKPOINT_S * frame_rate_hz
        self._codes: list[Codes] = []
        self._unwritten_frames = 0
        self._write: asyncio.Task[None] | None = None

    def add(self, codes: Codes) -> None:
        """Adds the tokens that were sampled since the last time, `[codebooks, frames]`; starts a write where one is due."""
        self._codes.append(codes)
        self._unwritten_frames += codes.shape[1]
        if self._unwritten_frames >= self._every_frames and (self._write is None or self._write.done()):
            self._unwritten_frames = 0
            tokens = np.concatenate(self._codes, axis=1)
            write = self._takes.write_checkpoint(self._request_id, self._request_digest, tokens)
            self._write = self._takes.run_in_background(write)

    async def settle(self) -> None:
        """Waits for a write in progress, so that it does not come after the deletion of the checkpoint."""
        if self._write is not None:
            await asyncio.wait({self._write})

"""Reference statistics: what varied music of the model's own looks like inside it. Computed once per model and kept."""

from __future__ import annotations

import asyncio

import numpy as np
import structlog

from resonance.errors import DataLoss, NotFound
from resonance.keys import reference_key
from resonance.store import ObjectStore
from resonance_extract.configuration import reference_digest
from resonance_extract.ear import Ear
from resonance_extract.statistics import Reference

PROMPTS = (
    "calm piano music",
    "fast energetic rock with drums",
    "slow ambient synth",
    "jazz with piano and bass",
    "electronic dance music",
    "classical strings",
    "folk guitar",
    "funk with bass and drums",
    "sad piano in minor",
    "happy pop",
    "cinematic epic orchestra",
    "lofi beat for studying",
)
_DURATION_S = 5.0
_SEED = 7
_log = structlog.get_logger("extract")


class ReferenceShelf:
    """Gives the model's reference, from memory, from the store, or by listening to twelve takes of the model's own."""

    def __init__(self, ear: Ear, store: ObjectStore) -> None:
        self._ear = ear
        self._store = store
        self._lock = asyncio.Lock()
        self._reference: Reference | None = None

    async def get(self) -> Reference:
        """The reference; concurrent callers wait for one computation."""
        async with self._lock:
            if self._reference is None:
                self._reference = await self._load() or await self._compute()
            return self._reference

    async def _load(self) -> Reference | None:
        try:
            stored = await self._store.get(reference_key(reference_digest(self._ear.model.facts.digest)))
            return Reference.from_bytes(stored.data)
        except (NotFound, DataLoss):
            return None

    async def _compute(self) -> Reference:
        _log.info("listening to the model's own music for reference", takes=len(PROMPTS))
        rendered = await self._ear.render(list(PROMPTS), duration_s=_DURATION_S, seed=_SEED)
        heard = [await self._ear.codes(codes) for codes, _ in rendered]
        means = np.stack([one.mean.numpy() for one in heard])
        # The variance over all positions is the mean of the variances within takes and the variance of the takes' means.
        variance = np.stack([one.variance.numpy() for one in heard]).mean(axis=0) + means.var(axis=0)
        reference = Reference(mean=means.mean(axis=0).astype(np.float32), variance=variance.astype(np.float32))
        await self._store.put(reference_key(reference_digest(self._ear.model.facts.digest)), reference.to_bytes())
        return reference

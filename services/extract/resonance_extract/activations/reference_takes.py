"""Takes of a model's own reference, read one by one and kept until it is whole.

A process that ends in the middle goes on with the takes that are missing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import numpy as np
import safetensors
import safetensors.numpy
import torch

from resonance.audio.level import TARGET_LUFS
from resonance.errors import DataLoss, NotFound
from resonance.ids import canonical_digest
from resonance.store import ObjectStore
from resonance.store.keys import piece_key
from resonance_extract.activations.configuration import reference_digest
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.directions.scaling import unit_rows
from resonance_extract.directions.statistics import Array, ReferenceStatistics

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
DURATION_S = 5.0
_SEED = 7
_LEVEL_STEP_DB = 6.0
_AT_ONCE = 4
Report = Callable[[int, int], None]  # steps done, and steps in all


@dataclass(frozen=True, slots=True, kw_only=True)
class _ReadTake:
    """States of a take: mean and variance over its positions, `[layers, hidden]`.

    `levels` are its mean states 6 dB below the loudness of tracks, at it, and 6 dB above, `[3, layers, hidden]`; None for a silent take.
    """

    mean: Array
    variance: Array
    levels: Array | None

    def to_bytes(self) -> bytes:
        tensors = {"mean": self.mean, "variance": self.variance}
        return safetensors.numpy.save(tensors if self.levels is None else {**tensors, "levels": self.levels})

    @classmethod
    def from_bytes(cls, data: bytes) -> _ReadTake:
        try:
            tensors = safetensors.numpy.load(data)
            return cls(mean=tensors["mean"], variance=tensors["variance"], levels=tensors.get("levels"))
        except (safetensors.SafetensorError, KeyError) as failure:
            raise DataLoss(f"this is not a take that was read: {failure}", reason="STATISTICS_DAMAGED") from failure


class ReferenceTakes:
    """Reads a model's own takes of twelve genres."""

    def __init__(self, worker: ActivationWorker, store: ObjectStore) -> None:
        self._worker = worker
        self._store = store
        self._digest = reference_digest(worker.model.description.digest)

    async def read(self, report: Report = lambda _done, _total: None) -> ReferenceStatistics:
        """The statistics of all takes. Each is stored as soon as it is read, and none is read again."""
        found = [await self._find(number) for number in range(len(PROMPTS))]
        report(sum(take is not None for take in found), len(PROMPTS))
        missing = [number for number, take in enumerate(found) if take is None]
        async for number, codes in self._make(missing):
            found[number] = take = await self._read(codes)
            await self._store.put(self._key(number), take.to_bytes())
            report(sum(one is not None for one in found), len(PROMPTS))
        return _join([take for take in found if take is not None])

    async def forget(self) -> None:
        """Removes the takes, which nothing needs once the reference is stored."""
        for number in range(len(PROMPTS)):
            await self._store.delete(self._key(number))

    async def _make(self, numbers: list[int]) -> AsyncIterator[tuple[int, torch.Tensor]]:
        """Numbers and codes `[codebooks, frames]`. A take's seed is its number's, so that it does not matter which are made together."""
        while numbers:
            count = next((n for n in range(1, _AT_ONCE) if numbers[n : n + 1] != [numbers[0] + n]), _AT_ONCE)
            first, numbers = numbers[0], numbers[count:]
            takes = await self._worker.generate(
                PROMPTS[first : first + count], duration_s=DURATION_S, seed=_SEED + first
            )
            for number, (codes, _) in enumerate(takes, start=first):
                yield number, codes

    async def _read(self, codes: torch.Tensor) -> _ReadTake:
        piece = await self._worker.read_piece(codes)
        return _ReadTake(mean=piece.mean, variance=piece.variance, levels=await self._read_levels(codes))

    async def _read_levels(self, codes: torch.Tensor) -> Array | None:
        try:
            stats = [
                await self._worker.read_levelled(codes, target_lufs=TARGET_LUFS + change)
                for change in (-_LEVEL_STEP_DB, 0.0, _LEVEL_STEP_DB)
            ]
        except ValueError:  # a silent take, which a model of random weights makes
            return None
        return np.stack([each.mean.numpy().astype(np.float32) for each in stats])

    async def _find(self, number: int) -> _ReadTake | None:
        try:
            return _ReadTake.from_bytes((await self._store.get(self._key(number))).data)
        except (NotFound, DataLoss):
            return None

    def _key(self, number: int) -> str:
        return piece_key(canonical_digest(["reference take", self._digest, PROMPTS[number], _SEED + number]))


def _join(takes: list[_ReadTake]) -> ReferenceStatistics:
    """The reference of the takes.

    `music_pieces` are the takes at the loudness of tracks. `level` is the unit direction of loudness, `[layers, hidden]`: the mean
    difference of the same takes 6 dB above and 6 dB below. Both are None where every take is silent.
    """
    whole = ReferenceStatistics.of_pieces(
        np.stack([take.mean for take in takes]), np.stack([take.variance for take in takes])
    )
    levelled = [take.levels for take in takes if take.levels is not None]
    if not levelled:
        return whole
    soft, music, loud = np.stack(levelled, axis=1)
    return ReferenceStatistics(
        mean=whole.mean,
        variance=whole.variance,
        pieces=whole.pieces,
        music_pieces=music,
        level=unit_rows((loud - soft).mean(axis=0)),
    )

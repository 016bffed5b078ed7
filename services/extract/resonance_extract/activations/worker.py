"""Activation worker: one model thread, awaited by coroutines."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from resonance_extract.directions.statistics import PieceStatistics
from resonance_model.activations import (
    NEUTRAL_PROMPT,
    RenderingScore,
    generate_and_read,
    read_clip,
    read_codes,
    read_levelled,
    score_rendering,
)
from resonance_model.loaded_model import LoadedModel
from resonance_model.steering.recorder import ActivationStats, pool

Result = TypeVar("Result")


class ActivationWorker:
    """The model's readings as coroutines. Work waits in the queue of one thread; a cancelled wait leaves at most the step in hand."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="activations", initializer=_lower_priority)

    async def read_clip(self, samples: NDArray[np.float32]) -> ActivationStats:
        """The layers' statistics over a clip, mono `[samples]` at the model's rate, in both polarities.

        Codec tokens depend on a signal's polarity, which is not heard. The mean of both readings does not depend on it, and varies
        less with small changes of the file.
        """
        clip = torch.from_numpy(samples)
        both = [await self._run(partial(read_clip, self.model, signal)) for signal in (clip, -clip)]
        return pool(both)

    async def read_codes(self, codes: torch.Tensor, *, prompt: str = NEUTRAL_PROMPT) -> ActivationStats:
        """The layers' statistics over codec tokens `[codebooks, frames]` under a prompt."""
        return await self._run(lambda: read_codes(self.model, codes, prompt=prompt))

    async def read_piece(self, codes: torch.Tensor) -> PieceStatistics:
        """A piece's statistics from its codec tokens `[codebooks, frames]`, under the neutral prompt."""
        stats = await self.read_codes(codes)
        return PieceStatistics(
            mean=stats.mean.numpy().astype(np.float32), variance=stats.variance.numpy().astype(np.float32)
        )

    async def read_levelled(self, codes: torch.Tensor, *, target_lufs: float) -> ActivationStats:
        """The layers' statistics over a take of that loudness. Raises ValueError where the take is silent."""
        return await self._run(lambda: read_levelled(self.model, codes, target_lufs=target_lufs))

    async def score(
        self, samples: NDArray[np.float32], prompt: str, *, pairs: Sequence[tuple[str, str]] = ()
    ) -> RenderingScore:
        """The score of a rendering under the unsteered model."""
        return await self._run(
            lambda: score_rendering(self.model, torch.from_numpy(samples), prompt=prompt, pairs=pairs)
        )

    async def generate(
        self, prompts: list[str], *, duration_s: float, seed: int
    ) -> list[tuple[torch.Tensor, ActivationStats]]:
        """Short takes of the prompts as codec tokens, and the layers' statistics while they were made."""
        frames = round(duration_s * self.model.description.frame_rate_hz)
        return await self._run(lambda: generate_and_read(self.model, prompts, frame_count=frames, seed=seed))

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Ends the thread after the step in hand."""
        self._thread.shutdown(wait=True, cancel_futures=True)


def _lower_priority() -> None:
    """Lowers the thread's priority, so that generation goes first where both share a machine. Linux has priorities per thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)

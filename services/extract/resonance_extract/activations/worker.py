"""Activation worker: one model thread, awaited by coroutines."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from resonance_extract.activations.background import HasListeners, Turns
from resonance_extract.directions.statistics import PieceStatistics
from resonance_model.activations import (
    NEUTRAL_PROMPT,
    ReadTakes,
    RenderingScore,
    read_clip,
    read_codes,
    read_levelled,
    score_rendering,
    takes_at_once,
)
from resonance_model.allocator import release_free_pages
from resonance_model.loaded_model import LoadedModel
from resonance_model.steering.recorder import ActivationStats, pool

Result = TypeVar("Result")
# Takes are made in slices of so many steps, so that other work gets the thread in between: half a second at musicgen-small's shape.
_SLICE_STEPS = 16
_RELEASE_EVERY_S = 1.0


class ActivationWorker:
    """The model's readings as coroutines. Work waits in the queue of one thread; a cancelled wait leaves at most the step in hand.

    Background work (`background.py`) takes its turn only while `has_listeners` says no, and no caller's work is in hand.
    """

    def __init__(self, model: LoadedModel, has_listeners: HasListeners = lambda: False) -> None:
        self.model = model
        self.turns = Turns(has_listeners)
        self._released_s = time.monotonic()
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
        self, prompts: Sequence[str], *, duration_s: float, seed: int
    ) -> list[tuple[torch.Tensor, ActivationStats]]:
        """Short takes of the prompts as codec tokens, and the layers' statistics while they were made.

        Take `n` has the seed `seed + n`. Few are made at once, because each has keys and values of its own.
        """
        frames = round(duration_s * self.model.description.frame_rate_hz)
        size = takes_at_once(self.model, frames)
        found: list[tuple[torch.Tensor, ActivationStats]] = []
        for start in range(0, len(prompts), size):
            found += await self._generate_batch(prompts[start : start + size], frames, seed + start)
        return found

    async def _generate_batch(
        self, prompts: Sequence[str], frames: int, seed: int
    ) -> list[tuple[torch.Tensor, ActivationStats]]:
        takes = await self._run(lambda: ReadTakes(self.model, prompts, frame_count=frames, seed=seed))
        while not takes.is_finished:
            await self._run(lambda: takes.advance(_SLICE_STEPS))
        return takes.results()

    async def _run(self, work: Callable[[], Result]) -> Result:
        await self.turns.wait()
        with self.turns.caller():
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)

    def _work(self, work: Callable[[], Result]) -> Result:
        """Runs the work, and now and then gives the memory of earlier work back."""
        result = work()
        if time.monotonic() - self._released_s > _RELEASE_EVERY_S:
            release_free_pages()
            self._released_s = time.monotonic()
        return result

    async def release_memory(self) -> None:
        """Gives the memory of finished work back to the system."""
        await self._run(release_free_pages)

    def close(self) -> None:
        """Ends the thread after the step in hand."""
        self._thread.shutdown(wait=True, cancel_futures=True)


def _lower_priority() -> None:
    """Lowers the thread's priority, so that generation goes first where both share a machine. Linux has priorities per thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)

"""Fresh training shards, rendered and tokenised between training steps.

One shard at a time is made in the training's own process.
"""

from __future__ import annotations

from typing import Final

from . import corpus
from .codec import frozen_codec
from .render import render_shard
from .synth import Synth
from .tokenise import tokenise_shard

PASSES_MAX: Final = 3.0  # over a shard; a model of this size knows by heart what it has heard more often
LEFT_MIN: Final = 4.5  # passes that all shards together still may have before the next one is written


class Feeder:
    """Writes the next shard whenever it is asked; every process of a run has its own numbers."""

    def __init__(self, first: int, rank: int = 0, world: int = 1) -> None:
        self._first, self._rank, self._world = first, rank, world
        self._synth, self._codec = Synth(), frozen_codec()

    def feed(self) -> int:
        """Renders and tokenises one shard and drops its audio; returns its number.

        Raises:
            RuntimeError: all numbers before the held-out shards are used.
        """
        number = self._next()
        corpus.AUDIO.mkdir(parents=True, exist_ok=True)
        corpus.CODES.mkdir(parents=True, exist_ok=True)
        render_shard(self._synth, number, corpus.AUDIO)
        tokenise_shard(self._codec, number)
        for ending in ("npy", "json"):
            (corpus.AUDIO / f"{number:05d}.{ending}").unlink()
        return number

    def _next(self) -> int:
        known = set(corpus.shards(corpus.CODES))
        free = range(self._first + self._rank, corpus.HELD_OUT_FIRST, self._world)
        number = next((number for number in free if number not in known), None)
        if number is None:
            raise RuntimeError(
                f"every shard from {self._first} to {corpus.HELD_OUT_FIRST} is there: begin with a lower one"
            )
        return number

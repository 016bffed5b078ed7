"""Readings of a phrase: what the model adds for it under several prompts, beside what it adds for meaningless words."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from resonance_extract.activations.word_states import to_state
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.directions.contrasts import Contrast, same_music

Array = NDArray[np.float32]
# Short prompts in words that any music model knows. The pairs of a phrase are these, and the prompt in hand, with and without the phrase.
NEUTRAL_PROMPTS = ("music", "piano", "guitar", "drums and bass", "strings", "electronic")
TAKE_S = 1.0
_SEED = 11
_BASES_MAX = 32
# Words of no language. An open vocabulary spells them from pieces, a closed one reads them as unknown.
_NO_WORDS = ("qxzvk", "vbrwpl", "zzkrtq", "gwfpsk", "kxdrm", "pzvlq", "tgwbx", "hjqzn")


@dataclass(slots=True, kw_only=True)
class _Base:
    """A prompt without the phrase: a short take of it, and the states that were read under it and under it with meaningless words."""

    codes: torch.Tensor
    state: Array
    controls: dict[int, Array] = field(default_factory=dict)  # by the number of words


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseReading:
    """The contrasts of a phrase, one a prompt, and the reaction to it.

    `reaction` is the shift that the phrase makes in the layers over the shift that as many meaningless words make.
    """

    contrasts: list[Contrast]
    reaction: float


class PhraseReader:
    """Reads phrases. Takes without a phrase are made once for each prompt and kept in memory."""

    def __init__(self, worker: ActivationWorker, neutral: Sequence[str], *, take_s: float = TAKE_S) -> None:
        """`neutral` are the prompts that phrases are read with beside the one in hand."""
        self._worker = worker
        self._neutral_prompts = tuple(neutral)
        self._take_s = take_s
        self._neutral: dict[str, _Base] = {}
        self._bases: OrderedDict[str, _Base] = OrderedDict()  # of prompts in hand

    async def read(self, phrase: str, prompts: Sequence[str]) -> PhraseReading:
        """Reads a short take of each prompt under the prompt with the phrase and under the prompt alone, as pairs of words are read.

        Takes of the prompts with the phrase are left out, because they are the larger part of the time: on the embedded model the
        direction without them has a cosine of 0.98 and more to the one with them.
        """
        bases = await self._load_bases(prompts)
        word_count, contrasts, shifts, controls = len(phrase.split()), [], [], []
        for prompt, base in zip(prompts, bases, strict=True):
            state = await self._read(base.codes, with_phrase(phrase, prompt))
            contrasts.append(same_music(state[None], base.state[None]))
            shifts.append(state - base.state)
            controls.append(await self._read_control(prompt, base, word_count) - base.state)
        own, control = (np.linalg.norm(np.mean(side, axis=0), axis=1) for side in (shifts, controls))
        return PhraseReading(contrasts=contrasts, reaction=float(own.sum() / max(float(control.sum()), 1e-9)))

    async def _load_bases(self, prompts: Sequence[str]) -> list[_Base]:
        """The prompts' bases. A base does not depend on the order in which phrases came: the neutral prompts' takes are one batch."""
        if not self._neutral:
            self._neutral = await self._make_bases(self._neutral_prompts)
        for prompt in prompts:
            if prompt not in self._neutral and prompt not in self._bases:
                self._bases.update(await self._make_bases([prompt]))
            if prompt in self._bases:
                self._bases.move_to_end(prompt)
        while len(self._bases) > _BASES_MAX:
            self._bases.popitem(last=False)
        return [self._neutral.get(prompt) or self._bases[prompt] for prompt in prompts]

    async def _make_bases(self, prompts: Sequence[str]) -> dict[str, _Base]:
        takes = await self._worker.generate(list(prompts), duration_s=self._take_s, seed=_SEED)
        return {
            prompt: _Base(codes=codes, state=await self._read(codes, prompt))
            for prompt, (codes, _) in zip(prompts, takes, strict=True)
        }

    async def _read_control(self, prompt: str, base: _Base, word_count: int) -> Array:
        """The state of the prompt's own take under the prompt with as many meaningless words as the phrase has."""
        if word_count not in base.controls:
            words = " ".join(_NO_WORDS[:word_count])
            base.controls[word_count] = await self._read(base.codes, with_phrase(words, prompt))
        return base.controls[word_count]

    async def _read(self, codes: torch.Tensor, prompt: str) -> Array:
        return to_state(await self._worker.read_codes(codes, prompt=prompt), self._worker)


def with_phrase(phrase: str, prompt: str) -> str:
    """The prompt with the phrase before it."""
    return f"{phrase} {prompt}"

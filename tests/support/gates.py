"""Exactness gates for every backend, checkpoint kind and slot count.

They hold for any moment to join.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from resonance_model.decoder.sampling import sample_tokens
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.loaded_model import LoadedModel
from support.takes import build_sequence, codes_alone, run

SLOT_COUNTS = (1, 3, 8)
_WORDS = ("calm", "jazz", "with", "deep", "bass", "and", "fast", "drums")
_WORD_COUNTS = (1, 200, 3, 17, 64, 2, 120, 40)
_FRAMES = (9, 3, 16, 4, 21, 5, 12, 7)  # with fewer than three, transformers leaves the delay pattern out


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeSpec:
    """One take of a gate: a prompt of 1 to 200 words; for melody checkpoints every other take has a melody."""

    prompt: str
    frame_count: int
    seed: int
    melody: Tensor | None

    def options(self, **more: Any) -> dict[str, Any]:
        """Keyword arguments of `build_sequence`."""
        return {"frame_count": self.frame_count, "seed": self.seed, "melody": self.melody, **more}


LibraryCodes = Callable[[LoadedModel, TakeSpec], Tensor]


def build_specs(model: LoadedModel, count: int) -> list[TakeSpec]:
    """`count` takes, no two alike."""
    dice = torch.Generator().manual_seed(7)
    specs = []
    for index in range(count):
        words = [_WORDS[(index + offset) % len(_WORDS)] for offset in range(_WORD_COUNTS[index])]
        melody = F.one_hot(torch.randint(0, 12, (5 + 9 * index,), generator=dice), 12).float()
        has_melody = model.melody_chroma is not None and index % 2 == 0
        specs.append(
            TakeSpec(
                prompt=" ".join(words), frame_count=_FRAMES[index], seed=index, melody=melody if has_melody else None
            )
        )
    return specs


def join_steps(model: LoadedModel, moment: str, count: int) -> list[int]:
    """Steps at which the takes join: all at once, one step apart, around the first take's first whole frame, and around its end."""
    delay, first_end = model.config.delay_max, _FRAMES[0] + model.config.delay_max
    later = {
        "together": [0],
        "one step apart": list(range(1, count)),
        "at the delay's edge": [delay - 1, delay, delay + 1],
        "at the end": [first_end - 1, first_end, first_end + 1],
    }[moment]
    return [0] + [later[index % len(later)] for index in range(count - 1)]


MOMENTS = ("together", "one step apart", "at the delay's edge", "at the end")


def check_tokens_in_company(model: LoadedModel, slot_count: int, moment: str, library_codes: LibraryCodes) -> None:
    """Gate 1: greedy tokens beside other takes are the tokens alone, and the library's own."""
    specs = build_specs(model, slot_count)
    sequences = [build_sequence(model, spec.prompt, **spec.options()) for spec in specs]
    run(model, sequences, join_steps(model, moment, slot_count))
    for spec, sequence in zip(specs, sequences, strict=True):
        codes = sequence.frames(0, spec.frame_count)
        assert torch.equal(codes, codes_alone(model, spec.prompt, **spec.options()))
        assert torch.equal(codes, library_codes(model, spec))


def check_bits_in_company(model: LoadedModel, slot_count: int, moment: str) -> None:
    """Gate 2: a take that joins or leaves changes no bit of another take's logits, steered or not, sampled or not."""
    steerings = [
        None,
        *(torch.randn(model.config.layer_count, 2, model.config.hidden_size) * 0.2 for _ in range(slot_count)),
    ]
    options = [
        spec.options(temperature=float(index % 2), steering=steerings[index % 3 if index else 0])
        for index, spec in enumerate(build_specs(model, slot_count))
    ]
    prompts = [spec.prompt for spec in build_specs(model, slot_count)]

    def sequences() -> list[TokenSequence]:
        return [build_sequence(model, prompt, **each) for prompt, each in zip(prompts, options, strict=True)]

    together = _record_logits(model, sequences(), join_steps(model, moment, slot_count))
    for index, sequence in enumerate(sequences()):
        (alone,) = _record_logits(model, [sequence], [0])
        assert len(alone) == len(together[index]) == sequence.step
        assert all(torch.equal(one, other) for one, other in zip(alone, together[index], strict=True))


def check_streamed_audio(model: LoadedModel, one_shot: Callable[[Tensor], Tensor]) -> None:
    """Gate 3: audio decode_streamed in chunks of any size is the library's one decode of the same tokens, within 1e-5."""
    codes = torch.randint(0, model.config.vocabulary_size, (model.config.codebook_count, 60))
    whole = one_shot(codes)
    for cuts in ([0, 60], [0, 1, 2, 9, 30, 59, 60], list(range(0, 61, 5))):
        stream = model.codec.open_stream()
        parts = [stream.push(codes[:, start:end]) for start, end in pairwise(cuts)] + [stream.finish()]
        torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=0)


def check_strength_zero_and_resuming(model: LoadedModel, prefix: int) -> None:
    """Gate 4: strength 0 is bitwise no steering, and a resumed take has the tokens of an uninterrupted one."""
    spec = build_specs(model, 3)[2]
    zero = torch.zeros(model.config.layer_count, 2, model.config.hidden_size)
    plain, unmoved = (
        _record_logits(
            model, [build_sequence(model, spec.prompt, **spec.options(temperature=1.0, steering=steering))], [0]
        )[0]
        for steering in (None, zero)
    )
    assert all(torch.equal(one, other) for one, other in zip(plain, unmoved, strict=True))
    whole = codes_alone(model, spec.prompt, **spec.options(temperature=1.0))
    given = np.full(tuple(whole.shape), -1)
    given[:, :prefix] = whole[:, :prefix]
    sequence = build_sequence(model, spec.prompt, **spec.options(temperature=1.0))
    sequence.start_from_tokens(given)
    with torch.inference_mode():
        while sequence.needs_prefill:
            sequence.prefill(7)
    run(model, [sequence])
    assert torch.equal(sequence.frames(0, spec.frame_count), whole)


def _record_logits(model: LoadedModel, sequences: list[TokenSequence], joins: list[int]) -> list[list[Tensor]]:
    """Each sequence's logits, step by step, while they run together."""
    found: list[list[Tensor]] = [[] for _ in sequences]
    step = 0
    with torch.inference_mode():
        while not all(sequence.is_finished for sequence in sequences):
            indices = [
                index for index, sequence in enumerate(sequences) if joins[index] <= step and not sequence.is_finished
            ]
            present = [sequences[index] for index in indices]
            if present:
                tokens = torch.stack([sequence.inputs() for sequence in present])
                logits = model.decoder.advance([sequence.slot for sequence in present], tokens)
                chosen = sample_tokens(
                    logits, [sequence.sampling for sequence in present], [sequence.step for sequence in present]
                )
                for position, index in enumerate(indices):
                    found[index].append(logits[position])
                    sequences[index].accept(chosen[position])
            step += 1
    return found

"""The exactness gates as laws: what holds of every backend, every kind of checkpoint, any number of rows, any moment to join."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from resonance_model.decoder.sampling import choose
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.loaded_model import LoadedModel
from support.takes import build_sequence, codes_alone, run

ROWS = (1, 3, 8)
_WORDS = ("calm", "jazz", "with", "deep", "bass", "and", "fast", "drums")
_WORD_COUNTS = (1, 200, 3, 17, 64, 2, 120, 40)
_FRAMES = (9, 3, 16, 4, 21, 5, 12, 7)  # with fewer than three, transformers leaves the delay pattern out


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one row is asked for: prompts have 1 to 200 words; a tune where the checkpoint follows one (every other row)."""

    prompt: str
    frame_count: int
    seed: int
    melody: Tensor | None

    def options(self, **more: Any) -> dict[str, Any]:
        """As keywords of `build_sequence`."""
        return {"frame_count": self.frame_count, "seed": self.seed, "melody": self.melody, **more}


LibraryCodes = Callable[[LoadedModel, Wish], Tensor]


def wishes_of(model: LoadedModel, count: int) -> list[Wish]:
    """So many requests, no two alike."""
    dice = torch.Generator().manual_seed(7)
    wishes = []
    for place in range(count):
        words = [_WORDS[(place + index) % len(_WORDS)] for index in range(_WORD_COUNTS[place])]
        tune = F.one_hot(torch.randint(0, 12, (5 + 9 * place,), generator=dice), 12).float()
        has_tune = model.melody_chroma is not None and place % 2 == 0
        wishes.append(
            Wish(prompt=" ".join(words), frame_count=_FRAMES[place], seed=place, melody=tune if has_tune else None)
        )
    return wishes


def joins_of(model: LoadedModel, moment: str, count: int) -> list[int]:
    """The steps at which rows join: all at once, one step apart, around the first row's first whole frame, and around its end."""
    delay, first_end = model.config.delay_max, _FRAMES[0] + model.config.delay_max
    later = {
        "together": [0],
        "one step apart": list(range(1, count)),
        "at the delay's edge": [delay - 1, delay, delay + 1],
        "at the end": [first_end - 1, first_end, first_end + 1],
    }[moment]
    return [0] + [later[place % len(later)] for place in range(count - 1)]


MOMENTS = ("together", "one step apart", "at the delay's edge", "at the end")


def check_tokens_in_company(model: LoadedModel, rows: int, moment: str, library_codes: LibraryCodes) -> None:
    """Gate 1: greedy tokens in a ragged batch are the tokens alone, and the library's own."""
    wishes = wishes_of(model, rows)
    sequences = [build_sequence(model, wish.prompt, **wish.options()) for wish in wishes]
    run(model, sequences, joins_of(model, moment, rows))
    for wish, sequence in zip(wishes, sequences, strict=True):
        said = sequence.frames(0, wish.frame_count)
        assert torch.equal(said, codes_alone(model, wish.prompt, **wish.options()))
        assert torch.equal(said, library_codes(model, wish))


def check_bits_in_company(model: LoadedModel, rows: int, moment: str) -> None:
    """Gate 2: whoever joins or leaves changes no bit of another row's logits, steered or not, sampled or not."""
    steerings = [None, *(torch.randn(model.config.layer_count, 2, model.config.hidden_size) * 0.2 for _ in range(rows))]
    options = [
        wish.options(temperature=float(place % 2), steering=steerings[place % 3 if place else 0])
        for place, wish in enumerate(wishes_of(model, rows))
    ]
    prompts = [wish.prompt for wish in wishes_of(model, rows)]

    def sequences() -> list[TokenSequence]:
        return [build_sequence(model, prompt, **each) for prompt, each in zip(prompts, options, strict=True)]

    together = _logits_of(model, sequences(), joins_of(model, moment, rows))
    for place, sequence in enumerate(sequences()):
        (alone,) = _logits_of(model, [sequence], [0])
        assert len(alone) == len(together[place]) == sequence.step
        assert all(torch.equal(one, other) for one, other in zip(alone, together[place], strict=True))


def check_streamed_audio(model: LoadedModel, one_shot: Callable[[Tensor], Tensor]) -> None:
    """Gate 3: audio streamed in chunks of any size is the library's one decode of the same tokens, within 1e-5."""
    codes = torch.randint(0, model.config.vocabulary_size, (model.config.codebook_count, 60))
    whole = one_shot(codes)
    for cuts in ([0, 60], [0, 1, 2, 9, 30, 59, 60], list(range(0, 61, 5))):
        stream = model.codec.open_stream()
        parts = [stream.push(codes[:, start:end]) for start, end in pairwise(cuts)] + [stream.finish()]
        torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=0)


def check_strength_zero_and_resuming(model: LoadedModel, prefix: int) -> None:
    """Gate 4: strength 0 is bitwise no steering, and a take that is resumed says what it would have said."""
    wish = wishes_of(model, 3)[2]
    zero = torch.zeros(model.config.layer_count, 2, model.config.hidden_size)
    plain, unmoved = (
        _logits_of(
            model, [build_sequence(model, wish.prompt, **wish.options(temperature=1.0, steering=steering))], [0]
        )[0]
        for steering in (None, zero)
    )
    assert all(torch.equal(one, other) for one, other in zip(plain, unmoved, strict=True))
    whole = codes_alone(model, wish.prompt, **wish.options(temperature=1.0))
    given = np.full(tuple(whole.shape), -1)
    given[:, :prefix] = whole[:, :prefix]
    sequence = build_sequence(model, wish.prompt, **wish.options(temperature=1.0))
    sequence.start_from_tokens(given)
    with torch.inference_mode():
        while sequence.needs_prefill:
            sequence.prefill(7)
    run(model, [sequence])
    assert torch.equal(sequence.frames(0, wish.frame_count), whole)


def _logits_of(model: LoadedModel, sequences: list[TokenSequence], joins: list[int]) -> list[list[Tensor]]:
    """Each sequence's logits, step by step, while they run together."""
    heard: list[list[Tensor]] = [[] for _ in sequences]
    step = 0
    with torch.inference_mode():
        while not all(sequence.is_finished for sequence in sequences):
            places = [
                place for place, sequence in enumerate(sequences) if joins[place] <= step and not sequence.is_finished
            ]
            present = [sequences[place] for place in places]
            if present:
                tokens = torch.stack([sequence.inputs() for sequence in present])
                logits = model.decoder.advance([sequence.slot for sequence in present], tokens)
                chosen = choose(
                    logits, [sequence.sampling for sequence in present], [sequence.step for sequence in present]
                )
                for row, place in enumerate(places):
                    heard[place].append(logits[row])
                    sequences[place].accept(chosen[row])
            step += 1
    return heard

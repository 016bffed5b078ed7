"""One step of many token sequences: in the static batch, or in one shared decoder pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from resonance_model.decoder.decoder import Decoder
from resonance_model.decoder.sampling import sample_tokens
from resonance_model.decoder.sequence import TokenSequence

if TYPE_CHECKING:
    from resonance_model.decoder.static_batch import StaticBatch


def advance(decoder: Decoder, sequences: Sequence[TokenSequence], static_batch: StaticBatch | None = None) -> None:
    """One step of all sequences: in the static batch for slots that it can step, in one shared decoder pass for the others."""
    for sequence in sequences:
        sequence.prepare_step()
    if static_batch is None:
        _advance_slots(decoder, sequences)
        return
    fixed = [sequence for sequence in sequences if static_batch.can_step(sequence.slot)]
    others = [sequence for sequence in sequences if not static_batch.can_step(sequence.slot)]
    if fixed:
        chosen = static_batch.step(
            [sequence.slot for sequence in fixed],
            torch.stack([sequence.inputs() for sequence in fixed]),
            [sequence.sampling for sequence in fixed],
            [sequence.step for sequence in fixed],
            [sequence.novelty_penalty() for sequence in fixed],
        )
        _accept(fixed, chosen)
    if others:
        _advance_slots(decoder, others)


def _advance_slots(decoder: Decoder, sequences: Sequence[TokenSequence]) -> None:
    tokens = torch.stack([sequence.inputs() for sequence in sequences])
    logits = decoder.advance([sequence.slot for sequence in sequences], tokens.to(decoder.device)).cpu()
    chosen = sample_tokens(
        logits,
        [sequence.sampling for sequence in sequences],
        [sequence.step for sequence in sequences],
        [sequence.novelty_penalty() for sequence in sequences],
    )
    _accept(sequences, chosen)


def _accept(sequences: Sequence[TokenSequence], chosen: Tensor) -> None:
    for sequence, tokens in zip(sequences, chosen, strict=True):
        sequence.accept(tokens)

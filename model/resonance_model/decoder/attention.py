"""Attention: one step of several slots, or one slot's stretch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from resonance_model.config import CONDITIONAL, UNCONDITIONAL, DecoderConfig
from resonance_model.decoder.kv_cache import CacheSlot, Conditioning

# Conditional branches as a view, or the branches that are named.
TextBranches = slice | list[int]
CONDITIONAL_BRANCHES = slice(CONDITIONAL, None, 2)


class Attention(Protocol):
    """The two attentions of a layer, over caches that the implementation owns. `hidden` below is heads * head_size."""

    def attend_music(self, layer: int, fused: Tensor) -> Tensor:
        """Causal self-attention: appends keys and values to the cache, and attends to all positions so far.

        Args:
            layer: index of the layer.
            fused: queries, keys and values side by side, `[..., 3 * hidden]`.

        Returns:
            `[..., hidden]`.
        """
        ...

    @property
    def text_branches(self) -> TextBranches:
        """The branches that attend to a text: all conditional ones, and unconditional ones that have a negative text."""
        ...

    def attend_text(self, layer: int, query: Tensor) -> Tensor:
        """Cross-attention of the `text_branches` to their texts: `[..., hidden]` of queries `[..., hidden]`."""
        ...


class StepAttention:
    """Attention of one step of several slots; branches are slot 0 conditional, slot 0 unconditional, slot 1 conditional, ...

    It runs slot by slot over the slot's own length: nothing is padded, and no branch sees another slot's positions.
    """

    def __init__(self, config: DecoderConfig, slots: Sequence[CacheSlot]) -> None:
        self._heads = (config.head_count, 1, config.head_size)
        self._slots = slots
        self._biases = [slot.self_bias(slot.length + 1) for slot in slots]
        self._texts, self.text_branches = _texts_of_step(slots)

    def attend_music(self, layer: int, fused: Tensor) -> Tensor:
        fused = fused.view(len(fused), 3, *self._heads).transpose(0, 1)
        attended = []
        for index, slot in enumerate(self._slots):
            own = fused.narrow(1, 2 * index, 2)
            keys, values = slot.append(layer, own[1:])
            attended.append(F.scaled_dot_product_attention(own[0], keys, values, attn_mask=self._biases[index]))
        return _joined(attended)

    def attend_text(self, layer: int, query: Tensor) -> Tensor:
        query = query.view(len(query), *self._heads)
        return _joined(
            [_attend_conditioning(layer, query.narrow(0, index, 1), text) for index, text in enumerate(self._texts)]
        )


class StretchAttention:
    """Attention of several positions of one slot at once; tensors are `[branches, positions, ...]`."""

    def __init__(self, config: DecoderConfig, slot: CacheSlot, position_count: int, device: torch.device) -> None:
        self._heads = (config.head_count, config.head_size)
        self._slot = slot
        self._mask = _causal_mask(slot, position_count, device)
        negative = slot.conditioning.negative if slot.branch_count > UNCONDITIONAL else None
        self._texts = [slot.conditioning] if negative is None else [slot.conditioning, negative]
        self.text_branches: TextBranches = CONDITIONAL_BRANCHES if negative is None else [CONDITIONAL, UNCONDITIONAL]

    def attend_music(self, layer: int, fused: Tensor) -> Tensor:
        fused = fused.unflatten(-1, (3, *self._heads)).permute(2, 0, 3, 1, 4)
        keys, values = self._slot.append(layer, fused[1:])
        mask = self._mask
        attended = F.scaled_dot_product_attention(fused[0], keys, values, attn_mask=mask, is_causal=mask is None)
        return attended.transpose(1, 2).flatten(2)

    def attend_text(self, layer: int, query: Tensor) -> Tensor:
        query = query.unflatten(-1, self._heads).transpose(1, 2)
        attended = [
            _attend_conditioning(layer, query.narrow(0, index, 1), text) for index, text in enumerate(self._texts)
        ]
        return (attended[0] if len(attended) == 1 else torch.cat(attended)).transpose(1, 2).flatten(2)


def _texts_of_step(slots: Sequence[CacheSlot]) -> tuple[list[Conditioning], TextBranches]:
    """The texts of a step in the order of their branches, and these branches."""
    if all(slot.conditioning.negative is None for slot in slots):
        return [slot.conditioning for slot in slots], CONDITIONAL_BRANCHES
    texts, branches = [], []
    for index, slot in enumerate(slots):
        for branch, text in ((CONDITIONAL, slot.conditioning), (UNCONDITIONAL, slot.conditioning.negative)):
            if text is not None:
                texts.append(text)
                branches.append(2 * index + branch)
    return texts, branches


def _attend_conditioning(layer: int, query: Tensor, text: Conditioning) -> Tensor:
    return F.scaled_dot_product_attention(query, text.keys[layer], text.values[layer], attn_mask=text.bias)


def _joined(attended: list[Tensor]) -> Tensor:
    """The slots' results `[n, heads, 1, head_size]` one below the other, `[branches, hidden]`."""
    return (attended[0] if len(attended) == 1 else torch.cat(attended)).flatten(1)


def _causal_mask(slot: CacheSlot, count: int, device: torch.device) -> Tensor | None:
    """Mask `[positions, past + positions]`: position i sees 0..past + i. Boolean, or the weights of several texts with minus infinity.

    None where the kernel's own causal mask says the same: an empty cache and a single text.
    """
    past, bias = slot.length, slot.self_bias(slot.length + count)
    if past == 0 and bias is None:
        return None
    mask = torch.ones(count, past + count, dtype=torch.bool, device=device).tril(past)
    return mask if bias is None else torch.where(mask, bias[0, 0], float("-inf"))

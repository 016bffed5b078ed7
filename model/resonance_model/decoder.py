"""MusicGen's decoder as we run it: ragged slots that share each product, each with its own steering."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from resonance_model.positions import sinusoidal_positions
from resonance_model.products import Product
from resonance_model.shape import DecoderShape
from resonance_model.slot import CONDITIONAL, Conditioning, Slot

Norm = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerWeights:
    """One decoder layer. Normalisations are (weight, bias), each `[hidden]`. No other biases exist."""

    self_norm: Norm
    self_qkv: Product
    self_out: Product
    cross_norm: Norm
    cross_query: Product
    cross_key_value: Product
    cross_out: Product
    feed_norm: Norm
    feed_in: Product
    feed_out: Product


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderWeights:
    """A whole decoder. `embeddings` is `[codebooks * (vocabulary + 1), hidden]`; `heads` gives `codebooks * vocabulary`."""

    embeddings: Tensor
    layers: tuple[LayerWeights, ...]
    final_norm: Norm
    heads: Product
    text_weight: Tensor
    text_bias: Tensor


class Decoder:
    """The decoder over any set of slots.

    A slot is a pair of rows, conditional and unconditional. `advance` gives each slot's next logits from one shared pass; attention
    runs slot by slot over the slot's own length, so nothing is padded and no row sees another. Several threads may step slots
    of their own through one decoder.
    """

    def __init__(self, weights: DecoderWeights, shape: DecoderShape) -> None:
        self.weights = weights
        self.shape = shape
        self.dtype = weights.embeddings.dtype
        self.device = weights.embeddings.device
        offsets = torch.arange(shape.codebook_count, device=self.device) * (shape.vocabulary_size + 1)
        self._embedding_offsets = offsets[:, None]
        self._positions = sinusoidal_positions(shape.position_count_max, shape.hidden_size).to(self.device, self.dtype)
        self._normalised_shape = (shape.hidden_size,)
        self._laid_out: tuple[tuple[Tensor | None, ...], Tensor | None] = ((), None)

    def condition(self, texts: Sequence[tuple[Tensor, float]]) -> Conditioning:
        """The cross-attention cache for weighted text encodings (`[tokens, text_size]`, weight > 0).

        Several texts stand side by side; the logarithm of a text's weight is added to its attention scores, so that a weight multiplies
        the attention that the text attracts, and one text alone is attended to exactly as the library does.
        """
        heaviest = max(weight for _, weight in texts)
        states = torch.cat([text.to(self.device, self.dtype) for text, _ in texts])
        projected = F.linear(states, self.weights.text_weight, self.weights.text_bias)
        bias = torch.cat([torch.full((len(text),), weight / heaviest).log() for text, weight in texts])
        pairs = [self._heads(layer.cross_key_value(projected)) for layer in self.weights.layers]
        return Conditioning(
            keys=tuple(pair[0] for pair in pairs),
            values=tuple(pair[1] for pair in pairs),
            bias=None if len(texts) == 1 else bias.to(self.device, self.dtype)[None, None, None],
        )

    def advance(self, slots: Sequence[Slot], tokens: Tensor) -> Tensor:
        """One step of every slot.

        Args:
            slots: the slots that move; their caches grow by one position.
            tokens: `[slots, codebooks]`, each slot's inputs at its own position.

        Returns:
            Logits `[slots, rows, codebooks, vocabulary]` in float32; rows are conditional and unconditional.
        """
        hidden = self._embed(tokens, slots)
        steering = self._steering_of(slots)
        watched = [(place, slot) for place, slot in enumerate(slots) if slot.monitor or slot.listener]
        for slot in slots:
            slot.make_room(1)
        for index, layer in enumerate(self.weights.layers):
            hidden = self._self_attention(index, layer, hidden, slots).add_(hidden)
            self._cross_attention(index, layer, hidden, slots)
            hidden = self._feed_forward(layer, hidden).add_(hidden)
            if steering is not None:
                hidden.add_(steering[index])
            for place, slot in watched:
                _watch(index, hidden[2 * place : 2 * place + 2], slot)
        for slot in slots:
            slot.length += 1
        return self._logits(hidden).unflatten(0, (len(slots), 2))

    def read(self, slot: Slot, tokens: Tensor, *, with_logits: bool = False) -> Tensor | None:
        """Reads a stretch of inputs `[codebooks, steps]` at once (teacher forcing), as if by `steps` calls of `advance`.

        Fills the slot's cache and its listener. Returns logits `[rows, steps, codebooks, vocabulary]` where wanted.
        """
        embedded = self._embedding(tokens) + self._positions[slot.length : slot.length + tokens.shape[1]]
        hidden = embedded.expand(slot.row_count, -1, -1).contiguous()
        slot.make_room(tokens.shape[1])
        for index, layer in enumerate(self.weights.layers):
            hidden = self._read_layer(index, layer, hidden, slot)
        slot.length += tokens.shape[1]
        return self._logits(hidden) if with_logits else None

    # --- one step over many slots: rows are slot 0 conditional, slot 0 unconditional, slot 1 conditional, ...

    def _embed(self, tokens: Tensor, slots: Sequence[Slot]) -> Tensor:
        places = torch.tensor([slot.length for slot in slots], device=self.device)
        embedded = self._embedding(tokens.T) + self._positions[places]
        return embedded[:, None].expand(-1, 2, -1).reshape(2 * len(slots), -1)

    def _steering_of(self, slots: Sequence[Slot]) -> Tensor | None:
        """What is added to all rows after each layer, `[layers, rows, hidden]`; kept until a slot's steering is replaced.

        Rows of slots without steering get minus zero, the one number that changes no bit of any other when it is added.
        """
        steerings = tuple(slot.steering if slot.monitor is None else None for slot in slots)
        if all(steering is None for steering in steerings):
            return None
        # Read and written as one: other threads step other slots through this decoder.
        known, laid_out = self._laid_out
        if len(known) == len(steerings) and all(map(operator.is_, known, steerings)):
            return laid_out
        nothing = torch.full((), -0.0, device=self.device, dtype=self.dtype)
        nothing = nothing.expand(self.shape.layer_count, 2, self.shape.hidden_size)
        laid_out = torch.cat([nothing if one is None else one for one in steerings], dim=1)
        self._laid_out = steerings, laid_out
        return laid_out

    def _embedding(self, tokens: Tensor) -> Tensor:
        """Sum over codebooks of the embeddings of `[codebooks, n]`: `[n, hidden]`."""
        return F.embedding(tokens + self._embedding_offsets, self.weights.embeddings).sum(dim=0)

    def _self_attention(self, index: int, layer: LayerWeights, hidden: Tensor, slots: Sequence[Slot]) -> Tensor:
        fused = layer.self_qkv(self._norm(hidden, layer.self_norm))
        fused = fused.view(len(hidden), 3, self.shape.head_count, 1, self.shape.head_size).transpose(0, 1)
        if len(slots) == 1:
            keys, values = slots[0].extend(index, fused[1:])
            attended = F.scaled_dot_product_attention(fused[0], keys, values)
        else:
            query, fresh = fused[0], fused[1:]
            parts = []
            for place, slot in enumerate(slots):
                keys, values = slot.extend(index, fresh.narrow(1, 2 * place, 2))
                parts.append(F.scaled_dot_product_attention(query.narrow(0, 2 * place, 2), keys, values))
            attended = torch.cat(parts)
        return layer.self_out(attended.view(len(hidden), self.shape.hidden_size))

    def _cross_attention(self, index: int, layer: LayerWeights, hidden: Tensor, slots: Sequence[Slot]) -> None:
        """Adds what the conditional rows find in the text. An unconditional row's text is zeros and nothing here has a bias, so that
        its cross-attention is exactly zero and is not computed."""
        conditional = hidden[CONDITIONAL::2]
        query = layer.cross_query(self._norm(conditional, layer.cross_norm))
        query = query.view(len(slots), self.shape.head_count, 1, self.shape.head_size)
        parts = [
            self._attend_text(index, query.narrow(0, place, 1), slot.conditioning) for place, slot in enumerate(slots)
        ]
        attended = parts[0] if len(parts) == 1 else torch.cat(parts)
        conditional += layer.cross_out(attended.view(len(slots), self.shape.hidden_size))

    def _attend_text(self, index: int, query: Tensor, text: Conditioning) -> Tensor:
        return F.scaled_dot_product_attention(query, text.keys[index], text.values[index], attn_mask=text.bias)

    # --- a stretch of one slot: hidden is [rows, steps, hidden]

    def _read_layer(self, index: int, layer: LayerWeights, hidden: Tensor, slot: Slot) -> Tensor:
        fused = layer.self_qkv(self._norm(hidden, layer.self_norm))
        fused = fused.unflatten(-1, (3, self.shape.head_count, self.shape.head_size)).permute(2, 0, 3, 1, 4)
        past = slot.length
        keys, values = slot.extend(index, fused[1:])
        mask = None if past == 0 else _causal_mask(hidden.shape[1], past, hidden.device)
        attended = F.scaled_dot_product_attention(fused[0], keys, values, attn_mask=mask, is_causal=mask is None)
        hidden = hidden + layer.self_out(attended.transpose(1, 2).flatten(2))
        query = layer.cross_query(self._norm(hidden[:1], layer.cross_norm))
        query = query.unflatten(-1, (self.shape.head_count, self.shape.head_size)).transpose(1, 2)
        attended = self._attend_text(index, query, slot.conditioning)
        hidden[:1] += layer.cross_out(attended.transpose(1, 2).flatten(2))
        hidden = hidden + self._feed_forward(layer, hidden)
        if slot.steering is not None and slot.monitor is not None:
            hidden = hidden + slot.monitor.pushed(index, hidden, slot.steering[index, : slot.row_count])
        elif slot.steering is not None:
            hidden = hidden + slot.steering[index, : slot.row_count, None]
        if slot.listener is not None:
            slot.listener.hear(index, hidden[CONDITIONAL])
        return hidden

    # --- shared pieces

    def _feed_forward(self, layer: LayerWeights, hidden: Tensor) -> Tensor:
        return layer.feed_out(F.gelu(layer.feed_in(self._norm(hidden, layer.feed_norm))))

    def _logits(self, hidden: Tensor) -> Tensor:
        logits = self.weights.heads(self._norm(hidden, self.weights.final_norm))
        return logits.float().unflatten(-1, (self.shape.codebook_count, self.shape.vocabulary_size))

    def _heads(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        """Fused keys and values `[n, 2 * hidden]` as two of `[1, heads, n, head_size]`."""
        parts = fused.view(len(fused), 2, 1, self.shape.head_count, self.shape.head_size).permute(1, 2, 3, 0, 4)
        return parts[0].contiguous(), parts[1].contiguous()

    def _norm(self, hidden: Tensor, norm: Norm) -> Tensor:
        return torch.layer_norm(hidden, self._normalised_shape, norm[0], norm[1])


def _watch(index: int, rows: Tensor, slot: Slot) -> None:
    """What a slot with a monitor gets, added to its two rows in place; and what its listener hears of them."""
    if slot.monitor is not None and slot.steering is not None:
        rows += slot.monitor.pushed(index, rows[:, None], slot.steering[index])[:, 0]
    if slot.listener is not None:
        slot.listener.hear(index, rows[CONDITIONAL][None])


def _causal_mask(step_count: int, past: int, device: torch.device) -> Tensor:
    """Row i may look at positions 0..past + i: boolean `[steps, past + steps]`."""
    return torch.ones(step_count, past + step_count, dtype=torch.bool, device=device).tril(past)

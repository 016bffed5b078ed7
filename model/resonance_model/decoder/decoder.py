"""MusicGen decoder over slots of different lengths.

Slots share the matrix products. Attention and steering are per slot.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from resonance_model.config import CONDITIONAL, DecoderConfig
from resonance_model.decoder.attention import Attention, StepAttention, StretchAttention
from resonance_model.decoder.kv_cache import CacheSlot, Conditioning
from resonance_model.decoder.positions import sinusoidal_positions
from resonance_model.linear import Linear
from resonance_model.steering.recorder import StateRecorder
from resonance_model.text_encoder import TOKENS_MAX

Norm = tuple[Tensor, Tensor]
# Prompts of one recipe, at most.
TEXTS_MAX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossWeights:
    """Cross-attention of a layer to the text."""

    norm: Norm
    query: Linear
    key_value: Linear
    out: Linear


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerWeights:
    """One decoder layer. Normalisations are (weight, bias), each `[hidden]`; MusicGen has no other biases.

    `cross` is None in models whose conditions stand before the music.
    """

    self_norm: Norm
    self_qkv: Linear
    self_out: Linear
    cross: CrossWeights | None
    feed_norm: Norm
    feed_in: Linear
    feed_out: Linear


@dataclass(frozen=True, slots=True, kw_only=True)
class MelodyWeights:
    """Projection of a melody into the prefix: `weight` `[hidden, classes]`, `bias` `[hidden]`.

    `null` `[hidden]` stands for a frame without melody. The prefix has `frame_count` frames of melody: a shorter melody is repeated,
    a longer one is cut.
    """

    weight: Tensor
    bias: Tensor
    null: Tensor
    frame_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderWeights:
    """Weights of a decoder. `embeddings` is `[codebooks * (vocabulary + 1), hidden]`; `heads` gives `codebooks * vocabulary`.

    With `melody`, conditions stand before the music as a prefix. Without, layers attend to the text by `cross`.
    """

    embeddings: Tensor
    layers: tuple[LayerWeights, ...]
    final_norm: Norm
    heads: Linear
    text_weight: Tensor
    text_bias: Tensor
    melody: MelodyWeights | None = None


class Decoder:
    """Decoder passes over any set of cache slots.

    A slot has two branches for classifier-free guidance, conditional and unconditional. `advance` gives each slot's next logits from
    one shared pass. Attention runs slot by slot over the slot's own length, so that nothing is padded and no slot sees another.
    Several threads may use one decoder, each with slots of its own.
    """

    def __init__(self, weights: DecoderWeights, config: DecoderConfig) -> None:
        self.weights = weights
        self.config = config
        self.dtype = weights.embeddings.dtype
        self.device = weights.embeddings.device
        offsets = torch.arange(config.codebook_count, device=self.device) * (config.vocabulary_size + 1)
        self._embedding_offsets = offsets[:, None]
        positions = config.position_count_max
        if weights.melody is not None:
            positions += weights.melody.frame_count + TEXTS_MAX * TOKENS_MAX
        self.positions = sinusoidal_positions(positions, config.hidden_size).to(self.device, self.dtype)
        self._normalised_shape = (config.hidden_size,)
        self._steering_layout: tuple[tuple[Tensor | None, ...], Tensor | None] = ((), None)

    @property
    def can_steer_away(self) -> bool:
        """True for models whose unconditional branch can attend to a negative text: those with cross-attention."""
        return self.weights.melody is None

    def condition(
        self,
        texts: Sequence[tuple[Tensor, float]],
        melody: Tensor | None = None,
        negative: Tensor | None = None,
    ) -> Conditioning:
        """Conditioning of weighted texts and a melody, in the form in which the layers attend to it.

        Several texts stand side by side. The logarithm of a text's weight is added to its attention scores, so that the weight
        multiplies the attention that the text attracts. A single text gets no bias: the result is the library's own.

        Args:
            texts: encodings `[tokens, text_size]` with weights above 0; at most TEXTS_MAX.
            melody: pitch classes `[frames, classes]`, for models with a melody prefix.
            negative: encoding `[tokens, text_size]` of what guidance steers away from, for models that `can_steer_away`.
        """
        assert 1 <= len(texts) <= TEXTS_MAX
        heaviest = max(weight for _, weight in texts)
        states = torch.cat([text.to(self.device, self.dtype) for text, _ in texts])
        projected = F.linear(states, self.weights.text_weight, self.weights.text_bias)
        parts = [torch.full((len(text),), weight / heaviest).log() for text, weight in texts]
        bias = None if len(texts) == 1 else torch.cat(parts).to(self.device, self.dtype)[None, None, None]
        if self.weights.melody is not None:
            assert negative is None, "a model with a prefix cannot steer away from a text"
            return self._build_prefix(projected, bias, melody, self.weights.melody)
        assert melody is None, "this model has no melody prefix"
        pairs = [
            self._split_keys_values(layer.cross.key_value(projected)) for layer in self.weights.layers if layer.cross
        ]
        keys, values = (tuple(pair[part] for pair in pairs) for part in (0, 1))
        return Conditioning(
            keys=keys,
            values=values,
            bias=bias,
            negative=None if negative is None else self.condition([(negative, 1.0)]),
        )

    def read_prefix(self, slot: CacheSlot, position_count: int) -> None:
        """Reads up to `position_count` positions of the prefix. They are neither steered nor recorded: they are no music."""
        count = min(position_count, slot.prefix_left)
        if slot.conditioning.prefix is not None and count:
            prefix = slot.conditioning.prefix[: slot.branch_count, slot.length : slot.length + count]
            self.read_states(slot, prefix, is_music=False)

    def advance(self, slots: Sequence[CacheSlot], tokens: Tensor) -> Tensor:
        """One step of every slot.

        Args:
            slots: their caches grow by one position.
            tokens: `[slots, codebooks]`, each slot's inputs at its own position.

        Returns:
            Logits `[slots, branches, codebooks, vocabulary]` in float32.
        """
        for slot in slots:
            self.read_prefix(slot, slot.prefix_left)
        for slot in slots:
            slot.ensure_capacity(1)
        hidden, attention = self._embed_step(tokens, slots), StepAttention(self.config, slots)
        steering = self._lay_out_steering(slots)
        observed = [(index, slot) for index, slot in enumerate(slots) if slot.adaptive or slot.recorder]
        for layer in range(self.config.layer_count):
            hidden = self.run_layer(layer, hidden, attention)
            if steering is not None:
                hidden.add_(steering[layer])
            for index, slot in observed:
                _adapt_and_record(layer, hidden[2 * index : 2 * index + 2, None], slot)
        for slot in slots:
            slot.length += 1
        return self.logits(hidden).unflatten(0, (len(slots), 2))

    def read(self, slot: CacheSlot, tokens: Tensor, *, with_logits: bool = False) -> Tensor | None:
        """Reads a stretch of inputs `[codebooks, steps]` in one pass (teacher forcing), as `steps` calls of `advance` would.

        Fills the slot's cache and its recorder. Returns logits `[branches, steps, codebooks, vocabulary]` with `with_logits`.
        """
        self.read_prefix(slot, slot.prefix_left)
        hidden = self.read_states(slot, self.embedding(tokens).expand(slot.branch_count, -1, -1), is_music=True)
        return self.logits(hidden) if with_logits else None

    def _build_prefix(
        self, texts: Tensor, bias: Tensor | None, melody: Tensor | None, weights: MelodyWeights
    ) -> Conditioning:
        """Prefix of both branches: melody, then text. The unconditional branch has no melody and zeros for text, which attract
        attention nevertheless."""
        no_melody = weights.null.expand(weights.frame_count, -1)
        frames = no_melody
        if melody is not None:
            repeats = -(-weights.frame_count // len(melody))
            projected = F.linear(melody.to(self.device, self.dtype), weights.weight, weights.bias)
            frames = projected.repeat(repeats, 1)[: weights.frame_count]
        branches = [torch.cat([frames, texts]), torch.cat([no_melody, torch.zeros_like(texts)])]
        return Conditioning(
            keys=(),
            values=(),
            bias=None if bias is None else F.pad(bias, (weights.frame_count, 0)),
            prefix=torch.stack(branches),
        )

    # --- one step of several slots: branches are slot 0 conditional, slot 0 unconditional, slot 1 conditional, ...

    def _embed_step(self, tokens: Tensor, slots: Sequence[CacheSlot]) -> Tensor:
        lengths = torch.tensor([slot.length for slot in slots], device=self.device)
        embedded = self.embedding(tokens.T) + self.positions[lengths]
        return embedded[:, None].expand(-1, 2, -1).reshape(2 * len(slots), -1)

    def _lay_out_steering(self, slots: Sequence[CacheSlot]) -> Tensor | None:
        """Steering of all branches side by side, `[layers, branches, hidden]`; cached until a slot's tensor is replaced.

        Branches of slots without steering get minus zero, the one number that changes no bit of any other when it is added.
        """
        steerings = tuple(slot.steering if slot.adaptive is None else None for slot in slots)
        if all(steering is None for steering in steerings):
            return None
        # Key and value are read and written as one tuple: other threads step other slots through this decoder.
        cached, layout = self._steering_layout
        if len(cached) == len(steerings) and all(map(operator.is_, cached, steerings)):
            return layout
        zero = torch.full((), -0.0, device=self.device, dtype=self.dtype)
        zero = zero.expand(self.config.layer_count, 2, self.config.hidden_size)
        layout = torch.cat([zero if one is None else one.to(self.device) for one in steerings], dim=1)
        self._steering_layout = steerings, layout
        return layout

    def embedding(self, tokens: Tensor) -> Tensor:
        """Sum over codebooks of the embeddings of `[codebooks, n]`: `[n, hidden]`."""
        return F.embedding(tokens + self._embedding_offsets, self.weights.embeddings).sum(dim=0)

    # --- a stretch of one slot: hidden is [branches, steps, hidden]

    def read_states(self, slot: CacheSlot, embedded: Tensor, *, is_music: bool) -> Tensor:
        """Reads embeddings `[branches, steps, hidden]` behind the slot's positions; returns the last layer's states."""
        count = embedded.shape[1]
        hidden = embedded + self.positions[slot.length : slot.length + count]
        slot.ensure_capacity(count)
        attention = StretchAttention(self.config, slot, count, self.device)
        for layer in range(self.config.layer_count):
            hidden = self.run_layer(layer, hidden, attention, slot.recorder if is_music else None)
            if is_music:
                self._steer(layer, hidden, slot)
                _adapt_and_record(layer, hidden, slot)
        slot.length += count
        return hidden

    def _steer(self, layer: int, hidden: Tensor, slot: CacheSlot) -> None:
        if slot.steering is not None and slot.adaptive is None:
            hidden += slot.steering[layer, : slot.branch_count, None].to(self.device, hidden.dtype)

    # --- shared pieces

    def run_layer(
        self, layer: int, hidden: Tensor, attention: Attention, text_recorder: StateRecorder | None = None
    ) -> Tensor:
        """Arithmetic of one layer. A step, a stretch and a CUDA graph share it and differ in the attention.

        Cross-attention is computed for the branches that have a text. An unconditional branch without a negative text has zeros for one,
        and nothing has a bias, so that its cross-attention is exactly zero. Models with a prefix have no cross-attention.

        Args:
            layer: index of the layer.
            hidden: states `[branches, ..., hidden]`, conditional and unconditional in turn.
            attention: what the branches attend to.
            text_recorder: records what cross-attention adds to the first branch.

        Returns:
            New states of the same shape.
        """
        weights = self.weights.layers[layer]
        fused = weights.self_qkv(self.norm(hidden, weights.self_norm))
        hidden = weights.self_out(attention.attend_music(layer, fused)).add_(hidden)
        cross = weights.cross
        if cross is not None:
            branches = attention.text_branches
            reading = hidden[branches]  # a view where all conditional branches read and no other one
            added = cross.out(attention.attend_text(layer, cross.query(self.norm(reading, cross.norm))))
            reading += added
            if not isinstance(branches, slice):
                hidden[branches] = reading
            if text_recorder is not None:
                text_recorder.record_text_attention(layer, added[CONDITIONAL])
        inner = F.gelu(weights.feed_in(self.norm(hidden, weights.feed_norm)))
        return weights.feed_out(inner).add_(hidden)

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits `[..., codebooks, vocabulary]` in float32 of the last layer's states `[..., hidden]`."""
        logits = self.weights.heads(self.norm(hidden, self.weights.final_norm))
        return logits.float().unflatten(-1, (self.config.codebook_count, self.config.vocabulary_size))

    def _split_keys_values(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values `[1, heads, n, head_size]` of both side by side, `[n, 2 * hidden]`."""
        parts = fused.view(len(fused), 2, 1, self.config.head_count, self.config.head_size).permute(1, 2, 3, 0, 4)
        return parts[0].contiguous(), parts[1].contiguous()

    def norm(self, hidden: Tensor, norm: Norm) -> Tensor:
        """Layer normalisation of states `[..., hidden]`."""
        return torch.layer_norm(hidden, self._normalised_shape, norm[0], norm[1])


def _adapt_and_record(layer: int, states: Tensor, slot: CacheSlot) -> None:
    """Adds adaptive steering to the states `[branches, positions, hidden]` in place, and records the conditional branch."""
    if slot.adaptive is not None and slot.steering is not None:
        steering = slot.steering[layer, : slot.branch_count].to(states.device)
        states += slot.adaptive.addition(layer, states, steering)
    if slot.recorder is not None:
        slot.recorder.record(layer, states[CONDITIONAL])

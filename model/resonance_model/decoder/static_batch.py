"""Static batch for CUDA graphs: slots in fixed buffers.

The buffers never move, so that a step can be captured and replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from resonance.errors import FailedPrecondition
from resonance_model.decoder.attention import CONDITIONAL_BRANCHES, TextBranches
from resonance_model.decoder.cuda_graphs import CudaGraphs, GraphRecorder, Work
from resonance_model.decoder.decoder import Decoder
from resonance_model.decoder.kv_cache import CacheSlot, Conditioning
from resonance_model.decoder.sampling import BatchedSampling, Sampling, counter_noise, sample_tokens_fixed_shape
from resonance_model.text_encoder import TOKENS_MAX

# Attention covers the longest stepping slot, rounded up to whole blocks: one graph for each count of blocks.
LENGTH_BLOCK = 256
# Longer prompts are rare. For one, the text buffers of all places are made larger and all graphs are captured again.
TEXT_BLOCK = 64
_MASKED = float("-inf")
# Numbers per place besides its input tokens and its noise: length, guidance, temperature, candidates that top-k keeps.
_SCALARS = 4


@dataclass(frozen=True, slots=True)
class GraphShape:
    """Part of the buffers that a graph covers: the first `places`, attention to the first `length` positions and `text` tokens."""

    places: int
    length: int
    text: int


@dataclass(slots=True)
class _Place:
    """Slot at a place, and the state of it that the place's buffers hold."""

    slot: CacheSlot
    caches: list[Tensor]
    length: int = 0
    steering: Tensor | None = None
    conditioning: Conditioning | None = None

    @property
    def holds_slot(self) -> bool:
        """False once the slot has outgrown the place into caches of its own."""
        return self.caches is self.slot.caches


class StaticBatch:
    """Step of several slots in buffers of fixed shapes: results as of `Decoder.advance` and `sample_tokens`, by fixed-shape operations.

    A slot with a place has views of the buffers for caches, so that prefixes, moved windows and steps by `Decoder.advance` work on it
    unchanged. For a step the host writes each place's numbers into one staging buffer and copies it to the device. It replays the graph
    of the smallest `GraphShape` that covers the stepping slots, and waits for the device once, to read the tokens. Places inside the
    shape whose slots do not step are computed too: they write behind their own length, where the next real step writes again.

    Another shape is another graph, whose kernels may add in another order. A branch may thus get other last bits when its company
    changes the shape: see docs/decisions/cuda-graphs.md. One thread may use a static batch.

    Args:
        place_count: slots that have a place at once, at most.
        position_count: positions of a place.
    """

    def __init__(self, decoder: Decoder, capture: GraphRecorder, *, place_count: int, position_count: int) -> None:
        config = decoder.config
        self._decoder = decoder
        self._capture = capture
        self._place_count = place_count
        self._capacity = _round_up(position_count + 1, LENGTH_BLOCK)
        zeros = partial(torch.zeros, device=decoder.device)
        cache_size = (2, place_count, 2, config.head_count, self._capacity, config.head_size)
        self._caches = [zeros(cache_size, dtype=decoder.dtype) for _ in range(config.layer_count)]
        # Minus zero is the one number that changes no bit of any other when it is added.
        self._steering = torch.full(
            (config.layer_count, 2 * place_count, config.hidden_size), -0.0, device=decoder.device
        )
        self._tokens = zeros((place_count, config.codebook_count), dtype=torch.long)
        inputs_size = (place_count, 2 * config.codebook_count + _SCALARS)
        self._device_inputs = zeros(inputs_size, dtype=torch.float64)
        self._host_inputs = torch.zeros(inputs_size, dtype=torch.float64, pin_memory=_can_pin(decoder.device))
        penalties_size = (place_count, config.channel_count, config.vocabulary_size)
        self._penalties = zeros(penalties_size)
        self._has_penalties = False
        self._host_penalties = torch.zeros(penalties_size, pin_memory=_can_pin(decoder.device))
        self._positions = torch.arange(self._capacity, device=decoder.device)
        has_prefix = decoder.weights.melody is not None
        self._prefix_bias = zeros((place_count, self._capacity), dtype=decoder.dtype) if has_prefix else None
        self._text_capacity = 0
        self._places: list[_Place | None] = [None] * place_count
        self._graphs: dict[GraphShape, Work] = {}
        self._allocate_text(0 if has_prefix else TEXT_BLOCK)

    def capture_graphs(self) -> None:
        """Captures the graphs of all usual shapes, so that no take waits for one later. No slot may have a place yet."""
        assert not any(self._places)
        for places in {self._round_places(count) for count in range(1, self._place_count + 1)}:
            for length in range(LENGTH_BLOCK, self._capacity + 1, LENGTH_BLOCK):
                self._find_graph(GraphShape(places, length, self._text_capacity))

    def assign(self, slots: Sequence[CacheSlot]) -> None:
        """Gives places to these slots while there are free ones. Slots that are not named lose their places and their caches."""
        named = {id(slot) for slot in slots}
        self._places = [place if place is not None and id(place.slot) in named else None for place in self._places]
        placed = {id(place.slot) for place in self._places if place is not None}
        for slot in slots:
            if id(slot) not in placed and None in self._places and slot.length < self._capacity:
                self._occupy(self._places.index(None), slot)

    def can_step(self, slot: CacheSlot) -> bool:
        """True for a slot with a place and room for one more position, without adaptive steering, recorder and negative text: graphs have
        none of them."""
        has_room = slot.length + slot.prefix_left < self._capacity
        is_plain = slot.adaptive is None and slot.recorder is None and slot.conditioning.negative is None
        return self._find_index(slot) is not None and has_room and is_plain

    def step(
        self,
        slots: Sequence[CacheSlot],
        tokens: Tensor,
        samplings: Sequence[Sampling],
        steps: Sequence[int],
        penalties: Sequence[Tensor | None] = (),
    ) -> Tensor:
        """One step of slots that `can_step`; their caches grow by one position. Waits for the device.

        Args:
            slots: those that step.
            tokens: inputs `[slots, codebooks]`, on the CPU.
            samplings: each slot's sampling.
            steps: each slot's own step; with the seed it keys the noise.
            penalties: each slot's `novelty_penalty`, or None; empty where no slot has one.

        Returns:
            The chosen tokens `[slots, codebooks]`, on the CPU.
        """
        indices = self.launch(slots, tokens, samplings, steps, penalties)
        return self._tokens[: max(indices) + 1].cpu()[indices]

    def launch(
        self,
        slots: Sequence[CacheSlot],
        tokens: Tensor,
        samplings: Sequence[Sampling],
        steps: Sequence[int],
        penalties: Sequence[Tensor | None] = (),
    ) -> list[int]:
        """`step` without its reading: nothing here waits for the device. Returns the slots' places."""
        indices = [self._index(slot) for slot in slots]
        for slot in slots:
            self._decoder.read_prefix(slot, slot.prefix_left)
        for index in indices:
            self._refresh(index)
        count = self._round_places(max(indices) + 1)
        self._write_inputs(count, indices, tokens, samplings, steps)
        self._device_inputs[:count].copy_(self._host_inputs[:count], non_blocking=True)
        self._write_penalties(count, indices, penalties)
        length = _round_up(max(slot.length for slot in slots) + 1, LENGTH_BLOCK)
        self._find_graph(GraphShape(count, length, self._round_text(slots)))()
        for index, slot in zip(indices, slots, strict=True):
            slot.length += 1
            self._place(index).length = slot.length
        return indices

    # --- places

    def _occupy(self, index: int, slot: CacheSlot) -> None:
        for cache in self._caches:
            cache[:, index].zero_()  # masked positions are multiplied by zero: they must be finite
        caches = [cache[:, index] for cache in self._caches]
        slot.move_to_buffers(caches, self._capacity)
        self._steering[:, 2 * index : 2 * index + 2] = -0.0
        self._places[index] = _Place(slot, caches, length=slot.length)

    def _place(self, index: int) -> _Place:
        place = self._places[index]
        assert place is not None
        return place

    def _find_index(self, slot: CacheSlot) -> int | None:
        """Index of the slot's place; None for a slot without one, or that has outgrown it."""
        for index, place in enumerate(self._places):
            if place is not None and place.slot is slot and place.holds_slot:
                return index
        return None

    def _index(self, slot: CacheSlot) -> int:
        index = self._find_index(slot)
        assert index is not None
        assert slot.length < self._capacity
        return index

    def _refresh(self, index: int) -> None:
        """Updates the place's buffers where its slot was cleared, or has other steering or conditioning."""
        place = self._place(index)
        slot = place.slot
        if slot.length < place.length:
            for cache in place.caches:
                cache[:, :, :, slot.length :].zero_()
        if slot.steering is not place.steering:
            place.steering, branches = slot.steering, self._steering[:, 2 * index : 2 * index + 2]
            branches.fill_(-0.0) if slot.steering is None else branches.copy_(slot.steering, non_blocking=True)
        if slot.conditioning is not place.conditioning:
            if self._prefix_bias is None:
                self._write_text(index, slot.conditioning)
            else:
                bias = slot.self_bias(self._capacity)
                self._prefix_bias[index] = 0.0
                self._prefix_bias[index] += 0.0 if bias is None else bias[0, 0, 0]
            place.conditioning = slot.conditioning

    # --- text

    def _write_text(self, index: int, conditioning: Conditioning) -> None:
        count = conditioning.keys[0].shape[2]
        if count > self._text_capacity:
            self._allocate_text(_round_up_text(count))
        for text, keys, values in zip(self._texts, conditioning.keys, conditioning.values, strict=True):
            text[0, index, :, :count] = keys[0]
            text[1, index, :, :count] = values[0]
        self._text_bias[index] = _MASKED
        self._text_bias[index, :count] = 0.0 if conditioning.bias is None else conditioning.bias[0, 0, 0]

    def _allocate_text(self, capacity: int) -> None:
        """Allocates buffers of so many text tokens for every place. Graphs hold the old buffers' addresses and are dropped."""
        decoder, config = self._decoder, self._decoder.config
        size = (2, self._place_count, config.head_count, capacity, config.head_size)
        zeros = partial(torch.zeros, device=decoder.device, dtype=decoder.dtype)
        self._texts = [zeros(size) for _ in range(config.layer_count if capacity else 0)]
        self._text_bias = torch.full((self._place_count, capacity), _MASKED, device=decoder.device, dtype=decoder.dtype)
        self._text_bias[:, :1] = 0.0  # softmax needs one visible token, also at an empty place
        self._text_capacity = capacity
        self._graphs.clear()
        for index, place in enumerate(self._places):
            if place is not None and place.conditioning is not None:
                self._write_text(index, place.conditioning)

    # --- a step

    def _write_inputs(
        self, count: int, indices: list[int], tokens: Tensor, samplings: Sequence[Sampling], steps: Sequence[int]
    ) -> None:
        """Fills the staging buffer: per place input tokens, noise, length, guidance, temperature and candidates."""
        config = self._decoder.config
        books, inputs = config.codebook_count, self._host_inputs.numpy()
        inputs[:count] = 0.0
        for index, place in enumerate(self._places[:count]):
            length = place.slot.length if place is not None and place.holds_slot else 0
            inputs[index, 2 * books :] = (min(length, self._capacity - 1), 1.0, 0.0, 1.0)
        for index, own, sampling, step in zip(indices, tokens.numpy(), samplings, steps, strict=True):
            inputs[index, :books] = own
            inputs[index, books : 2 * books] = counter_noise(sampling.seed, step, books).numpy()
            kept = sampling.kept_count(config.vocabulary_size)
            inputs[index, 2 * books + 1 :] = (sampling.guidance_scale, sampling.temperature, kept)

    def _write_penalties(self, count: int, indices: list[int], penalties: Sequence[Tensor | None]) -> None:
        """Fills the penalties of the places; nothing is copied while no place has had one."""
        given = {index: penalty for index, penalty in zip(indices, penalties, strict=False) if penalty is not None}
        if not given and not self._has_penalties:
            return
        self._host_penalties[:count].zero_()
        for index, penalty in given.items():
            self._host_penalties[index] = penalty
        self._penalties[:count].copy_(self._host_penalties[:count], non_blocking=True)
        self._has_penalties = bool(given)

    def _find_graph(self, shape: GraphShape) -> Work:
        graph = self._graphs.get(shape)
        if graph is None:
            graph = self._graphs[shape] = self._capture(partial(self._compute, shape))
        return graph

    def _compute(self, shape: GraphShape) -> None:
        """The captured step. No shape and no branch in it depends on the buffers' contents."""
        decoder, count = self._decoder, shape.places
        inputs, books = self._device_inputs[:count], decoder.config.codebook_count
        lengths, guidance_scales, temperatures, kept_counts = inputs[:, 2 * books :].unbind(1)
        lengths = lengths.long()
        hidden = decoder.embedding(inputs[:, :books].long().T) + decoder.positions[lengths]
        hidden = hidden[:, None].expand(-1, 2, -1).reshape(2 * count, -1)
        attention = self._attention(shape, lengths)
        for layer in range(decoder.config.layer_count):
            hidden = decoder.run_layer(layer, hidden, attention)
            hidden.add_(self._steering[layer, : 2 * count])
        sampling = BatchedSampling(
            guidance_scales=guidance_scales.float(),
            temperatures=temperatures,
            kept_counts=kept_counts.long(),
            noise=inputs[:, books : 2 * books],
            penalties=self._penalties[:count],
        )
        self._tokens[:count].copy_(sample_tokens_fixed_shape(decoder.logits(hidden).unflatten(0, (count, 2)), sampling))

    def _attention(self, shape: GraphShape, lengths: Tensor) -> _FixedAttention:
        return _FixedAttention(
            caches=[cache[:, : shape.places] for cache in self._caches],
            lengths=lengths,
            bias=self._attention_bias(shape, lengths),
            texts=[text[:, : shape.places, :, : shape.text] for text in self._texts],
            text_bias=self._text_bias[: shape.places, None, None, : shape.text],
        )

    def _attention_bias(self, shape: GraphShape, lengths: Tensor) -> Tensor:
        """Bias on self-attention, `[2 * places, 1, 1, length]`: minus infinity behind a place's own length."""
        is_masked = self._positions[: shape.length] > lengths[:, None]
        bias = torch.zeros_like(is_masked, dtype=self._decoder.dtype)
        if self._prefix_bias is not None:
            bias = self._prefix_bias[: shape.places, : shape.length]
        return bias.masked_fill(is_masked, _MASKED).repeat_interleave(2, dim=0)[:, None, None]

    def _round_places(self, count: int) -> int:
        """The next power of two, or all places."""
        return min(self._place_count, 1 << (count - 1).bit_length())

    def _round_text(self, slots: Sequence[CacheSlot]) -> int:
        if self._prefix_bias is not None:
            return 0
        return _round_up_text(max(slot.conditioning.keys[0].shape[2] for slot in slots))


class _FixedAttention:
    """Attention of one step over buffers of fixed shapes, masked behind each place's own length.

    Args:
        caches: per layer, keys and values `[2, places, branches, heads, positions, head_size]`.
        lengths: positions of each place before this step, `[places]`, on the device.
        bias: added to the attention scores, `[2 * places, 1, 1, length]`.
        texts: per layer, keys and values `[2, places, heads, tokens, head_size]`; empty for models with a prefix.
        text_bias: added to the attention to the text, `[places, 1, 1, tokens]`.
    """

    text_branches: TextBranches = CONDITIONAL_BRANCHES

    def __init__(
        self, *, caches: list[Tensor], lengths: Tensor, bias: Tensor, texts: list[Tensor], text_bias: Tensor
    ) -> None:
        self._caches, self._bias = caches, bias
        self._texts, self._text_bias = texts, text_bias
        _, self._place_count, _, self._head_count, _, self._head_size = caches[0].shape
        fresh = (2, self._place_count, 2, self._head_count, 1, self._head_size)
        self._positions = lengths.view(1, -1, 1, 1, 1, 1).expand(fresh)

    def attend_music(self, layer: int, fused: Tensor) -> Tensor:
        fused = fused.view(self._place_count, 2, 3, self._head_count, 1, self._head_size)
        cache = self._caches[layer]
        cache.scatter_(4, self._positions, fused[:, :, 1:].permute(2, 0, 1, 3, 4, 5))
        keys, values = cache[:, :, :, :, : self._bias.shape[-1]].flatten(1, 2)
        query = fused[:, :, 0].flatten(0, 1)
        return F.scaled_dot_product_attention(query, keys, values, attn_mask=self._bias).flatten(1)

    def attend_text(self, layer: int, query: Tensor) -> Tensor:
        query = query.view(self._place_count, self._head_count, 1, self._head_size)
        keys, values = self._texts[layer]
        return F.scaled_dot_product_attention(query, keys, values, attn_mask=self._text_bias).flatten(1)


def open_static_batch(decoder: Decoder, *, place_count: int) -> StaticBatch | None:
    """Static batch of a decoder on a CUDA device, with its graphs captured; None on other devices.

    Raises:
        FailedPrecondition: the device has too little memory for so many places.
    """
    if decoder.device.type != "cuda":
        return None
    config, melody = decoder.config, decoder.weights.melody
    position_count = config.window_steps + (0 if melody is None else melody.frame_count + TOKENS_MAX)
    graphs = CudaGraphs(decoder.device)
    try:
        batch = StaticBatch(decoder, graphs, place_count=place_count, position_count=position_count)
        with torch.inference_mode():
            batch.capture_graphs()
    except torch.OutOfMemoryError as failure:
        raise FailedPrecondition(
            f"the GPU has too little memory for {place_count} slots of this model: choose fewer in RESONANCE_SLOTS, or fp16",
            reason="NO_DEVICE_MEMORY",
        ) from failure
    return batch


def _can_pin(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.is_available()


def _round_up(count: int, block: int) -> int:
    return -(-count // block) * block


def _round_up_text(count: int) -> int:
    """TEXT_BLOCK times a power of two."""
    return TEXT_BLOCK << (-(-count // TEXT_BLOCK) - 1).bit_length()

"""A static batch: slots sit in buffers that never move, so that one step of all of them can be recorded once and replayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from resonance.errors import FailedPrecondition
from resonance_model.decoder.cuda_graphs import CudaGraphs, GraphRecorder, Work
from resonance_model.decoder.decoder import Decoder
from resonance_model.decoder.kv_cache import CacheSlot, Conditioning
from resonance_model.decoder.sampling import FixedSampling, Sampling, choose_fixed, counter_noise
from resonance_model.text_encoder import TOKENS_MAX

# Attention covers the longest moving slot, rounded up to whole blocks: a graph for each.
LENGTH_BLOCK = 256
# Prompts of more tokens are rare; where one comes, the buffers of all places are made larger and the graphs anew.
TEXT_ROOM = 64
_NEVER = float("-inf")
# What a place is told besides its tokens and its noise: length, guidance, temperature, how many candidates are kept.
_TOLD = 4


@dataclass(frozen=True, slots=True)
class GraphShape:
    """How much of the buffers a step covers: the first `places`, attention to the first `length` positions and `text` tokens."""

    places: int
    length: int
    text: int


@dataclass(slots=True)
class _Place:
    """Who sits at a place, and what the place's buffers hold of it."""

    slot: CacheSlot
    caches: list[Tensor]
    length: int = 0
    steering: Tensor | None = None
    conditioning: Conditioning | None = None


class StaticBatch:
    """Slots in buffers of a fixed shape, and one step of them: what `Decoder.advance` and `choose` do, in operations of fixed shapes.

    A slot that sits here has views of the buffers for caches, so that everything else (reading prefixes, moving windows, a step by
    `Decoder.advance`) goes on as ever. Before a step the host writes what is new into one small buffer, which is copied to the device
    in one go; then `capture` replays the step for the smallest `GraphShape` that covers the moving slots; and the host reads the tokens, the
    only time that it waits. Places inside the extent whose slots do not move are computed too, and change nothing: what they write lies
    behind their own length and is written again before it is read.

    A device that adds in another order for another extent may give a row other last bits when its company changes the extent: see
    docs/decisions/cuda-graphs.md. One thread may use a static batch.

    Args:
        place_count: at most so many slots sit.
        position_count: a slot sits as long as it needs no more positions than these.
    """

    def __init__(self, decoder: Decoder, capture: GraphRecorder, *, place_count: int, position_count: int) -> None:
        config, places = decoder.config, place_count
        self._decoder = decoder
        self._capture = capture
        self._place_count = place_count
        self._room = _blocks(position_count + 1, LENGTH_BLOCK)
        self._heads = (config.head_count, config.head_size)
        zeros = partial(torch.zeros, device=decoder.device)
        size = (2, places, 2, config.head_count, self._room, config.head_size)
        self._caches = [zeros(size, dtype=decoder.dtype) for _ in range(config.layer_count)]
        # Minus zero is the one number that changes no bit of any other when it is added.
        self._steering = torch.full((config.layer_count, 2 * places, config.hidden_size), -0.0, device=decoder.device)
        self._chosen = zeros((places, config.codebook_count), dtype=torch.long)
        columns = 2 * config.codebook_count + _TOLD
        self._told = zeros((places, columns), dtype=torch.float64)
        self._telling = torch.zeros((places, columns), dtype=torch.float64, pin_memory=_has_pinned(decoder.device))
        self._positions = torch.arange(self._room, device=decoder.device)
        is_melody = decoder.weights.melody is not None
        self._before = zeros((places, self._room), dtype=decoder.dtype) if is_melody else None
        self._text_room = 0
        self._seats: list[_Place | None] = [None] * places
        self._replays: dict[GraphShape, Work] = {}
        self._make_text_room(0 if is_melody else TEXT_ROOM)

    def prepare(self) -> None:
        """Records the steps that most music needs, so that nobody's music waits for it later. Before anybody sits."""
        assert not any(self._seats)
        for places in {self._places_for(count) for count in range(1, self._place_count + 1)}:
            for length in range(LENGTH_BLOCK, self._room + 1, LENGTH_BLOCK):
                self._replay_of(GraphShape(places, length, self._text_room))

    def assign(self, slots: Sequence[CacheSlot]) -> None:
        """Has these slots sit, as far as there is room. Who sat and is not among them has left for good: its caches are another's now."""
        present = {id(slot) for slot in slots}
        seats = [seat if seat is not None and id(seat.slot) in present else None for seat in self._seats]
        sitting = {id(seat.slot) for seat in seats if seat is not None}
        self._seats = seats
        for slot in slots:
            if id(slot) not in sitting and None in self._seats and slot.length < self._room:
                self._sit(self._seats.index(None), slot)

    def can_step(self, slot: CacheSlot) -> bool:
        """Whether the slot sits here, with room for one more position, and nobody watches what its layers say: monitors and recorders
        are no part of a recorded step."""
        has_room = slot.length + slot.prefix_left < self._room
        return self._seat_of(slot) is not None and has_room and slot.adaptive is None and slot.recorder is None

    def step(
        self, slots: Sequence[CacheSlot], tokens: Tensor, samplings: Sequence[Sampling], steps: Sequence[int]
    ) -> Tensor:
        """One step of slots that `can_step`; their caches grow by one position. Waits for the device.

        Args:
            slots: those that move.
            tokens: inputs `[slots, codebooks]`, on the CPU.
            samplings: how each is sampled.
            steps: each slot's own step; with the seed it keys the noise.

        Returns:
            The chosen tokens `[slots, codebooks]`, on the CPU.
        """
        places = self.launch(slots, tokens, samplings, steps)
        return self._chosen[: max(places) + 1].cpu()[places]

    def launch(
        self, slots: Sequence[CacheSlot], tokens: Tensor, samplings: Sequence[Sampling], steps: Sequence[int]
    ) -> list[int]:
        """`step` without its reading: nothing here waits for the device. Returns the slots' places."""
        places = [self._seated(slot) for slot in slots]
        for slot in slots:
            self._decoder.read_prefix(slot, slot.prefix_left)
        for place in places:
            self._catch_up(place)
        count = self._places_for(max(places) + 1)
        self._write(count, places, tokens, samplings, steps)
        self._told[:count].copy_(self._telling[:count], non_blocking=True)
        length = _blocks(max(slot.length for slot in slots) + 1, LENGTH_BLOCK)
        self._replay_of(GraphShape(count, length, self._text_for(slots)))()
        for place, slot in zip(places, slots, strict=True):
            slot.length += 1
            seat = self._seats[place]
            assert seat is not None
            seat.length = slot.length
        return places

    # --- seats

    def _sit(self, place: int, slot: CacheSlot) -> None:
        for cache in self._caches:
            cache[:, place].zero_()  # what a hidden position holds is multiplied by zero: it must be a number
        caches = [cache[:, place] for cache in self._caches]
        slot.move_into(caches, self._room)
        self._steering[:, 2 * place : 2 * place + 2] = -0.0
        self._seats[place] = _Place(slot, caches, length=slot.length)

    def _seat_of(self, slot: CacheSlot) -> _Place | None:
        """The slot's seat; None for one that has no place, or has grown out of it into caches of its own."""
        return next((seat for seat in self._seats if seat and seat.slot is slot and seat.caches is slot.caches), None)

    def _seated(self, slot: CacheSlot) -> int:
        seat = self._seat_of(slot)
        assert seat is not None
        assert slot.length < self._room
        return self._seats.index(seat)

    def _catch_up(self, place: int) -> None:
        """Brings the place's buffers up to its slot's: other steering, other conditions, caches that were emptied."""
        seat = self._seats[place]
        assert seat is not None
        slot = seat.slot
        if slot.length < seat.length:
            for cache in seat.caches:
                cache[:, :, :, slot.length :].zero_()
        if slot.steering is not seat.steering:
            seat.steering, rows = slot.steering, self._steering[:, 2 * place : 2 * place + 2]
            rows.fill_(-0.0) if slot.steering is None else rows.copy_(slot.steering, non_blocking=True)
        if slot.conditioning is not seat.conditioning:
            if self._before is None:
                self._take_text(place, slot.conditioning)
            else:
                self._before[place] = 0.0
                bias = slot.self_bias(self._room)
                self._before[place] += 0.0 if bias is None else bias[0, 0, 0]
            seat.conditioning = slot.conditioning

    def _take_text(self, place: int, conditioning: Conditioning) -> None:
        count = conditioning.keys[0].shape[2]
        if count > self._text_room:
            self._make_text_room(_text_extent(count))
        for text, keys, values in zip(self._texts, conditioning.keys, conditioning.values, strict=True):
            text[0, place, :, :count] = keys[0]
            text[1, place, :, :count] = values[0]
        self._text_weights[place] = _NEVER
        self._text_weights[place, :count] = 0.0 if conditioning.bias is None else conditioning.bias[0, 0, 0]

    def _make_text_room(self, room: int) -> None:
        """Buffers for so many tokens of text at every place. Graphs hold the old ones' addresses: they are forgotten."""
        decoder, config = self._decoder, self._decoder.config
        size = (2, self._place_count, config.head_count, room, config.head_size)
        zeros = partial(torch.zeros, device=decoder.device, dtype=decoder.dtype)
        self._texts = [zeros(size) for _ in range(config.layer_count if room else 0)]
        self._text_weights = torch.full((self._place_count, room), _NEVER, device=decoder.device, dtype=decoder.dtype)
        self._text_weights[:, :1] = 0.0  # an empty place finds one token of nothing: no row may be without any
        self._text_room = room
        self._replays.clear()
        for place, seat in enumerate(self._seats):
            if seat is not None and seat.conditioning is not None:
                self._take_text(place, seat.conditioning)

    # --- a step

    def _write(
        self, count: int, places: list[int], tokens: Tensor, samplings: Sequence[Sampling], steps: Sequence[int]
    ) -> None:
        """What the step needs to know of each place, in the host's buffer: inputs, noise, length, guidance, temperature, candidates."""
        config = self._decoder.config
        books, telling = config.codebook_count, self._telling.numpy()
        telling[:count] = 0.0
        for place, seat in enumerate(self._seats[:count]):
            length = seat.slot.length if seat is not None and seat.caches is seat.slot.caches else 0
            telling[place, 2 * books :] = (min(length, self._room - 1), 1.0, 0.0, 1.0)
        for place, inputs, sampling, step in zip(places, tokens.numpy(), samplings, steps, strict=True):
            telling[place, :books] = inputs
            telling[place, books : 2 * books] = counter_noise(sampling.seed, step, books).numpy()
            kept = sampling.kept_count(config.vocabulary_size)
            telling[place, 2 * books + 1 :] = (sampling.guidance_scale, sampling.temperature, kept)

    def _replay_of(self, extent: GraphShape) -> Work:
        known = self._replays.get(extent)
        if known is None:
            known = self._replays[extent] = self._capture(partial(self._compute, extent))
        return known

    def _compute(self, extent: GraphShape) -> None:
        """The step itself, on whatever the buffers hold: nothing in it depends on their contents but numbers."""
        decoder, count = self._decoder, extent.places
        told, books = self._told[:count], decoder.config.codebook_count
        lengths, guidance_scales, temperatures, kept_counts = told[:, 2 * books :].unbind(1)
        lengths = lengths.long()
        hidden = decoder.embedding(told[:, :books].long().T) + decoder.positions[lengths]
        hidden = hidden[:, None].expand(-1, 2, -1).reshape(2 * count, -1)
        attention = _FixedAttention(
            caches=[cache[:, :count] for cache in self._caches],
            lengths=lengths,
            bias=self._seen(lengths, extent),
            texts=[text[:, :count, :, : extent.text] for text in self._texts],
            text_bias=self._text_weights[:count, None, None, : extent.text],
        )
        for layer in range(decoder.config.layer_count):
            hidden = decoder.run_layer(layer, hidden, attention)
            hidden.add_(self._steering[layer, : 2 * count])
        sampling = FixedSampling(
            guidance_scales=guidance_scales.float(),
            temperatures=temperatures,
            kept_counts=kept_counts.long(),
            noise=told[:, books : 2 * books],
        )
        self._chosen[:count].copy_(choose_fixed(decoder.logits(hidden).unflatten(0, (count, 2)), sampling))

    def _seen(self, lengths: Tensor, extent: GraphShape) -> Tensor:
        """What is added to attention, `[2 places, 1, 1, length]`: minus infinity behind a place's own length."""
        is_hidden = self._positions[: extent.length] > lengths[:, None]
        before = torch.zeros_like(is_hidden, dtype=self._decoder.dtype)
        if self._before is not None:
            before = self._before[: extent.places, : extent.length]
        return before.masked_fill(is_hidden, _NEVER).repeat_interleave(2, dim=0)[:, None, None]

    def _places_for(self, count: int) -> int:
        """A power of two, or all places."""
        return min(self._place_count, 1 << (count - 1).bit_length())

    def _text_for(self, slots: Sequence[CacheSlot]) -> int:
        if self._before is not None:
            return 0
        return _text_extent(max(slot.conditioning.keys[0].shape[2] for slot in slots))


class _FixedAttention:
    """Attention of one step over buffers of fixed shapes, masked behind each place's own length.

    Args:
        caches: per layer, keys and values `[2, places, branches, heads, positions, head_size]`.
        lengths: positions of each place before this step, `[places]`, on the device.
        bias: added to the attention scores, `[branches of all places, 1, 1, length]`.
        texts: per layer, keys and values `[2, places, heads, tokens, head_size]`; empty for models without cross-attention.
        text_bias: added to the attention to the text, `[places, 1, 1, tokens]`.
    """

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
    """The static batch of a decoder on a CUDA device, with its graphs recorded; None on other devices, which step without one.

    Raises:
        FailedPrecondition: the device has too little memory for so many places.
    """
    if decoder.device.type != "cuda":
        return None
    config, melody = decoder.config, decoder.weights.melody
    position_count = config.window_steps + (0 if melody is None else melody.frame_count + TOKENS_MAX)
    try:
        static_batch = StaticBatch(
            decoder, CudaGraphs(decoder.device), place_count=place_count, position_count=position_count
        )
        with torch.inference_mode():
            static_batch.prepare()
    except torch.OutOfMemoryError as failure:
        raise FailedPrecondition(
            f"the GPU has too little memory for {place_count} slots of this model: choose fewer in RESONANCE_SLOTS, or fp16",
            reason="NO_DEVICE_MEMORY",
        ) from failure
    return static_batch


def _has_pinned(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.is_available()


def _blocks(count: int, block: int) -> int:
    return -(-count // block) * block


def _text_extent(count: int) -> int:
    """TEXT_ROOM times a power of two."""
    return TEXT_ROOM << (-(-count // TEXT_ROOM) - 1).bit_length()

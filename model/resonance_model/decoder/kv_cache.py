"""KV-cache slot of a take: keys, values, conditioning, steering, recorder."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from resonance_model.config import DecoderConfig
from resonance_model.steering.adaptive import AdaptiveSteering
from resonance_model.steering.recorder import StateRecorder

_BLOCK_POSITIONS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditioning:
    """Text and melody of a take, in the form in which the model attends to them.

    Text models have cross-attention `keys` and `values`, `[1, heads, tokens, head_size]` per layer. Melody models have a `prefix`
    `[branches, positions, hidden]` that is read before the music, melody first, then text; their `keys` and `values` are empty. `bias`
    `[1, 1, 1, tokens or positions]` weighs several texts; None where there is one. `negative` is a text to which the unconditional branch
    attends, so that guidance steers away from it; None for a branch without text.
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    bias: Tensor | None
    prefix: Tensor | None = None
    negative: Conditioning | None = None

    @property
    def prefix_count(self) -> int:
        """Positions before the music."""
        return 0 if self.prefix is None else self.prefix.shape[1]


class CacheSlot:
    """Decoder state of one take.

    Attributes:
        steering: added after each layer, `[layers, branches, hidden]`; None adds nothing. To change it, assign another tensor: the
            decoder caches its layout for as long as the tensor is the same object.
        adaptive: adds the part of `steering` that is still missing instead of all of it.
        length: positions in the caches, those of the prefix included.
        branch_count: 2 (conditional and unconditional), or 1 for a slot that only reads.
        caches: per layer, keys and values `[2, branches, heads, capacity, head_size]`. They grow by whole blocks as the take gets
            longer, or are views of a `StaticBatch`.
    """

    def __init__(
        self,
        config: DecoderConfig,
        conditioning: Conditioning,
        *,
        steering: Tensor | None = None,
        recorder: StateRecorder | None = None,
        branch_count: int = 2,
    ) -> None:
        self.conditioning = conditioning
        self.steering = steering
        self.adaptive: AdaptiveSteering | None = None
        self.recorder = recorder
        self.branch_count = branch_count
        self.length = 0
        self._config = config
        self.capacity = 0
        self.caches: list[Tensor] = []
        self._capacity_min = 0
        self._is_static = False

    @property
    def music_length(self) -> int:
        """Positions in the caches behind the prefix."""
        return max(0, self.length - self.conditioning.prefix_count)

    @property
    def prefix_left(self) -> int:
        """Positions of the prefix that are not read yet."""
        return max(0, self.conditioning.prefix_count - self.length)

    def self_bias(self, length: int) -> Tensor | None:
        """Bias on the attention to the first `length` positions, `[1, 1, 1, length]`; None for no bias."""
        bias = self.conditioning.bias
        if bias is None or self.conditioning.prefix is None:
            return None
        return F.pad(bias[..., :length], (0, max(0, length - bias.shape[-1])))

    def ensure_capacity(self, step_count: int) -> None:
        """Grows the caches where fewer than `step_count` positions are free. `append` needs the capacity."""
        if self.length + step_count > self.capacity:
            self._grow(self.length + step_count)

    def reserve(self, position_count: int) -> None:
        """Makes the first caches at least this large.

        A CPU's memory is taken as it is written, so that unused capacity costs nothing. Caches that grow are copied whole: a third of
        a second at musicgen-small's size.
        """
        self._capacity_min = position_count

    def move_to_buffers(self, caches: list[Tensor], capacity: int) -> None:
        """Copies the positions so far into buffers of a static batch, and uses those from now on."""
        assert self.length <= capacity
        for cache, old in zip(caches, self.caches, strict=False):
            cache[:, :, :, : self.length] = old[:, :, :, : self.length]
        self.caches, self.capacity, self._is_static = caches, capacity, True

    def leave_buffers(self) -> None:
        """Copies the positions so far out of the buffers of a static batch, whose place another slot then takes. Else nothing happens."""
        if self._is_static:
            self.caches = [cache[:, :, :, : self.length].clone() for cache in self.caches]
            self.capacity, self._is_static = self.length, False

    def append(self, layer: int, fresh: Tensor) -> tuple[Tensor, Tensor]:
        """Writes keys and values `[2, branches, heads, steps, head_size]` at `length`, which stays as it is.

        Returns all keys and all values of the layer so far, `[branches, heads, length + steps, head_size]` each.
        """
        cache, count = self.caches[layer], fresh.shape[3]
        cache.narrow(3, self.length, count).copy_(fresh)
        return cache.narrow(3, 0, self.length + count).unbind(0)  # type: ignore[return-value]

    def replace_with(self, other: CacheSlot) -> None:
        """Takes the positions of another slot of the same model and branch count in place of its own.

        The two slots swap caches, so that nothing is copied. Buffers of a static batch are copied into, because they must not move.
        """
        if self._is_static:
            assert other.length <= self.capacity
            for cache, source in zip(self.caches, other.caches, strict=True):
                cache[:, :, :, : other.length] = source[:, :, :, : other.length]
        else:
            self.caches, other.caches = other.caches, self.caches
            self.capacity, other.capacity = other.capacity, self.capacity
        self.length = other.length

    def drop_last(self, step_count: int) -> None:
        """Drops the last positions of the music."""
        assert step_count <= self.music_length
        self.length -= step_count

    def clear(self) -> None:
        """Drops all positions, the prefix included. Conditioning, steering and recorder stay."""
        self.length = 0

    def _grow(self, length: int) -> None:
        config, conditioning = self._config, self.conditioning
        like = conditioning.keys[0] if conditioning.prefix is None else conditioning.prefix
        capacity = -(-max(length, self._capacity_min) // _BLOCK_POSITIONS) * _BLOCK_POSITIONS
        size = (2, self.branch_count, config.head_count, capacity, config.head_size)
        caches = [like.new_empty(size) for _ in range(config.layer_count)]
        for cache, old in zip(caches, self.caches, strict=False):
            cache[:, :, :, : self.length] = old[:, :, :, : self.length]
        self.caches, self.capacity, self._is_static = caches, capacity, False

"""A slot: one take's place in the running batch, with its caches, text, steering and recorder."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from resonance_model.config import DecoderConfig
from resonance_model.steering.adaptive import AdaptiveSteering
from resonance_model.steering.recorder import ActivationRecorder

_GROWTH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditioning:
    """What a take follows, in the form in which its model attends to it.

    Text models: cross-attention `keys` and `values`, `[1, heads, tokens, head_size]` per layer. Melody models: a `prefix`
    `[rows, positions, hidden]` that is read before the music, tune first, then text; `keys` and `values` are empty. `bias`
    `[1, 1, 1, tokens or positions]` weighs several texts; None where there is one.
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    bias: Tensor | None
    prefix: Tensor | None = None

    @property
    def prefix_count(self) -> int:
        """Positions that are read before the music."""
        return 0 if self.prefix is None else self.prefix.shape[1]


class CacheSlot:
    """The state of one take.

    `steering` is what is added after each layer, `[layers, rows, hidden]`, or None for exactly nothing; with a `monitor`, the part of it
    that is still missing. `length` counts the positions in the caches, those of the prefix too. `branch_count` is 2 (conditional and
    unconditional) or 1 for a slot that only reads. `caches` hold, per layer, keys and values `[2, rows, heads, room, head_size]`; they
    grow by whole blocks as the take gets longer, or lie on a `StaticBatch`. Whoever changes the steering puts another tensor in its place: the
    decoder keeps what it made of it for as long as the tensor is the same.
    """

    def __init__(
        self,
        config: DecoderConfig,
        conditioning: Conditioning,
        *,
        steering: Tensor | None = None,
        recorder: ActivationRecorder | None = None,
        branch_count: int = 2,
    ) -> None:
        self.conditioning = conditioning
        self.steering = steering
        self.adaptive: AdaptiveSteering | None = None
        self.recorder = recorder
        self.branch_count = branch_count
        self.length = 0
        self._config = config
        self.room = 0
        self.caches: list[Tensor] = []
        self._room_least = 0
        self._is_seated = False

    @property
    def music_length(self) -> int:
        """Positions in the caches behind the prefix."""
        return max(0, self.length - self.conditioning.prefix_count)

    @property
    def prefix_left(self) -> int:
        """Positions of the prefix that are still to be read."""
        return max(0, self.conditioning.prefix_count - self.length)

    def self_bias(self, length: int) -> Tensor | None:
        """What is added to the attention to the first `length` positions, `[1, 1, 1, length]`; None for nothing."""
        bias = self.conditioning.bias
        if bias is None or self.conditioning.prefix is None:
            return None
        return F.pad(bias[..., :length], (0, max(0, length - bias.shape[-1])))

    def make_room(self, step_count: int) -> None:
        """Sees to room for so many more steps; `extend` needs it."""
        if self.length + step_count > self.room:
            self._grow(self.length + step_count)

    def reserve(self, position_count: int) -> None:
        """Has the first caches be made for so many positions. A CPU's memory is taken as it is written, so that room costs nothing, and
        caches that grow are copied whole: a third of a second at musicgen-small's size."""
        self._room_least = position_count

    def move_into(self, caches: list[Tensor], room: int) -> None:
        """Goes on in other caches, of `room` positions; what was read so far is copied there."""
        assert self.length <= room
        for cache, known in zip(caches, self.caches, strict=False):
            cache[:, :, :, : self.length] = known[:, :, :, : self.length]
        self.caches, self.room, self._is_seated = caches, room, True

    def extend(self, layer: int, fresh: Tensor) -> tuple[Tensor, Tensor]:
        """Appends keys and values `[2, rows, heads, steps, head_size]` at `length`.

        Returns all keys and all values of the layer so far, `[rows, heads, length + steps, head_size]` each.
        """
        cache, count = self.caches[layer], fresh.shape[3]
        cache.narrow(3, self.length, count).copy_(fresh)
        return cache.narrow(3, 0, self.length + count).unbind(0)  # type: ignore[return-value]

    def take_over(self, other: CacheSlot) -> None:
        """Holds what another slot of the same model and number of rows holds, and nothing else. The two trade caches, so that nothing is
        copied, where these are not a static batch's; the other's may then be written again."""
        if self._is_seated:
            assert other.length <= self.room
            for cache, known in zip(self.caches, other.caches, strict=True):
                cache[:, :, :, : other.length] = known[:, :, :, : other.length]
        else:
            self.caches, other.caches = other.caches, self.caches
            self.room, other.room = other.room, self.room
        self.length = other.length

    def drop_last(self, step_count: int) -> None:
        """Forgets the last positions of the music."""
        assert step_count <= self.music_length
        self.length -= step_count

    def forget(self) -> None:
        """Empties the cache, its prefix too; conditions, steering and recorder stay."""
        self.length = 0

    def _grow(self, length: int) -> None:
        config, like = (
            self._config,
            self.conditioning.keys[0] if self.conditioning.prefix is None else self.conditioning.prefix,
        )
        room = -(-max(length, self._room_least) // _GROWTH) * _GROWTH
        size = (2, self.branch_count, config.head_count, room, config.head_size)
        caches = [like.new_empty(size) for _ in range(config.layer_count)]
        for cache, known in zip(caches, self.caches, strict=False):
            cache[:, :, :, : self.length] = known[:, :, :, : self.length]
        self.caches, self.room, self._is_seated = caches, room, False

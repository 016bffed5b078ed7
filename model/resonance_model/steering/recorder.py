"""Recorder of hidden-state statistics per layer.

It records from our own pass, or through forward hooks on a library's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn


class StateRecorder(Protocol):
    """Receiver of a slot's hidden states and of what its cross-attention adds, layer by layer."""

    def record(self, layer: int, hidden: Tensor) -> None:
        """Gets the layer's output at some positions, `[positions, hidden]`."""

    def record_text_attention(self, layer: int, added: Tensor) -> None:
        """Gets what the layer's cross-attention added to the residual at some positions, `[positions, hidden]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationStats:
    """Mean and variance over positions per layer, `[layers, hidden]` float64 on the CPU.

    `words` is the mean over positions of what a layer's cross-attention added to the residual, `[layers, hidden]`. It is None where
    no layer attends to text, and where the music was generated instead of read.
    """

    mean: Tensor
    variance: Tensor
    count: int
    words: Tensor | None = None


def pool(parts: Sequence[ActivationStats]) -> ActivationStats:
    """Statistics over the positions of several parts of equal length; without `words`."""
    means = torch.stack([part.mean for part in parts])
    return ActivationStats(
        mean=means.mean(dim=0),
        variance=torch.stack([part.variance for part in parts]).mean(dim=0) + means.var(dim=0, unbiased=False),
        count=sum(part.count for part in parts),
    )


class ActivationRecorder:
    """Sums and squares of hidden states per layer, in float64: a few kilobytes instead of every activation."""

    def __init__(self, layer_count: int, hidden_size: int) -> None:
        self._sum = torch.zeros(layer_count, hidden_size, dtype=torch.float64)
        self._squares = torch.zeros(layer_count, hidden_size, dtype=torch.float64)
        self._counts = torch.zeros(layer_count, dtype=torch.float64)
        self._words = torch.zeros(layer_count, hidden_size, dtype=torch.float64)
        self._word_counts = torch.zeros(layer_count, dtype=torch.float64)

    def record(self, layer: int, hidden: Tensor) -> None:
        """Adds the layer's output at some positions, `[positions, hidden]`."""
        states = hidden.detach()
        self._move_to(states.device)
        states = states.to(self._sum.device).double()
        self._sum[layer] += states.sum(dim=0)
        self._squares[layer] += states.square().sum(dim=0)
        self._counts[layer] += len(states)

    def record_text_attention(self, layer: int, added: Tensor) -> None:
        """Adds what the layer's cross-attention added to the residual at some positions, `[positions, hidden]`."""
        self._words[layer] += added.detach().to("cpu", torch.float64).sum(dim=0)
        self._word_counts[layer] += len(added)

    def stats(self) -> ActivationStats:
        """Statistics so far. Asserts that every layer recorded the same number of positions, and at least one."""
        self._move_to(torch.device("cpu"))
        count = int(self._counts[0])
        assert count > 0, "nothing was recorded"
        assert bool((self._counts == count).all()), "the layers recorded different positions"
        mean = self._sum / count
        return ActivationStats(
            mean=mean,
            variance=(self._squares / count - mean.square()).clamp_min(0.0),
            count=count,
            words=self._words / count if bool((self._word_counts == count).all()) else None,
        )

    def _move_to(self, device: torch.device) -> None:
        """Keeps the sums on the states' device, so that the host waits for a GPU only at the end. Apple's GPUs have no float64."""
        if self._sum.device != device and device.type != "mps":
            self._sum, self._squares = self._sum.to(device), self._squares.to(device)


@contextmanager
def forward_hooks(
    layers: Sequence[nn.Module], recorder: ActivationRecorder, *, first_position: int = 0
) -> Iterator[ActivationRecorder]:
    """Records the first batch entry of a library's decoder layers by forward hooks; tests compare our own pass with it.

    Args:
        layers: `model.decoder.layers` of transformers, or `lm.transformer.layers` of AudioCraft. A layer returns a tensor in Musicgen
            and AudioCraft, and a tuple in MusicgenMelody.
        recorder: gets the states.
        first_position: position to record from; before it, melody models have their prefix.
    """

    def record_layer(index: int) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            states = output[0] if isinstance(output, tuple) else output
            recorder.record(index, states[0][first_position:])

        return hook

    handles = [layer.register_forward_hook(record_layer(index)) for index, layer in enumerate(layers)]
    try:
        yield recorder
    finally:
        for handle in handles:
            handle.remove()

"""Receptive field of EnCodec's decoder, derived from its configuration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from resonance.errors import Unsupported


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution:
    """A convolution or, with `is_transposed`, a transposed one that is trimmed to `stride` times its input's length."""

    kernel: int
    stride: int = 1
    dilation: int = 1
    is_transposed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceptiveField:
    """Reach in whole frames, of the first convolution and of all layers after the LSTM. `hop` is samples per frame."""

    first_left: int
    first_right: int
    upsample_left: int
    upsample_right: int
    hop: int
    channel_count: int


def layer_padding(layer: Convolution, *, is_causal: bool, trim_right_ratio: float = 1.0) -> tuple[int, int]:
    """(left, right) samples that EnCodec pads at the layer, or trims where it is transposed."""
    total = (layer.kernel - 1) * layer.dilation + 1 - layer.stride
    if not is_causal:
        right = total // 2
    elif layer.is_transposed:
        right = math.ceil(total * trim_right_ratio)
    else:
        right = 0
    return total - right, right


def measure_reach(layers: Sequence[Convolution], *, is_causal: bool, trim_right_ratio: float = 1.0) -> tuple[int, int]:
    """(left, right) input frames beyond its own on which a frame's samples depend, through `layers` in order.

    The interval of one frame's samples is carried backwards through the layers. Residual blocks count with their longest branch.
    """
    hop = 1
    for layer in layers:
        hop *= layer.stride if layer.is_transposed else 1
    middle = 1000
    start, end = middle * hop, (middle + 1) * hop
    for layer in reversed(layers):
        left, _right = layer_padding(layer, is_causal=is_causal, trim_right_ratio=trim_right_ratio)
        if layer.is_transposed:
            start, end = -((layer.kernel - 1 - start - left) // layer.stride), (end - 1 + left) // layer.stride + 1
        else:
            reach = (layer.kernel - 1) * layer.dilation
            start, end = start - left, end - left + reach
    return middle - start, end - middle - 1


def derive_receptive_field(
    *,
    kernel: int,
    last_kernel: int,
    residual_kernel: int,
    ratios: Sequence[int],
    residual_count: int,
    dilation_growth: int,
    is_causal: bool,
    trim_right_ratio: float,
    norm: str,
    channel_count: int,
) -> ReceptiveField:
    """Receptive field of a SEANet decoder (Defossez et al. 2022) with these settings.

    Raises:
        Unsupported: the decoder normalises over time, so that no sample is final before the end.
    """
    if norm not in {"weight_norm", "none", "spectral_norm"}:
        raise Unsupported(
            f"this codec normalises over time ({norm}), so that it cannot be decoded as a stream; use a checkpoint whose codec has "
            "norm_type weight_norm",
            reason="CODEC_NOT_STREAMABLE",
        )
    layers: list[Convolution] = []
    for ratio in ratios:
        layers.append(Convolution(kernel=2 * ratio, stride=ratio, is_transposed=True))
        for index in range(residual_count):
            layers.append(Convolution(kernel=residual_kernel, dilation=dilation_growth**index))
    layers.append(Convolution(kernel=last_kernel))
    first_left, first_right = layer_padding(Convolution(kernel=kernel), is_causal=is_causal)
    left, right = measure_reach(layers, is_causal=is_causal, trim_right_ratio=trim_right_ratio)
    hop = 1
    for ratio in ratios:
        hop *= ratio
    return ReceptiveField(
        first_left=first_left,
        first_right=first_right,
        upsample_left=left,
        upsample_right=right,
        hop=hop,
        channel_count=channel_count,
    )

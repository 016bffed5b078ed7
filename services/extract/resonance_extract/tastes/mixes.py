"""Directions of tastes: `TasteOptions` as a mix, the weighted difference from the reference, and its whitening."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from resonance.steering.direction import Direction
from resonance.v1 import steering_pb2
from resonance_extract.directions.mixing import IndexedTrack, Mix, mixed_mean
from resonance_extract.directions.scaling import build_direction
from resonance_extract.directions.statistics import ReferenceStatistics
from resonance_extract.directions.whitening import diagonal, shrunk

_WHITENINGS = {steering_pb2.WHITENING_DIAGONAL: diagonal, steering_pb2.WHITENING_SHRUNK: shrunk}


def to_mix(options: steering_pb2.TasteOptions) -> Mix:
    """The mix that the options ask for."""
    stars = tuple(options.stars)
    if options.mix_mode == steering_pb2.MIX_MODE_TIME_SELECT:
        return Mix(weigh_by="seconds", stars=stars)
    if options.mix_mode == steering_pb2.MIX_MODE_ATTENTION_WEIGHTED:
        temperature = options.attention_temperature if options.HasField("attention_temperature") else 1.0
        return Mix(weigh_by="attention", temperature=temperature, stars=stars)
    return Mix(stars=stars)


def is_contrast(options: steering_pb2.TasteOptions) -> bool:
    """True where the mean of varied music is subtracted from the playlist's."""
    return options.direction_kind != steering_pb2.DIRECTION_KIND_MEAN


async def mix_direction(
    tracks: Sequence[IndexedTrack],
    weights: Sequence[NDArray[np.float64]],
    reference: ReferenceStatistics,
    options: steering_pb2.TasteOptions,
    *,
    model_digest: str,
) -> tuple[NDArray[np.float32], Direction]:
    """The weighted difference from the reference, `[layers, hidden]`, and the taste's direction."""
    difference = mixed_mean(tracks, weights) - (reference.mean if is_contrast(options) else np.float32(0.0))
    return difference, await asyncio.to_thread(_whiten, difference, reference, options.whitening, model_digest)


def _whiten(
    difference: NDArray[np.float32],
    reference: ReferenceStatistics,
    whitening: steering_pb2.Whitening,
    model_digest: str,
) -> Direction:
    whiten = _WHITENINGS.get(whitening)
    whitened = difference if whiten is None else whiten(difference, reference)
    return build_direction(whitened, reference, model_digest=model_digest)

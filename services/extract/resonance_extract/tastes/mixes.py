"""Taste directions: `TasteOptions` mix, weighted reference difference, whitening."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from resonance.steering.direction import Direction
from resonance.v1 import steering_pb2
from resonance_extract.directions.mixing import IndexedTrack, Mix, mixed_mean
from resonance_extract.directions.scaling import build_direction
from resonance_extract.directions.statistics import ReferenceStatistics
from resonance_extract.directions.whitening import diagonal, shrunk

# One unit of a taste is so many standard deviations of the residual. At half of one and at a whole one outside judges name the right
# playlist no more often, while the music moves less and differs more in loudness from music without a taste (docs/research/tastes.md).
TASTE_UNIT = 0.25
# Of 4, 8, 16, 24 and 31 components of 32 pieces, 16 keep held-out songs as near to their playlists as all of the space does, and bring
# small changes of a file to half the distance (docs/research/tastes.md).
MUSIC_COMPONENTS = 16
_WHITENINGS = {steering_pb2.WHITENING_DIAGONAL: diagonal, steering_pb2.WHITENING_SHRUNK: shrunk}


def to_mix(options: steering_pb2.TasteOptions) -> Mix:
    """The mix that the options ask for."""
    stars = tuple(options.stars)
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
    """The weighted difference from the reference, `[layers, hidden]`, and the taste's direction.

    A contrast is taken with real music (`contrast_pieces`). Its part along `level` is removed, for louder states are no taste, and
    so is what does not vary between pieces of music (`among_music`).
    """
    difference = mixed_mean(tracks, weights)
    if is_contrast(options):
        difference = without_level(difference - reference.contrast_pieces.mean(axis=0), reference)
        difference = await asyncio.to_thread(among_music, difference, reference)
    return difference, await asyncio.to_thread(_whiten, difference, reference, options.whitening, model_digest)


def without_level(difference: NDArray[np.float32], reference: ReferenceStatistics) -> NDArray[np.float32]:
    """The difference `[layers, hidden]` without its projection on the direction of loudness; the same where that is unknown."""
    if reference.level is None:
        return difference
    along = (difference * reference.level).sum(axis=1, keepdims=True)
    found: NDArray[np.float32] = (difference - along * reference.level).astype(np.float32)
    return found


def among_music(difference: NDArray[np.float32], reference: ReferenceStatistics) -> NDArray[np.float32]:
    """The difference `[layers, hidden]` projected on the MUSIC_COMPONENTS first principal components of the contrast's pieces.

    Between these components and the rest of the space lies what a file's coding, resampling and cutting change, and what all
    recordings share against the reference. The same where the reference has too few pieces to tell components.
    """
    pieces = reference.contrast_pieces
    if len(pieces) < 2 * MUSIC_COMPONENTS:
        return difference
    components = np.linalg.svd((pieces - pieces.mean(axis=0)).swapaxes(0, 1), full_matrices=False)[2][
        :, :MUSIC_COMPONENTS
    ]
    found: NDArray[np.float32] = np.einsum("lh,lkh,lkg->lg", difference, components, components).astype(np.float32)
    return found


def _whiten(
    difference: NDArray[np.float32],
    reference: ReferenceStatistics,
    whitening: steering_pb2.Whitening,
    model_digest: str,
) -> Direction:
    whiten = _WHITENINGS.get(whitening)
    among = replace(reference, pieces=reference.contrast_pieces)
    whitened = difference if whiten is None else whiten(difference, among)
    return build_direction(whitened, reference, model_digest=model_digest, unit=TASTE_UNIT)

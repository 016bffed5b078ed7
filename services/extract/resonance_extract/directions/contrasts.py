"""Contrasts: layer states of a concept's two sides, by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One pair: states with more of the concept and with less of it, `[samples, layers, hidden]` each; the counts may differ.

    The samples of a pair of words are takes of the same two texts, and together one piece of evidence. Each sample of a pair of music is
    a piece of evidence by itself.
    """

    more: Array
    less: Array
    is_of_words: bool = False

    @property
    def difference(self) -> Array:
        """The difference of the sides' means, `[layers, hidden]`."""
        found: Array = self.more.mean(axis=0) - self.less.mean(axis=0)
        return found


def same_music(more: Array, less: Array) -> Contrast:
    """The contrast of the same samples read under two prompts: each sample's mean over both sides is subtracted from it."""
    half: Array = ((more - less) / 2).astype(np.float32)
    return Contrast(more=half, less=-half, is_of_words=True)


def mean_difference(contrasts: Sequence[Contrast]) -> Array:
    """The mean over pairs, each counting alike, `[layers, hidden]`."""
    differences = np.stack([contrast.difference for contrast in contrasts])
    found: Array = differences.mean(axis=0, dtype=np.float64).astype(np.float32)
    return found


def natural_sizes(difference: Array, per_layer: Array) -> Array:
    """The size of the difference per layer, in units of the direction's strength, `[layers]`: |d| / |r|."""
    lengths = np.linalg.norm(per_layer, axis=1)
    found: Array = np.linalg.norm(difference, axis=1) / np.maximum(lengths, 1e-9)
    return found

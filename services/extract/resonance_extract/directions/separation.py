"""Held-out separation of a concept's pairs, with permutation test.

The layer of a pair is chosen by the other pairs. The permutation test is against chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from resonance_extract.directions.contrasts import Contrast
from resonance_extract.directions.layer_scores import roc_auc, split_folds

Array = NDArray[np.float64]
# With fewer parts chance agrees too often: of three pairs one arrangement in four agrees best, whatever the pairs are.
PARTS_MIN = 4
# The largest share of arrangements that may agree as well as the true one. Of four and five pairs the true arrangement must agree best of
# all; with pairs that have nothing in common, it does so by chance in one case of 8 and of 16.
CHANCE_MAX = 0.05
_ARRANGEMENTS_MAX = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """Separation over independent parts. With fewer than `PARTS_MIN` parts it is not estimated, and `auc` and `chance` are 0.

    `auc` is the area under the ROC curve over the held-out parts, each at the layer that the others choose. `chance` is the share of
    arrangements that agree at their best layer as well as the true one agrees at its own. An arrangement exchanges the two sides in some
    of the parts.
    """

    part_count: int
    auc: float = 0.0
    chance: float = 0.0

    @property
    def has_enough_parts(self) -> bool:
        """True where there are enough parts for an estimate."""
        return self.part_count >= PARTS_MIN

    @property
    def is_more_than_chance(self) -> bool:
        """True where the true arrangement is among the few that agree best."""
        return self.chance <= max(CHANCE_MAX, 0.5 ** (self.part_count - 1))


def held_out_separation(contrasts: Sequence[Contrast]) -> Separation:
    """Separation of the contrasts. A pair of words is one part for any number of takes; a pair of music counts by its pieces, in at most
    eight parts."""
    parts = [part for contrast in contrasts for part in ([contrast] if contrast.is_of_words else split_folds(contrast))]
    if len(parts) < PARTS_MIN:
        return Separation(part_count=len(parts))
    differences = np.stack([part.difference for part in parts], axis=1).astype(np.float64)
    products = differences @ differences.transpose(0, 2, 1)
    return Separation(
        part_count=len(parts), auc=_held_out_auc(parts, differences, products), chance=_share_by_chance(products)
    )


def _held_out_auc(parts: Sequence[Contrast], differences: Array, products: Array) -> float:
    """AUC over the held-out parts; `differences` are `[layers, parts, hidden]`, `products` their dot products `[layers, parts, parts]`."""
    positive, negative = [], []
    for index, held in enumerate(parts):
        others = np.array([other != index for other in range(len(parts))])
        layer = int(_agreement(products[:, others][:, :, others], np.ones((1, others.sum())))[:, 0].argmax())
        direction = differences[layer, others].sum(axis=0)
        centre = (held.more[:, layer].mean(axis=0) + held.less[:, layer].mean(axis=0)) / 2
        # The layers' scales differ, so each part is scaled by its own layer's.
        scale = max(float(np.linalg.norm(direction) * np.sqrt(products[layer, index, index])), 1e-9)
        positive.append((held.more[:, layer] - centre) @ direction / scale)
        negative.append((held.less[:, layer] - centre) @ direction / scale)
    return roc_auc(np.concatenate(positive), np.concatenate(negative))


def _share_by_chance(products: Array) -> float:
    """Share of arrangements that agree as well as the true one: exact up to ten parts, of a fixed random sample beyond."""
    best = _agreement(products, _arrangements(products.shape[-1])).max(axis=0)
    return float((best >= best[0] - 1e-9).mean())


def _agreement(products: Array, signs: Array) -> Array:
    """The mean over parts of the cosine of each with the sum of the others, `[layers, arrangements]`; `signs` are
    `[arrangements, parts]`, -1 where the sides are exchanged."""
    own = np.einsum("lpp->lp", products)[:, None]
    along = signs * (signs @ products)
    others = np.maximum(along.sum(axis=2, keepdims=True) - 2 * along + own, 1e-18)
    cosines: Array = (along - own) / np.sqrt(np.maximum(own, 1e-18) * others)
    found: Array = cosines.mean(axis=2)
    return found


def _arrangements(count: int) -> Array:
    """Signs `[arrangements, parts]`, the true arrangement first. The first part's sign is fixed, because exchanging all parts changes
    nothing."""
    if 2 ** (count - 1) <= _ARRANGEMENTS_MAX:
        return np.array([(1, *signs) for signs in product((1, -1), repeat=count - 1)], dtype=np.float64)
    found: Array = np.random.default_rng(0).choice([-1.0, 1.0], size=(_ARRANGEMENTS_MAX, count))
    found[:, 0], found[0] = 1.0, 1.0
    return found

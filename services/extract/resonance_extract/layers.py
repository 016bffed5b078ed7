"""The layer scan: how well each layer tells a concept's two sides apart on prompts that it was not made from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from resonance.v1 import extract_pb2
from resonance_extract.directions import norms_of
from resonance_extract.statistics import Reference

Array = NDArray[np.float32]


def layer_scores(more: Array, less: Array, reference: Reference, *, pair_count: int) -> list[extract_pb2.LayerScore]:
    """Scores of all layers.

    Args:
        more, less: states `[samples, layers, hidden]`; sample i belongs to pair i modulo `pair_count`.

    The AUC is held out by pair: each pair is projected onto the direction of the other pairs. With one pair alone there is nothing to hold
    out; its samples are then left out one by one.
    """
    norms = norms_of(more.mean(axis=0) - less.mean(axis=0), reference)
    groups = np.arange(len(more)) % pair_count if pair_count > 1 else np.arange(len(more))
    layer_count = more.shape[1]
    return [
        extract_pb2.LayerScore(
            layer=layer,
            auc=_held_out_auc(more[:, layer], less[:, layer], groups),
            norm=float(norms[layer]),
            prototype_score=_prototype_score(norms, layer),
        )
        for layer in range(layer_count)
    ]


def best_layers(scores: Sequence[extract_pb2.LayerScore], count: int = 3) -> list[int]:
    """The layers with the best separation, best first; the larger norm decides between equals."""
    ranked = sorted(scores, key=lambda score: (-score.auc, -score.norm))
    return [score.layer for score in ranked[:count]]


def auc_of(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Area under the ROC curve: the share of pairs in which the positive is larger, ties counting half (Mann-Whitney)."""
    larger = (positive[:, None] > negative[None]).mean()
    equal = (positive[:, None] == negative[None]).mean()
    return float(larger + 0.5 * equal)


def _held_out_auc(more: Array, less: Array, groups: NDArray[np.int64]) -> float:
    """Projections are centred per held-out group, so that what its two prompts share does not count."""
    positive, negative = np.zeros(len(more)), np.zeros(len(less))
    for group in np.unique(groups):
        held = groups == group
        if held.all():
            return 0.5
        direction = more[~held].mean(axis=0) - less[~held].mean(axis=0)
        direction = direction / max(float(np.linalg.norm(direction)), 1e-9)
        centre = (more[held].mean(axis=0) + less[held].mean(axis=0)) / 2
        positive[held] = (more[held] - centre) @ direction
        negative[held] = (less[held] - centre) @ direction
    return auc_of(positive, negative)


def _prototype_score(norms: Array, layer: int) -> float:
    """The first prototype's figure: the norm, less a tenth of it per layer away from the middle; outside the middle third, zero."""
    middle = (len(norms) - 1) / 2
    if abs(layer - middle) > len(norms) / 6 + 0.5:
        return 0.0
    return float(norms[layer] * (1 - 0.1 * abs(layer - middle)))

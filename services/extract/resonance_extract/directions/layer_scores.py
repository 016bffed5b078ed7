"""The layer scan: how well each layer tells a concept's two sides apart on pairs that it was not made from, and what follows for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from resonance.v1 import extract_pb2
from resonance_extract.activations.statistics import Reference
from resonance_extract.directions.contrasts import Contrast, mean_difference
from resonance_extract.directions.scaling import layer_norms

Array = NDArray[np.float32]
AUC_MIN = 0.6
AUC_SLACK = 0.1
_FOLDS_MAX = 8


def layer_scores(contrasts: Sequence[Contrast], reference: Reference) -> list[extract_pb2.LayerScore]:
    """Scores of all layers.

    The AUC is held out by pair: each pair is projected onto the direction of the other pairs. With one pair alone its samples are held out
    in turn, as many at a time as leaves at most eight turns; with one sample on a side there is nothing to hold out, and the AUC is 0.5.
    """
    difference = mean_difference(contrasts)
    norms = layer_norms(difference, reference)
    positive, negative = _held_out(contrasts)
    return [
        extract_pb2.LayerScore(
            layer=layer,
            auc=roc_auc(positive[:, layer], negative[:, layer]) if len(positive) else 0.5,
            norm=float(norms[layer]),
            separation=_separation(positive[:, layer], negative[:, layer]) if len(positive) else 0.0,
        )
        for layer in range(len(norms))
    ]


def best_layers(scores: Sequence[extract_pb2.LayerScore], count: int = 3) -> list[int]:
    """The layers with the best separation, best first; between equal areas the larger distance decides, then the larger norm."""
    ranked = sorted(scores, key=lambda score: (-score.auc, -score.separation, -score.norm))
    return [score.layer for score in ranked[:count]]


def layer_gains(sizes: Array, scores: Sequence[extract_pb2.LayerScore]) -> dict[int, float]:
    """What each layer's strength is multiplied by, the largest 1.

    Layers whose held-out AUC is below 0.6, or more than 0.1 below the best layer's, are left out (gain 0): they do not know the concept.
    Each other is pushed in proportion to how far its two sides lie apart (`sizes` `[layers]`, in units of its own strength), so that no
    layer is moved farther than the concept itself moves it. Empty, which is all alike, where no layer knows it.
    """
    least = max(AUC_MIN, max(score.auc for score in scores) - AUC_SLACK)
    used = [score.auc >= least for score in scores]
    if not any(used):
        return {}
    top = max(float(size) for size, is_used in zip(sizes, used, strict=True) if is_used)
    return {
        layer: round(float(size) / top, 4) if is_used and top > 0 else 0.0
        for layer, (size, is_used) in enumerate(zip(sizes, used, strict=True))
    }


def roc_auc(positive: NDArray[np.floating], negative: NDArray[np.floating]) -> float:
    """Area under the ROC curve: the share of pairs in which the positive is larger, ties counting half (Mann-Whitney)."""
    larger = (positive[:, None] > negative[None]).mean()
    equal = (positive[:, None] == negative[None]).mean()
    return float(larger + 0.5 * equal)


def _held_out(contrasts: Sequence[Contrast]) -> tuple[Array, Array]:
    """Projections of both sides, `[samples, layers]` each, onto directions that their own pair (or fold) had no part in.

    They are centred per held-out pair, so that what its two sides share does not count.
    """
    parts = list(contrasts) if len(contrasts) > 1 else split_folds(contrasts[0])
    if len(parts) < 2:
        return np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32)
    positive, negative = [], []
    for index, held in enumerate(parts):
        direction = mean_difference([part for other, part in enumerate(parts) if other != index])
        direction = direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)
        centre = (held.more.mean(axis=0) + held.less.mean(axis=0)) / 2
        positive.append(((held.more - centre) * direction).sum(axis=2))
        negative.append(((held.less - centre) * direction).sum(axis=2))
    return np.concatenate(positive), np.concatenate(negative)


def split_folds(contrast: Contrast) -> list[Contrast]:
    """One pair's samples dealt out in turn, in at most eight folds; every fold has some of both sides."""
    count = min(len(contrast.more), len(contrast.less), _FOLDS_MAX)
    return [Contrast(more=contrast.more[fold::count], less=contrast.less[fold::count]) for fold in range(count)]


def _separation(positive: Array, negative: Array) -> float:
    """d': the distance of the means in pooled standard deviations (Green and Swets 1966); no more than 100, for sides without spread."""
    spread = float(np.sqrt((positive.var() + negative.var()) / 2))
    return float(np.clip((positive.mean() - negative.mean()) / max(spread, 1e-6), -100.0, 100.0))

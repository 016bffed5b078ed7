"""Layer scan of a concept: held-out scores, best layers, gains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from resonance_extract.directions.contrasts import Contrast, mean_difference
from resonance_extract.directions.scaling import layer_norms
from resonance_extract.directions.statistics import ReferenceStatistics

Array = NDArray[np.float32]
AUC_MIN = 0.6
AUC_SLACK = 0.1
_FOLDS_MAX = 8


class LayerRank(Protocol):
    """The figures by which layers are ranked; `ScoredLayer` and the wire's `LayerScore` both have them."""

    @property
    def layer(self) -> int: ...

    @property
    def auc(self) -> float: ...

    @property
    def norm(self) -> float: ...

    @property
    def separation(self) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredLayer:
    """Scores of one layer; the fields are those of `LayerScore` in the protos."""

    layer: int
    auc: float
    norm: float
    separation: float


def layer_scores(contrasts: Sequence[Contrast], reference: ReferenceStatistics) -> list[ScoredLayer]:
    """Scores of all layers.

    The AUC is held out by pair: each pair is projected onto the direction of the other pairs. With one pair alone its samples are held out
    in at most eight folds. With one sample on a side nothing can be held out, and the AUC is 0.5.
    """
    difference = mean_difference(contrasts)
    norms = layer_norms(difference, reference)
    positive, negative = _held_out(contrasts)
    return [
        ScoredLayer(
            layer=layer,
            auc=roc_auc(positive[:, layer], negative[:, layer]) if len(positive) else 0.5,
            norm=float(norms[layer]),
            separation=_separation(positive[:, layer], negative[:, layer]) if len(positive) else 0.0,
        )
        for layer in range(len(norms))
    ]


def best_layers(scores: Sequence[LayerRank], count: int = 3) -> list[int]:
    """The layers with the largest AUC, best first. Between equal AUCs the larger separation decides, then the larger norm."""
    ranked = sorted(scores, key=lambda score: (-score.auc, -score.separation, -score.norm))
    return [score.layer for score in ranked[:count]]


def layer_gains(sizes: Array, scores: Sequence[LayerRank]) -> dict[int, float]:
    """Gains by which each layer's strength is multiplied; the largest is 1.

    A layer whose held-out AUC is below 0.6, or more than 0.1 below the best layer's, does not know the concept and has gain 0. Each other
    layer is pushed in proportion to the distance of its two sides (`sizes` `[layers]`, in units of its own strength). So no layer is moved
    farther than the concept itself moves it. The result is empty, which means equal gains, where no layer knows the concept.
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
    """Area under the ROC curve: the share of pairs in which the positive is larger; ties count half (Mann-Whitney)."""
    larger = (positive[:, None] > negative[None]).mean()
    equal = (positive[:, None] == negative[None]).mean()
    return float(larger + 0.5 * equal)


def _held_out(contrasts: Sequence[Contrast]) -> tuple[Array, Array]:
    """Projections of both sides, `[samples, layers]` each, onto directions made without their own pair (or fold).

    They are centred per held-out pair, so that the part that its two sides share does not count.
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
    """Deals one pair's samples into at most eight folds; every fold has samples of both sides."""
    count = min(len(contrast.more), len(contrast.less), _FOLDS_MAX)
    return [Contrast(more=contrast.more[fold::count], less=contrast.less[fold::count]) for fold in range(count)]


def _separation(positive: Array, negative: Array) -> float:
    """d': the distance of the means in pooled standard deviations (Green and Swets 1966), clipped to 100 for sides without spread."""
    spread = float(np.sqrt((positive.var() + negative.var()) / 2))
    return float(np.clip((positive.mean() - negative.mean()) / max(spread, 1e-6), -100.0, 100.0))

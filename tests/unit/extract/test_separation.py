"""Separation of pairs: planted directions, chance, too few pairs."""

from __future__ import annotations

import numpy as np
import pytest

from resonance_extract.directions.contrasts import Contrast
from resonance_extract.directions.layer_scores import AUC_MIN, layer_scores
from resonance_extract.directions.separation import Separation, held_out_separation
from resonance_extract.directions.statistics import ReferenceStatistics

LAYERS, HIDDEN, TAKES = 6, 64, 4


def pairs_of(chance: np.random.Generator, count: int, truth: float = 0.0) -> list[Contrast]:
    """Pairs of words that share only `truth` times one direction, at layer 3. Takes differ less than pairs do."""
    apart = chance.normal(size=(count, 1, LAYERS, HIDDEN))
    apart[:, :, 3, 0] += truth
    halves = (apart + 0.3 * chance.normal(size=(count, TAKES, LAYERS, HIDDEN))).astype(np.float32)
    return [Contrast(more=half, less=-half, is_of_words=True) for half in halves]


def is_accepted(found: Separation) -> bool:
    return found.auc >= AUC_MIN and found.is_more_than_chance


def test_pairs_with_a_common_direction_in_one_layer_separate() -> None:
    for count in (4, 6, 12):
        found = held_out_separation(pairs_of(np.random.default_rng(count), count, truth=20.0))
        assert (found.part_count, found.auc) == (count, 1.0)
        assert found.chance == pytest.approx(max(0.5 ** (count - 1), 1 / 512), abs=1e-9)
        assert is_accepted(found)


@pytest.mark.parametrize(("count", "accepted_max"), [(4, 0.2), (6, 0.1), (12, 0.1)])
def test_pairs_with_nothing_in_common_are_mostly_refused_though_their_best_layer_looks_good(
    count: int, accepted_max: float
) -> None:
    chance = np.random.default_rng(count)
    shape = (LAYERS, HIDDEN)
    reference = ReferenceStatistics(
        mean=np.zeros(shape, np.float32), variance=np.ones(shape, np.float32), pieces=np.zeros((0, *shape), np.float32)
    )
    tried = [pairs_of(chance, count) for _ in range(100)]
    best_layers = [max(score.auc for score in layer_scores(pairs, reference)) for pairs in tried]
    assert np.mean([auc >= AUC_MIN for auc in best_layers]) > 0.6
    assert np.mean([is_accepted(held_out_separation(pairs)) for pairs in tried]) <= accepted_max


def test_takes_of_one_pair_of_words_are_one_piece_of_evidence() -> None:
    for count in (1, 3):
        found = held_out_separation(pairs_of(np.random.default_rng(0), count, truth=20.0))
        assert found == Separation(part_count=count)
        assert not found.has_enough_parts


def test_pieces_of_music_are_evidence_each() -> None:
    chance = np.random.default_rng(1)
    more, less = chance.normal(size=(2, 7, LAYERS, HIDDEN)).astype(np.float32)
    assert not is_accepted(held_out_separation([Contrast(more=more, less=less)]))
    more[:, 2, 5] += 20.0
    found = held_out_separation([Contrast(more=more, less=less[:5])])
    assert (found.part_count, found.auc) == (5, 1.0)
    assert is_accepted(found)

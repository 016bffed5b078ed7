"""Layer scan of a taste: finds the separating layer.

The norms of other layers do not matter.
"""

from __future__ import annotations

import numpy as np
import pytest
from support.extracting import COMPLETED, Bench, finished, keep_taste, make_taste, noise

from resonance.store.keys import given_reference_key, reference_key, taste_key
from resonance.v1 import extract_pb2, steering_pb2
from resonance_extract.activations.configuration import reference_digest
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.directions.statistics import ReferenceStatistics
from resonance_extract.tastes.layer_scan import LayerScanner, ScannedLayers, TasteSong, held_out

LAYERS, HIDDEN, TELLING = 4, 24, 2


def planted(song_count: int, clip_count: int = 3, piece_count: int = 16) -> tuple[list[TasteSong], np.ndarray]:  # type: ignore[type-arg]
    """Songs that share a direction at one layer, and none at another layer, which is ten times as large."""
    chance = np.random.default_rng(1)
    scales = np.ones((LAYERS, 1))
    scales[0] = 10.0
    pieces = chance.normal(size=(piece_count, LAYERS, HIDDEN)) * scales
    songs = []
    for _ in range(song_count):
        means = (
            chance.normal(size=(1, LAYERS, HIDDEN)) + 0.3 * chance.normal(size=(clip_count, LAYERS, HIDDEN))
        ) * scales
        means[:, TELLING, 0] += 4.0
        songs.append(TasteSong(means=means, weights=np.full(clip_count, 1 / song_count / clip_count)))
    return songs, pieces


def test_the_layer_that_separates_songs_is_found_and_the_large_one_is_chance() -> None:
    songs, pieces = planted(8)
    auc, separation = held_out(songs, pieces, is_contrast=True)
    assert int(auc.argmax()) == int(separation.argmax()) == TELLING
    assert auc[TELLING] > 0.95
    assert auc[0] == pytest.approx(0.5, abs=0.2)


def test_songs_of_other_music_score_as_chance() -> None:
    chance = np.random.default_rng(2)
    songs = [TasteSong(means=chance.normal(size=(4, 1, HIDDEN)), weights=np.ones(4)) for _ in range(20)]
    auc, separation = held_out(songs, chance.normal(size=(40, 1, HIDDEN)), is_contrast=True)
    assert auc[0] == pytest.approx(0.5, abs=0.15)
    assert abs(separation[0]) < 0.6


async def scan(bench: Bench, taste: steering_pb2.TasteSummary) -> ScannedLayers:
    """Scans with a reference store of its own, which has no reference in memory yet."""
    references = ReferenceStore(bench.worker, bench.store)
    return await LayerScanner(bench.worker, bench.store, references).scan(taste)


async def kept(bench: Bench, count: int, taste_id: str) -> steering_pb2.TasteSummary:
    """A stored taste of `count` songs that differ from the reference's pieces at the middle layer alone."""
    chance, layers = np.random.default_rng(3), (await bench.references.get()).mean.shape[0]
    shape = (layers, (await bench.references.get()).mean.shape[1])
    pieces = chance.normal(size=(12, *shape)).astype(np.float32)
    reference = ReferenceStatistics.of_pieces(pieces, np.ones_like(pieces))
    await bench.store.put(reference_key(reference_digest(bench.digest)), reference.to_bytes())
    means = chance.normal(size=(count, *shape))
    means[:, 1, :2] += 4
    await keep_taste(bench, taste_id, means)
    taste = await bench.tastes.get(taste_id)
    for track in taste.tracks:
        track.clip_weights.append(1 / count)
    norms = np.ones(layers)
    norms[0] = 9.0
    taste.layer_norms.extend(norms)
    return taste


async def test_a_taste_is_scored_by_the_statistics_of_its_tracks(bench: Bench) -> None:
    scanned = await scan(bench, await kept(bench, 6, "t-six"))
    assert scanned.basis == "held-out AUC of 6 songs against 12 pieces of the reference"
    assert scanned.best[0] == 1
    assert scanned.scores[1].auc > 0.9
    assert scanned.scores[0].norm == 9.0


async def test_one_song_is_ranked_by_norms_and_says_so(bench: Bench) -> None:
    scanned = await scan(bench, await kept(bench, 1, "t-one"))
    assert scanned.basis == "norms, for nothing could be held out: a taste of one song leaves none to hold out"
    assert scanned.best[0] == 0
    assert {score.auc for score in scanned.scores} == {0.5}


async def test_the_same_song_twice_is_one_song(bench: Bench) -> None:
    taste = await make_taste(bench, {0: noise(3.5), 1: noise(3.5)})
    scanned = await scan(bench, taste)
    assert "a taste of one song" in scanned.basis


async def test_a_layer_scan_of_a_taste_scores_every_layer_and_renders_the_best(bench: Bench) -> None:
    tracks = {index: noise(3.5, index) for index in range(3)}
    taste = await make_taste(bench, tracks)
    calibration_jobs = bench.calibration_jobs()
    wanted = extract_pb2.StartCalibrationJobRequest(
        kind=extract_pb2.CALIBRATION_JOB_KIND_LAYERS,
        taste_id=taste.taste_id,
        prompts=["jazz"],
        strengths=[1.0],
        clip_s=1.0,
    )
    first = await finished(calibration_jobs, (await calibration_jobs.start(wanted)).calibration_job_id)
    assert first.state == COMPLETED
    assert "the reference has too few pieces" in first.layer_basis
    reference = extract_pb2.StartCalibrationJobRequest(
        kind=extract_pb2.CALIBRATION_JOB_KIND_REFERENCE, prompts=["jazz", "rock", "choir", "drums"], clip_s=1.0
    )
    await finished(calibration_jobs, (await calibration_jobs.start(reference)).calibration_job_id)
    assert await bench.store.exists(given_reference_key(bench.digest))
    calibration_job = await finished(calibration_jobs, (await calibration_jobs.start(wanted)).calibration_job_id)
    assert calibration_job.calibration_job_id != first.calibration_job_id, (
        "another reference is another calibration job"
    )
    assert calibration_job.layer_basis == "held-out AUC of 3 songs against 4 pieces of the reference"
    assert [score.layer for score in calibration_job.layers] == list(range(len(taste.layer_norms)))
    assert [score.norm for score in calibration_job.layers] == pytest.approx(list(taste.layer_norms), rel=1e-5)
    ranked = sorted(calibration_job.layers, key=lambda score: (-score.auc, -score.separation, -score.norm))
    assert [one.label for one in calibration_job.renderings[:3]] == [str(score.layer) for score in ranked[:3]]
    assert await bench.store.exists(taste_key(taste.taste_id))

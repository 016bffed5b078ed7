"""Studies on the real services with the tiny model: cancelled half-way and resumed, taken over after a crash, refused by name."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from support.extracting import CANCELLED, COMPLETED, FAILED, RUNNING, Bench, asked, finished, make_taste, noise, until

from resonance.errors import Conflict, FailedPrecondition, InvalidInput, NotFound, Overloaded
from resonance.identity import acting_as
from resonance.keys import (
    concept_key,
    given_reference_key,
    study_key,
    taste_calibration_key,
)
from resonance.store.owned import OwnedStore
from resonance.v1 import extract_pb2, steering_pb2
from resonance_extract.renderings import mono
from resonance_extract.studies import STUDIES_RUNNING_MAX
from resonance_generate.vectors import Vectors


async def test_a_calibration_runs_by_itself_and_is_in_force_at_the_end(bench: Bench) -> None:
    studies = bench.studies()
    started = await studies.start(asked())
    assert started.state == RUNNING
    study = await finished(studies, started.study_id)
    assert study.state == COMPLETED
    assert (study.progress.done, study.progress.total, study.reused) == (8, 8, 0)
    stored = (await bench.concepts.get("rush")).calibration
    assert [point.strength for point in stored.points] == [-1.0, 0.0, 1.0]
    assert stored == study.calibration
    assert stored.points[1].effect == 0.0
    assert all(point.log_likelihood < 0 for point in stored.points)
    assert [(knot.position, knot.strength) for knot in stored.remap if knot.position == 0] == [(0.0, 0.0)]
    again = await studies.start(asked())
    assert again.state == COMPLETED, "the same study is not made twice"
    assert len(bench.renderer.made) == 8


async def test_nobody_sees_a_study_completed_before_it_is_in_force(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    studies = bench.studies(lease_s=0.1)
    put = bench.concepts.save

    async def slow(concept: extract_pb2.Concept) -> None:
        await asyncio.sleep(0.3)  # longer than a beat
        await put(concept)

    monkeypatch.setattr(bench.concepts, "save", slow)
    await finished(studies, (await studies.start(asked())).study_id)
    assert (await bench.concepts.get("rush")).HasField("calibration")


async def test_a_trial_is_told_and_leaves_the_range_in_force(bench: Bench) -> None:
    studies = bench.studies()
    await finished(studies, (await studies.start(asked())).study_id)
    before = (await bench.concepts.get("rush")).calibration
    wanted = {"strengths": [0.2], "prompts": ["jazz"]}
    trial = await finished(studies, (await studies.start(asked(**wanted, apply=False))).study_id)
    assert trial.calibration.is_trial
    assert trial.calibration.reason_min == "closed: nothing was tried"
    assert (await bench.concepts.get("rush")).calibration == before
    made = len(bench.renderer.made)
    applied = await studies.start(asked(**wanted))
    assert (applied.study_id, applied.state, len(bench.renderer.made)) == (trial.study_id, COMPLETED, made)
    assert not (await studies.get(trial.study_id)).calibration.is_trial
    after = (await bench.concepts.get("rush")).calibration
    assert (after.strength_min, after.strength_max) == (before.strength_min, 0.2)
    assert after.reason_min == f"{before.reason_min}; nothing was tried on this side, and it keeps what it had"
    assert [point.strength for point in after.points] == [-1.0, 0.0, 0.2]
    assert (after.remap[0].position, after.remap[0].strength) == (-1.0, before.strength_min)


async def test_the_usual_conditions_spelt_out_are_no_trial(bench: Bench) -> None:
    studies = bench.studies()
    bench.renderer.pause_s = 60.0
    usual = await studies.start(extract_pb2.StartStudyRequest(concept="rush"))
    spelt = await studies.start(extract_pb2.StartStudyRequest(concept="rush", clip_s=4.0, apply=True))
    assert spelt.study_id == usual.study_id
    trial = await studies.start(asked(apply=False))
    with pytest.raises(Conflict, match="as a trial") as caught:
        await studies.start(asked())
    assert (caught.value.reason, trial.state) == ("RUNS_AS_TRIAL", RUNNING)
    await studies.close()


async def test_a_side_that_was_never_tried_keeps_the_cautious_default(bench: Bench) -> None:
    studies = bench.studies()
    await finished(studies, (await studies.start(asked(strengths=[1.0]))).study_id)
    found = (await bench.concepts.get("rush")).calibration
    assert (found.strength_min, found.reason_min.split(";")[0]) == (-0.5, "never measured")
    assert [(knot.position, knot.strength) for knot in found.remap if knot.position <= 0] == [(-1.0, -0.5), (0.0, 0.0)]


async def test_a_calibration_of_a_vector_that_was_replaced_meanwhile_is_left_out(bench: Bench) -> None:
    studies = bench.studies()
    bench.renderer.pause_s = 0.1
    started = await studies.start(asked())
    concept = await bench.concepts.get("rush")
    concept.vector_sha256 = "0" * 64
    await bench.concepts.save(concept)
    await finished(studies, started.study_id)
    assert not (await bench.concepts.get("rush")).HasField("calibration")


async def test_cancelled_half_way_and_resumed_it_makes_only_what_is_missing(bench: Bench) -> None:
    studies = bench.studies()
    bench.renderer.pause_s = 0.1
    started = await studies.start(asked())
    await until(studies, started.study_id, 2)
    cancelled = await studies.cancel(started.study_id)
    assert cancelled.state == CANCELLED
    done = cancelled.progress.done
    assert 2 <= done < 8
    await asyncio.sleep(0.3)
    assert (await studies.get(started.study_id)).progress.done == done, "a cancelled study stands still"
    assert not (await bench.concepts.get("rush")).HasField("calibration")
    resumed = await studies.start(asked())
    assert resumed.study_id == started.study_id
    study = await finished(studies, resumed.study_id)
    assert (study.state, study.reused, study.progress.done) == (COMPLETED, done, 8)
    assert len({one.key for one in bench.renderer.made}) == 8
    assert len(bench.renderer.made) <= 8 + 2, "at most the renderings in hand are made again"


async def test_what_was_resumed_is_what_an_uninterrupted_run_measures(bench: Bench) -> None:
    studies = bench.studies()
    started = await studies.start(asked())
    await until(studies, started.study_id, 3)
    await studies.cancel(started.study_id)
    resumed = await finished(studies, (await studies.start(asked())).study_id)
    await bench.store.delete(f"studies/{started.study_id}.json")
    whole = await finished(studies, (await studies.start(asked())).study_id)
    for one, other in zip(resumed.calibration.points, whole.calibration.points, strict=True):
        assert one == other


async def test_after_a_crash_somebody_else_goes_on(bench: Bench) -> None:
    first = bench.studies(lease_s=0.3)
    bench.renderer.pause_s = 0.1
    started = await first.start(asked())
    await until(first, started.study_id, 2)
    await first.close()  # as a process that ends: the study stays marked as running
    second = bench.studies(lease_s=0.3)
    assert await second.take_over() == 0, "its lease has not run out yet"
    await asyncio.sleep(0.4)
    assert await second.take_over() == 1
    study = await finished(second, started.study_id)
    assert study.state == COMPLETED
    assert study.reused >= 2


async def test_another_replicas_patrol_goes_on_with_anybodys_study_unasked(bench: Bench) -> None:
    bench.renderer.pause_s = 0.1
    first = bench.studies(lease_s=0.3)
    with acting_as("o-alice"):  # her concepts and studies lie below her own prefix
        store = OwnedStore(bench.store)
        for name in ("rush",):
            key = concept_key(bench.digest, name)
            await store.put(key, (await bench.store.get(key)).data)
        hers = replace(bench, store=store)
        first = hers.studies(lease_s=0.3)
        started = await first.start(asked())
        await until(first, started.study_id, 2)
    await first.close()
    living = hers.studies(lease_s=0.3)
    patrol = asyncio.create_task(living.patrol())
    try:
        with acting_as("o-alice"):
            study = await finished(living, started.study_id)
            assert study.state == COMPLETED
            assert study.reused >= 2
            assert not await store.exists(study_key("nothing"))
        assert [key async for key in bench.store.keys("study-open/")] == [], "nobody need look at it again"
        with pytest.raises(NotFound):
            await living.get(started.study_id)
    finally:
        patrol.cancel()
        await asyncio.gather(patrol, return_exceptions=True)


async def test_a_study_that_cannot_be_read_does_not_keep_the_patrol_from_the_others(bench: Bench) -> None:
    bench.renderer.pause_s = 0.1
    first = bench.studies(lease_s=0.2)
    started = await first.start(asked())
    await until(first, started.study_id, 2)
    await first.close()
    await bench.store.put("study-open/s-0", b"")  # its document is gone
    await bench.store.put("study-open/s-1.o-bob", b"")
    await asyncio.sleep(0.3)
    second = bench.studies(lease_s=0.2)
    assert await second.take_over() == 0
    await asyncio.sleep(0.25)
    assert await second.take_over() == 1
    assert (await finished(second, started.study_id)).state == COMPLETED


# --- reference studies


async def test_a_reference_is_made_of_the_music_it_is_given_and_is_in_force(bench: Bench) -> None:
    before = await bench.shelf.get()
    taste = await make_taste(bench, {index: noise(3.5, index) for index in range(3)})
    studies = bench.studies()
    wanted = extract_pb2.StartStudyRequest(
        kind=extract_pb2.STUDY_KIND_REFERENCE,
        music=[extract_pb2.MusicSource(taste_id=taste.taste_id)],
        prompts=["jazz", "rock"],
        clip_s=1.0,
    )
    study = await finished(studies, (await studies.start(wanted)).study_id)
    assert (study.state, study.progress.done) == (COMPLETED, 5)
    assert (study.reference.source, study.reference.piece_count) == ("given", 5)
    after = await bench.shelf.get()
    assert after.pieces is not None
    assert after.pieces.shape[0] == 5
    assert after.mean == pytest.approx(after.pieces.mean(axis=0), rel=1e-4, abs=1e-4)
    assert not np.allclose(after.mean, before.mean)
    assert (await bench.shelf.describe()).study_id == study.study_id
    again = await make_taste(bench, {index: noise(3.5, index) for index in range(3)})
    assert again.vector_sha256 != taste.vector_sha256
    assert again.vector_key != taste.vector_key, "what was made before keeps its vector"
    shrunk = await make_taste(bench, {0: noise(3.5, 9)}, whitening=steering_pb2.WHITENING_SHRUNK)
    plain = await make_taste(bench, {0: noise(3.5, 9)})
    assert shrunk.vector_sha256 != plain.vector_sha256


async def test_a_reference_study_is_resumed_and_hears_no_piece_twice(bench: Bench) -> None:
    wanted = extract_pb2.StartStudyRequest(
        kind=extract_pb2.STUDY_KIND_REFERENCE, prompts=[f"music {index}" for index in range(6)], clip_s=1.0
    )
    first = bench.studies()
    started = await first.start(wanted)
    await until(first, started.study_id, 2)
    cancelled = await first.cancel(started.study_id)
    assert cancelled.state == CANCELLED
    done = cancelled.progress.done
    assert not await bench.store.exists(given_reference_key(bench.digest))
    second = bench.studies()
    study = await finished(second, (await second.start(wanted)).study_id)
    assert (study.study_id, study.state, study.reused) == (started.study_id, COMPLETED, done)


async def test_a_reference_of_too_little_or_unknown_music_is_refused(bench: Bench) -> None:
    studies, kind = bench.studies(), extract_pb2.STUDY_KIND_REFERENCE
    with pytest.raises(InvalidInput, match="not varied music"):
        await studies.start(extract_pb2.StartStudyRequest(kind=kind, prompts=["jazz"]))
    with pytest.raises(NotFound):
        await studies.start(
            extract_pb2.StartStudyRequest(kind=kind, music=[extract_pb2.MusicSource(taste_id="t-none")])
        )
    with pytest.raises(InvalidInput, match="and not both"):
        await studies.start(extract_pb2.StartStudyRequest(kind=kind, music=[extract_pb2.MusicSource()]))
    with pytest.raises(InvalidInput, match="names its music"):
        await studies.start(extract_pb2.StartStudyRequest(kind=kind, concept="rush"))
    with pytest.raises(InvalidInput, match="a reference study hears"):
        await studies.start(asked(music=[extract_pb2.MusicSource(taste_id="t-none")]))


async def test_a_failed_study_says_why_and_can_be_started_again(bench: Bench) -> None:
    studies = bench.studies()
    bench.renderer.fails = True
    study = await finished(studies, (await studies.start(asked())).study_id)
    assert (study.state, study.error.reason) == (FAILED, "TOLD_TO_FAIL")
    bench.renderer.fails = False
    assert (await finished(studies, (await studies.start(asked())).study_id)).state == COMPLETED


async def test_a_caller_who_waits_and_leaves_cancels_it(bench: Bench) -> None:
    studies = bench.studies()
    bench.renderer.pause_s = 0.1
    following = studies.follow(asked())
    study = await anext(following)
    await following.aclose()
    assert (await studies.get(study.study_id)).state == CANCELLED


async def test_a_layer_scan_renders_the_best_layers_all_and_one_to_all(bench: Bench) -> None:
    studies = bench.studies()
    wanted = asked(kind=extract_pb2.STUDY_KIND_LAYER_SCAN, strengths=[], prompts=["jazz"])
    study = await finished(studies, (await studies.start(wanted)).study_id)
    assert study.state == COMPLETED
    labels = [one.label for one in study.renderings]
    assert labels[-2:] == ["all", "one_to_all"]
    assert sorted(labels[:3]) == ["0", "1", "2"]
    assert not study.HasField("calibration")
    assert study.progress.total == 1 + 2 * 5
    steered = {(one.form, one.strength) for one in bench.renderer.made}
    assert {strength for form, strength in steered if form == "one_to_all"} == {-1.5, 1.5}


async def test_a_concepts_ladder_and_scan_follow_its_natural_strength(bench: Bench) -> None:
    concept = await bench.concepts.get("rush")
    concept.natural_strength = 1.0
    await bench.concepts.save(concept)
    studies = bench.studies()
    study = await finished(studies, (await studies.start(asked(strengths=[], prompts=["jazz"]))).study_id)
    tried = [point.strength for point in study.calibration.points]
    assert tried == [-1.0, -0.7, -0.35, 0.0, 0.35, 0.7, 1.0]


async def test_a_taste_is_calibrated_and_its_range_is_kept_beside_it(bench: Bench) -> None:
    taste = await make_taste(bench, {0: noise(4.0)})
    studies = bench.studies()
    wanted = asked(concept="", taste_id=taste.taste_id, prompts=["jazz"])
    study = await finished(studies, (await studies.start(wanted)).study_id)
    assert study.state == COMPLETED
    assert await bench.store.exists(taste_calibration_key(taste.taste_id, taste.vector_sha256))
    used = await Vectors(bench.store, model_digest=bench.digest, item_max=1).taste(taste.taste_id)
    measured = study.calibration
    assert (used.strength_min, used.strength_max) == (measured.strength_min, measured.strength_max)


async def test_a_taste_side_that_was_never_tried_keeps_its_cautious_default(bench: Bench) -> None:
    taste = await make_taste(bench, {0: noise(4.0)})
    studies = bench.studies()
    wanted = asked(concept="", taste_id=taste.taste_id, prompts=["jazz"], strengths=[0.5])
    await finished(studies, (await studies.start(wanted)).study_id)
    used = await Vectors(bench.store, model_digest=bench.digest, item_max=1).taste(taste.taste_id)
    assert used.strength_min == -1.0


async def test_subjects_that_cannot_be_studied_are_refused_by_name(bench: Bench) -> None:
    studies = bench.studies()
    with pytest.raises(InvalidInput, match="and not both"):
        await studies.start(extract_pb2.StartStudyRequest())
    with pytest.raises(NotFound):
        await studies.start(asked(concept="nobody"))
    with pytest.raises(NotFound):
        await studies.get("s-nothing")
    concept = await bench.concepts.get("rush")
    concept.unusable_reason = "its two sides do not separate"
    await bench.concepts.save(concept)
    with pytest.raises(FailedPrecondition, match="do not separate") as caught:
        await studies.start(asked())
    assert caught.value.reason == "CONCEPT_UNUSABLE"


async def test_callers_at_once_start_no_more_studies_than_may_run(bench: Bench) -> None:
    studies = bench.studies()
    bench.renderer.pause_s = 60
    put = bench.store.put

    async def slow(key: str, data: bytes) -> str:  # as files and S3 are
        await asyncio.sleep(0.002)
        return await put(key, data)

    bench.store.put = slow  # type: ignore[method-assign]
    wanted = [asked(prompts=[f"prompt {number % 6}"]) for number in range(12)]
    got = await asyncio.gather(*(studies.start(each) for each in wanted), return_exceptions=True)
    begun = {one.study_id for one in got if isinstance(one, extract_pb2.Study)}
    assert len(begun) == STUDIES_RUNNING_MAX
    assert all(isinstance(one, extract_pb2.Study | Overloaded) for one in got)
    await studies.close()


def test_stereo_renderings_are_heard_as_the_mean_of_their_channels() -> None:
    left, right = np.array([100, 200, 300], "<i2"), np.array([300, 0, 100], "<i2")
    heard = mono(np.stack([left, right], axis=1).tobytes(), 2)
    assert (32768 * heard).tolist() == [200, 100, 200]

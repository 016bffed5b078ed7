"""Calibration jobs on real services: resumption, takeover, refusals.

The model is the tiny one.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import numpy as np
import pytest
from support.extracting import CANCELLED, COMPLETED, FAILED, RUNNING, Bench, asked, finished, make_taste, noise, until

from resonance.errors import Conflict, FailedPrecondition, InvalidInput, NotFound, Overloaded
from resonance.identity import acting_as
from resonance.store.keys import (
    calibration_job_key,
    concept_key,
    given_reference_key,
    open_calibration_job_key,
    reference_key,
    taste_calibration_key,
)
from resonance.store.owned import OwnedStore
from resonance.v1 import extract_pb2, steering_pb2
from resonance_extract.activations.configuration import reference_digest
from resonance_extract.calibration.renderings import mono
from resonance_extract.directions.scaling import unit_rows
from resonance_extract.directions.statistics import ReferenceStatistics
from resonance_generate.conditions.vectors import Vectors


async def test_a_calibration_runs_by_itself_and_is_in_force_at_the_end(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs()
    started = await calibration_jobs.start(asked())
    assert started.state == RUNNING
    calibration_job = await finished(calibration_jobs, started.calibration_job_id)
    assert calibration_job.state == COMPLETED
    assert (calibration_job.progress.done, calibration_job.progress.total, calibration_job.reused) == (8, 8, 0)
    stored = (await bench.concepts.get("rush")).calibration
    assert [point.strength for point in stored.points] == [-1.0, 0.0, 1.0]
    assert stored == calibration_job.calibration
    assert stored.points[1].effect == 0.0
    assert all(point.log_likelihood < 0 for point in stored.points)
    assert [(knot.position, knot.strength) for knot in stored.remap if knot.position == 0] == [(0.0, 0.0)]
    again = await calibration_jobs.start(asked())
    assert again.state == COMPLETED, "the same calibration job is not made twice"
    assert len(bench.renderer.made) == 8


async def test_a_calibration_job_is_not_completed_before_it_is_in_force(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibration_jobs = bench.calibration_jobs()
    put = bench.concepts.save

    async def slow(concept: extract_pb2.Concept) -> None:
        await asyncio.sleep(0.3)  # longer than a heartbeat
        await put(concept)

    monkeypatch.setattr(bench.concepts, "save", slow)
    await finished(calibration_jobs, (await calibration_jobs.start(asked())).calibration_job_id)
    assert (await bench.concepts.get("rush")).HasField("calibration")


async def test_a_trial_is_returned_and_leaves_the_range_in_force(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs()
    await finished(calibration_jobs, (await calibration_jobs.start(asked())).calibration_job_id)
    before = (await bench.concepts.get("rush")).calibration
    wanted = {"strengths": [0.2], "prompts": ["jazz"]}
    trial = await finished(
        calibration_jobs, (await calibration_jobs.start(asked(**wanted, apply=False))).calibration_job_id
    )
    assert trial.calibration.is_trial
    assert trial.calibration.reason_min == "closed: nothing was tried"
    assert (await bench.concepts.get("rush")).calibration == before
    made = len(bench.renderer.made)
    applied = await calibration_jobs.start(asked(**wanted))
    assert (applied.calibration_job_id, applied.state, len(bench.renderer.made)) == (
        trial.calibration_job_id,
        COMPLETED,
        made,
    )
    assert not (await calibration_jobs.get(trial.calibration_job_id)).calibration.is_trial
    after = (await bench.concepts.get("rush")).calibration
    assert (after.strength_min, after.strength_max) == (before.strength_min, 0.2)
    assert after.reason_min == f"{before.reason_min}; nothing was tried on this side, and it keeps what it had"
    assert [point.strength for point in after.points] == [-1.0, 0.0, 0.2]
    assert (after.remap[0].position, after.remap[0].strength) == (-1.0, before.strength_min)


async def test_the_usual_conditions_spelt_out_are_no_trial(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs()
    bench.renderer.pause_s = 60.0
    usual = await calibration_jobs.start(extract_pb2.StartCalibrationJobRequest(concept="rush"))
    spelt = await calibration_jobs.start(extract_pb2.StartCalibrationJobRequest(concept="rush", clip_s=4.0, apply=True))
    assert spelt.calibration_job_id == usual.calibration_job_id
    trial = await calibration_jobs.start(asked(apply=False))
    with pytest.raises(Conflict, match="as a trial") as caught:
        await calibration_jobs.start(asked())
    assert (caught.value.reason, trial.state) == ("RUNS_AS_TRIAL", RUNNING)


async def test_a_side_that_was_never_tried_keeps_the_cautious_default(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs()
    await finished(calibration_jobs, (await calibration_jobs.start(asked(strengths=[1.0]))).calibration_job_id)
    found = (await bench.concepts.get("rush")).calibration
    assert (found.strength_min, found.reason_min.split(";")[0]) == (-0.5, "never measured")
    assert [(knot.position, knot.strength) for knot in found.remap if knot.position <= 0] == [(-1.0, -0.5), (0.0, 0.0)]


async def test_a_calibration_of_a_vector_that_was_replaced_meanwhile_is_left_out(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs()
    bench.renderer.pause_s = 0.1
    started = await calibration_jobs.start(asked())
    concept = await bench.concepts.get("rush")
    concept.vector_sha256 = "0" * 64
    await bench.concepts.save(concept)
    await finished(calibration_jobs, started.calibration_job_id)
    assert not (await bench.concepts.get("rush")).HasField("calibration")


async def test_cancelled_half_way_and_resumed_it_makes_only_what_is_missing(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs()
    bench.renderer.pause_s = 0.1
    started = await calibration_jobs.start(asked())
    await until(calibration_jobs, started.calibration_job_id, 2)
    cancelled = await calibration_jobs.cancel(started.calibration_job_id)
    assert cancelled.state == CANCELLED
    done = cancelled.progress.done
    assert 2 <= done < 8
    await asyncio.sleep(0.3)
    assert (await calibration_jobs.get(started.calibration_job_id)).progress.done == done, (
        "a cancelled calibration job makes no progress"
    )
    assert not (await bench.concepts.get("rush")).HasField("calibration")
    resumed = await calibration_jobs.start(asked())
    assert resumed.calibration_job_id == started.calibration_job_id
    calibration_job = await finished(calibration_jobs, resumed.calibration_job_id)
    assert (calibration_job.state, calibration_job.reused, calibration_job.progress.done) == (COMPLETED, done, 8)
    assert len({one.key for one in bench.renderer.made}) == 8
    assert len(bench.renderer.made) <= 8 + 2, "at most the renderings in hand are made again"


async def test_what_was_resumed_is_what_an_uninterrupted_run_measures(bench: Bench) -> None:
    bench.renderer.known = None
    calibration_jobs = bench.calibration_jobs()
    started = await calibration_jobs.start(asked())
    await until(calibration_jobs, started.calibration_job_id, 3)
    await calibration_jobs.cancel(started.calibration_job_id)
    resumed = await finished(calibration_jobs, (await calibration_jobs.start(asked())).calibration_job_id)
    await bench.store.delete(f"calibration_jobs/{started.calibration_job_id}.json")
    whole = await finished(calibration_jobs, (await calibration_jobs.start(asked())).calibration_job_id)
    for one, other in zip(resumed.calibration.points, whole.calibration.points, strict=True):
        assert one == other


async def test_after_a_process_ends_another_one_goes_on(bench: Bench) -> None:
    first = bench.calibration_jobs()
    bench.renderer.pause_s = 0.1
    started = await first.start(asked())
    await until(first, started.calibration_job_id, 2)
    await bench.end(first)
    second = bench.calibration_jobs()  # it works by itself, because it is told of an engine
    calibration_job = await finished(second, started.calibration_job_id)
    assert (calibration_job.state, calibration_job.progress.done) == (COMPLETED, 8)
    assert len(bench.renderer.made) <= 8 + 2, "at most the renderings in hand are made again"


async def test_another_replica_goes_on_with_any_owners_calibration_job(bench: Bench) -> None:
    bench.renderer.pause_s = 0.1
    with acting_as("o-alice"):  # her concepts and calibration jobs lie below her own prefix
        store = OwnedStore(bench.store)
        key = concept_key(bench.digest, "rush")
        await store.put(key, (await bench.store.get(key)).data)
        hers = replace(bench, store=store)
        first = hers.calibration_jobs()
        started = await first.start(asked())
        await until(first, started.calibration_job_id, 2)
    await bench.end(first)
    living = hers.calibration_jobs()
    with acting_as("o-alice"):
        calibration_job = await finished(living, started.calibration_job_id)
        assert calibration_job.state == COMPLETED
        assert not await store.exists(calibration_job_key("nothing"))
    assert [key async for key in bench.store.keys("calibration_job-open/")] == [], "no start reads it again"
    with pytest.raises(NotFound):
        await living.get(started.calibration_job_id)


async def test_an_open_job_of_an_earlier_version_is_submitted_and_reuses_its_results(bench: Bench) -> None:
    """Such a document names a lease holder and no model, and the engine has never heard of it."""
    first = bench.calibration_jobs()
    bench.renderer.pause_s = 0.1
    started = await first.start(asked())
    await until(first, started.calibration_job_id, 2)
    await first.cancel(started.calibration_job_id)
    await bench.end(first)
    key = calibration_job_key(started.calibration_job_id)
    stored = await bench.store.get(key)
    document = json.loads(stored.data)
    document["calibration_job"]["state"] = "CALIBRATION_JOB_STATE_RUNNING"
    document |= {"owner": "a process that is gone", "heartbeats": 7}
    del document["model_digest"]
    await bench.store.replace(key, json.dumps(document).encode(), version=stored.version)
    await bench.store.put(open_calibration_job_key("", started.calibration_job_id), b"")
    made = len(bench.renderer.made)
    second = bench.calibration_jobs()
    assert await second.has_open()
    assert (await finished(second, started.calibration_job_id)).state == COMPLETED
    assert len(bench.renderer.made) - made == 8 - len(document["results"])


async def test_open_jobs_of_other_models_and_damaged_ones_are_left_alone(bench: Bench) -> None:
    await bench.store.put("calibration_job-open/s-0", b"")  # its document is gone
    await bench.store.put("calibration_job-open/s-1.o-bob", b"")
    await bench.store.put("calibration_job-open/s-2", b"")
    await bench.store.put(calibration_job_key("s-2"), b"{}")
    bench.renderer.pause_s = 60.0
    other = replace(bench, scope="another model").calibration_jobs()
    running = await other.start(asked())
    await bench.end(other)
    calibration_jobs = bench.calibration_jobs()
    assert not await calibration_jobs.has_open()
    markers = [key async for key in bench.store.keys("calibration_job-open/")]
    assert sorted(markers) == [f"calibration_job-open/{one}" for one in sorted(("s-2", running.calibration_job_id))]


# --- reference calibration jobs


async def test_a_reference_of_chosen_music_is_in_force(bench: Bench) -> None:
    before = await bench.references.get()
    taste = await make_taste(bench, {index: noise(3.5, index) for index in range(3)})
    calibration_jobs = bench.calibration_jobs()
    wanted = extract_pb2.StartCalibrationJobRequest(
        kind=extract_pb2.CALIBRATION_JOB_KIND_REFERENCE,
        music=[extract_pb2.MusicSource(taste_id=taste.taste_id)],
        prompts=["jazz", "rock"],
        clip_s=1.0,
    )
    calibration_job = await finished(calibration_jobs, (await calibration_jobs.start(wanted)).calibration_job_id)
    assert (calibration_job.state, calibration_job.progress.done) == (COMPLETED, 5)
    assert (calibration_job.reference.source, calibration_job.reference.piece_count) == ("chosen_music", 5)
    after = await bench.references.get()
    assert after.pieces is not None
    assert after.pieces.shape[0] == 5
    assert after.mean == pytest.approx(after.pieces.mean(axis=0), rel=1e-4, abs=1e-4)
    assert not np.allclose(after.mean, before.mean)
    assert (await bench.references.describe()).calibration_job_id == calibration_job.calibration_job_id
    again = await make_taste(bench, {index: noise(3.5, index) for index in range(3)})
    assert again.vector_sha256 != taste.vector_sha256
    assert again.vector_key != taste.vector_key, "what was made before keeps its vector"
    shrunk = await make_taste(bench, {0: noise(3.5, 9)}, whitening=steering_pb2.WHITENING_SHRUNK)
    plain = await make_taste(bench, {0: noise(3.5, 9)})
    assert shrunk.vector_sha256 != plain.vector_sha256


async def test_a_given_reference_keeps_the_models_direction_of_loudness(bench: Bench) -> None:
    key = reference_key(reference_digest(bench.digest))
    plain = ReferenceStatistics.from_bytes((await bench.store.get(key)).data)
    level = unit_rows(np.random.default_rng(2).normal(size=plain.mean.shape).astype(np.float32))
    await bench.store.put(key, replace(plain, level=level).to_bytes())
    calibration_jobs = bench.calibration_jobs()
    wanted = extract_pb2.StartCalibrationJobRequest(
        kind=extract_pb2.CALIBRATION_JOB_KIND_REFERENCE, prompts=["jazz", "rock", "folk", "pop"], clip_s=1.0
    )
    await finished(calibration_jobs, (await calibration_jobs.start(wanted)).calibration_job_id)
    given = await bench.references.get()
    assert given.tag
    np.testing.assert_array_equal(given.level, level)


async def test_a_reference_job_is_resumed_and_reads_no_piece_twice(bench: Bench) -> None:
    wanted = extract_pb2.StartCalibrationJobRequest(
        kind=extract_pb2.CALIBRATION_JOB_KIND_REFERENCE, prompts=[f"music {index}" for index in range(6)], clip_s=1.0
    )
    first = bench.calibration_jobs()
    started = await first.start(wanted)
    await until(first, started.calibration_job_id, 2)
    cancelled = await first.cancel(started.calibration_job_id)
    assert cancelled.state == CANCELLED
    done = cancelled.progress.done
    assert not await bench.store.exists(given_reference_key(bench.digest))
    second = bench.calibration_jobs()
    calibration_job = await finished(second, (await second.start(wanted)).calibration_job_id)
    assert (calibration_job.calibration_job_id, calibration_job.state, calibration_job.reused) == (
        started.calibration_job_id,
        COMPLETED,
        done,
    )


async def test_a_reference_of_too_little_or_unknown_music_is_refused(bench: Bench) -> None:
    calibration_jobs, kind = bench.calibration_jobs(), extract_pb2.CALIBRATION_JOB_KIND_REFERENCE
    with pytest.raises(InvalidInput, match="not varied music"):
        await calibration_jobs.start(extract_pb2.StartCalibrationJobRequest(kind=kind, prompts=["jazz"]))
    with pytest.raises(NotFound):
        await calibration_jobs.start(
            extract_pb2.StartCalibrationJobRequest(kind=kind, music=[extract_pb2.MusicSource(taste_id="t-none")])
        )
    with pytest.raises(InvalidInput, match="and not both"):
        await calibration_jobs.start(
            extract_pb2.StartCalibrationJobRequest(kind=kind, music=[extract_pb2.MusicSource()])
        )
    with pytest.raises(InvalidInput, match="names its music"):
        await calibration_jobs.start(extract_pb2.StartCalibrationJobRequest(kind=kind, concept="rush"))
    with pytest.raises(InvalidInput, match="only a reference calibration job reads music"):
        await calibration_jobs.start(asked(music=[extract_pb2.MusicSource(taste_id="t-none")]))


async def test_a_failed_calibration_job_says_why_and_can_be_started_again(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs()
    bench.renderer.fails = True
    calibration_job = await finished(calibration_jobs, (await calibration_jobs.start(asked())).calibration_job_id)
    assert (calibration_job.state, calibration_job.error.reason) == (FAILED, "FAILED_BY_TEST")
    bench.renderer.fails = False
    assert (
        await finished(calibration_jobs, (await calibration_jobs.start(asked())).calibration_job_id)
    ).state == COMPLETED


async def test_a_caller_who_waits_and_leaves_cancels_it(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs()
    bench.renderer.pause_s = 0.1
    following = calibration_jobs.follow(asked())
    calibration_job = await anext(following)
    await following.aclose()
    assert (await calibration_jobs.get(calibration_job.calibration_job_id)).state == CANCELLED


async def test_a_layer_scan_renders_the_best_layers_all_and_one_to_all(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs()
    wanted = asked(kind=extract_pb2.CALIBRATION_JOB_KIND_LAYERS, strengths=[], prompts=["jazz"])
    calibration_job = await finished(calibration_jobs, (await calibration_jobs.start(wanted)).calibration_job_id)
    assert calibration_job.state == COMPLETED
    labels = [one.label for one in calibration_job.renderings]
    assert labels[-2:] == ["all", "one_to_all"]
    assert sorted(labels[:3]) == ["0", "1", "2"]
    assert not calibration_job.HasField("calibration")
    assert calibration_job.progress.total == 1 + 2 * 5
    steered = {(one.form, one.strength) for one in bench.renderer.made}
    assert {strength for form, strength in steered if form == "one_to_all"} == {-1.5, 1.5}


async def test_a_concepts_ladder_and_scan_follow_its_natural_strength(bench: Bench) -> None:
    concept = await bench.concepts.get("rush")
    concept.natural_strength = 1.0
    await bench.concepts.save(concept)
    calibration_jobs = bench.calibration_jobs()
    calibration_job = await finished(
        calibration_jobs, (await calibration_jobs.start(asked(strengths=[], prompts=["jazz"]))).calibration_job_id
    )
    tried = [point.strength for point in calibration_job.calibration.points]
    assert tried == [-1.0, -0.7, -0.35, 0.0, 0.35, 0.7, 1.0]


async def test_a_taste_is_calibrated_and_its_range_is_kept_beside_it(bench: Bench) -> None:
    taste = await make_taste(bench, {0: noise(4.0)})
    calibration_jobs = bench.calibration_jobs()
    wanted = asked(concept="", taste_id=taste.taste_id, prompts=["jazz"])
    calibration_job = await finished(calibration_jobs, (await calibration_jobs.start(wanted)).calibration_job_id)
    assert calibration_job.state == COMPLETED
    assert await bench.store.exists(taste_calibration_key(taste.taste_id, taste.vector_sha256))
    used = await Vectors(bench.store, model_digest=bench.digest, item_max=1).taste(taste.taste_id)
    measured = calibration_job.calibration
    assert (used.strength_min, used.strength_max) == (measured.strength_min, measured.strength_max)


async def test_a_taste_side_that_was_never_tried_keeps_its_cautious_default(bench: Bench) -> None:
    taste = await make_taste(bench, {0: noise(4.0)})
    calibration_jobs = bench.calibration_jobs()
    wanted = asked(concept="", taste_id=taste.taste_id, prompts=["jazz"], strengths=[0.5])
    await finished(calibration_jobs, (await calibration_jobs.start(wanted)).calibration_job_id)
    used = await Vectors(bench.store, model_digest=bench.digest, item_max=1).taste(taste.taste_id)
    assert used.strength_min == -1.0


async def test_subjects_that_cannot_be_calibrated_are_refused_by_name(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs()
    with pytest.raises(InvalidInput, match="and not both"):
        await calibration_jobs.start(extract_pb2.StartCalibrationJobRequest())
    with pytest.raises(NotFound):
        await calibration_jobs.start(asked(concept="unknown"))
    with pytest.raises(NotFound):
        await calibration_jobs.get("s-nothing")
    concept = await bench.concepts.get("rush")
    concept.unusable_reason = "its two sides do not separate"
    await bench.concepts.save(concept)
    with pytest.raises(FailedPrecondition, match="do not separate") as caught:
        await calibration_jobs.start(asked())
    assert caught.value.reason == "CONCEPT_UNUSABLE"


async def test_callers_at_once_start_no_more_calibration_jobs_than_may_run(bench: Bench) -> None:
    calibration_jobs = bench.calibration_jobs(open_of_owner_max=3)
    bench.renderer.pause_s = 60
    put = bench.store.put

    async def slow(key: str, data: bytes) -> str:  # as files and S3 are
        await asyncio.sleep(0.002)
        return await put(key, data)

    bench.store.put = slow  # type: ignore[method-assign]
    wanted = [asked(prompts=[f"prompt {number % 6}"]) for number in range(12)]
    got = await asyncio.gather(*(calibration_jobs.start(each) for each in wanted), return_exceptions=True)
    begun = {one.calibration_job_id for one in got if isinstance(one, extract_pb2.CalibrationJob)}
    assert len(begun) == 3
    assert all(isinstance(one, extract_pb2.CalibrationJob | Overloaded) for one in got)


def test_stereo_renderings_are_the_mean_of_their_channels() -> None:
    left, right = np.array([100, 200, 300], "<i2"), np.array([300, 0, 100], "<i2")
    mixed = mono(np.stack([left, right], axis=1).tobytes(), 2)
    assert (32768 * mixed).tolist() == [200, 100, 200]

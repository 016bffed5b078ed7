"""Ranges in force: concurrent calibrations, and damaged ranges measured again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from google.protobuf import json_format
from support.extracting import COMPLETED, Bench, asked, finished, make_taste, noise

from resonance.store import MemoryStore
from resonance.store.keys import taste_calibration_key
from resonance.store.protocol import StoredObject
from resonance.v1 import extract_pb2
from resonance_extract.calibration import plans
from resonance_extract.calibration.conditions import Condition, Subject
from resonance_extract.calibration.range_store import RangeStore, merge_calibrations
from resonance_extract.calibration.renderings import Measured
from resonance_extract.calibration.safe_range import fit_safe_range
from resonance_extract.directions.statistics import Levels


def one_sided(strength: float) -> extract_pb2.Calibration:
    ends = {"strength_max" if strength > 0 else "strength_min": strength}
    return extract_pb2.Calibration(points=[extract_pb2.CalibrationPoint(strength=strength, passed=True)], **ends)


@pytest.fixture
def slowly(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads take a while, as of files and S3."""
    get = bench.store.get

    async def slow(key: str) -> StoredObject:
        found = await get(key)
        await asyncio.sleep(0.01)
        return found

    monkeypatch.setattr(bench.store, "get", slow)


@pytest.mark.usefixtures("slowly")
async def test_two_sides_that_are_measured_at_once_are_both_in_force(bench: Bench) -> None:
    ranges, concept = RangeStore(bench.concepts, bench.store), await bench.concepts.get("rush")
    subject = subject_of(concept="rush", vector_sha256=concept.vector_sha256)
    await asyncio.gather(ranges.put(subject, one_sided(-0.3)), ranges.put(subject, one_sided(0.4)))
    found = (await bench.concepts.get("rush")).calibration
    assert (found.strength_min, found.strength_max) == (-0.3, 0.4)
    taste = subject_of(taste_id="t-one", vector_sha256="a" * 64)
    await asyncio.gather(ranges.put(taste, one_sided(-0.3)), ranges.put(taste, one_sided(0.4)))
    stored = await bench.store.get(taste_calibration_key("t-one", "a" * 64))
    found = json_format.Parse(stored.data, extract_pb2.Calibration())
    assert (found.strength_min, found.strength_max) == (-0.3, 0.4)


def test_a_kept_side_of_an_older_version_without_a_remap_is_a_straight_line() -> None:
    before = extract_pb2.Calibration(strength_min=-0.6, strength_max=0.8)
    found = one_sided(0.4)
    found.remap.extend([extract_pb2.RemapPoint(), extract_pb2.RemapPoint(position=1, strength=0.4)])
    whole = merge_calibrations(found, before, cautious=1.0)
    assert [(knot.position, knot.strength) for knot in whole.remap] == [(-1.0, -0.6), (0.0, 0.0), (1.0, 0.4)]


async def test_a_damaged_range_of_a_taste_is_measured_again(bench: Bench) -> None:
    taste = await make_taste(bench, {0: noise(4.0)})
    key = taste_calibration_key(taste.taste_id, taste.vector_sha256)
    await bench.store.put(key, b"{}")
    assert isinstance(bench.store, MemoryStore)
    bench.store._objects[key] = (b"damaged", bench.store._objects[key][1])
    assert await bench.tastes.calibration(taste.taste_id) is None
    calibration_jobs = bench.calibration_jobs()
    wanted = asked(concept="", taste_id=taste.taste_id, prompts=["jazz"])
    calibration_job = await finished(calibration_jobs, (await calibration_jobs.start(wanted)).calibration_job_id)
    assert calibration_job.state == COMPLETED
    found = await bench.tastes.calibration(taste.taste_id)
    assert found is not None
    assert found.strength_max == calibration_job.calibration.strength_max


async def test_a_taste_is_calibrated_with_the_levels_of_its_own_music(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Levels | None] = []

    def calibrated(measured: Mapping[Condition, Measured], *, own: Levels | None = None) -> extract_pb2.Calibration:
        used.append(own)
        return fit_safe_range(measured, own=own)

    monkeypatch.setattr(plans, "fit_safe_range", calibrated)
    tracks = {0: 0.1 * noise(4.0, 1), 1: 2 * noise(4.0, 2), 2: noise(4.0, 3)}
    taste = await make_taste(bench, tracks)
    calibration_jobs = bench.calibration_jobs()
    for subject in ({"concept": "", "taste_id": taste.taste_id}, {}):
        wanted = asked(**subject, prompts=["jazz"], strengths=[0.5])
        assert (
            await finished(calibration_jobs, (await calibration_jobs.start(wanted)).calibration_job_id)
        ).state == COMPLETED
    own, of_concept = used
    assert own is not None
    assert (own.quietest, own.loudest) == (pytest.approx(0.01, rel=0.05), pytest.approx(0.2, rel=0.05))
    assert of_concept is None


async def test_levels_of_tracks_that_are_not_kept_are_not_guessed(bench: Bench) -> None:
    taste = await make_taste(bench, {0: noise(4.0, 1), 1: noise(4.0, 2)})
    keys = [key async for key in bench.store.keys("tracks/")]
    await bench.store.delete(keys[0])
    assert await bench.tastes.levels(taste) is None


def subject_of(*, concept: str = "", taste_id: str = "", vector_sha256: str) -> Subject:
    return Subject(
        concept=concept,
        taste_id=taste_id,
        direction=None,
        vector_sha256=vector_sha256,
        best_layers=(),  # type: ignore[arg-type]
    )

"""Replay of calibration jobs: workflow code goes on with the histories of every released version.

`RECORD=1 pytest tests/unit/extract/test_calibration_replay.py` writes the histories of the present version anew. A change of the
workflows that breaks an old history needs `workflow.patched`, and the histories of the version before stay.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import pytest
from support.extracting import CANCELLED, COMPLETED, FAILED, Bench, asked, finished, until
from support.histories import record_history, replay
from support.polling import eventually

from resonance.v1 import extract_pb2
from resonance_extract.adoption.workflow import AdoptModel
from resonance_extract.calibration.measuring import CalibrationMeasuring
from resonance_extract.calibration.workflow import Calibrate, MakeReference, ScanLayers
from resonance_extract.tastes.sweep_workflow import SweepTastes

VERSION = 1
FOLDER = Path(__file__).parent / "histories"
RECORDED = sorted(FOLDER.glob("*.json"))
record = pytest.mark.skipif(not os.environ.get("RECORD"), reason="RECORD=1 writes the histories anew")


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_history_is_replayed(path: Path) -> None:
    await replay(path, [AdoptModel, Calibrate, ScanLayers, MakeReference, SweepTastes])


def test_there_are_histories_of_this_version() -> None:
    kinds = {"adopted", "calibrated", "joined", "failed", "cancelled", "scanned", "reference", "swept"}
    assert {path.stem for path in RECORDED} >= {f"{kind}-{VERSION}" for kind in kinds}


@record
async def test_histories_are_recorded(bench: Bench) -> None:
    jobs = bench.calibration_jobs()

    async def write(kind: str, calibration_job_id: str) -> None:
        await record_history(bench.settings.engine, calibration_job_id, FOLDER / f"{kind}-{VERSION}.json")

    async def run(kind: str, request: extract_pb2.StartCalibrationJobRequest, state: int = COMPLETED) -> None:
        job = await finished(jobs, (await jobs.start(request)).calibration_job_id)
        assert job.state == state
        await jobs._engine.await_end(job.calibration_job_id)
        await write(kind, job.calibration_job_id)

    await run("calibrated", asked())
    await run("scanned", asked(kind=extract_pb2.CALIBRATION_JOB_KIND_LAYERS, strengths=[], prompts=["jazz"]))
    prompts = [f"music {index}" for index in range(4)]
    kind = extract_pb2.CALIBRATION_JOB_KIND_REFERENCE
    await run("reference", extract_pb2.StartCalibrationJobRequest(kind=kind, prompts=prompts, clip_s=1.0))
    bench.renderer.pause_s = 0.1
    started = await jobs.start(asked(strengths=[0.5]))
    await until(jobs, started.calibration_job_id, 1)
    await jobs.start(asked(strengths=[0.5]))
    assert (await finished(jobs, started.calibration_job_id)).state == COMPLETED
    await jobs._engine.await_end(started.calibration_job_id)
    await write("joined", started.calibration_job_id)
    started = await jobs.start(asked(strengths=[0.7]))
    await until(jobs, started.calibration_job_id, 1)
    assert (await jobs.cancel(started.calibration_job_id)).state == CANCELLED
    await write("cancelled", started.calibration_job_id)
    bench.renderer.fails = True
    await run("failed", asked(strengths=[0.9]), FAILED)


async def test_an_operator_sees_a_failed_job_as_failed_and_runs_it_once_more(bench: Bench) -> None:
    jobs, engine = bench.calibration_jobs(), bench.engines[-1]
    bench.renderer.fails = True
    job = await finished(jobs, (await jobs.start(asked())).calibration_job_id)
    await engine.await_end(job.calibration_job_id)
    state = await (await engine.overview()).find(job.calibration_job_id)
    assert state is not None
    assert (job.state, state.status, state.kind) == (FAILED, "failed", "Calibrate")
    bench.renderer.fails = False
    await (await engine.overview()).retry(job.calibration_job_id)

    async def is_completed() -> bool:
        return (await jobs.get(job.calibration_job_id)).state == COMPLETED

    await eventually(is_completed)


async def test_an_operator_cancels_a_job_and_its_owner_sees_it(bench: Bench) -> None:
    jobs, engine = bench.calibration_jobs(), bench.engines[-1]
    bench.renderer.pause_s = 60.0
    started = await jobs.start(asked())
    assert await engine.cancel(started.calibration_job_id, wait_s=30.0)
    assert (await jobs.get(started.calibration_job_id)).state == CANCELLED


async def test_a_cancellation_during_a_short_step_that_ends_well_is_not_lost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, engine = bench.calibration_jobs(), bench.engines[-1]
    bench.renderer.pause_s = 60.0
    is_listing, list_missing = asyncio.Event(), CalibrationMeasuring.list_missing

    async def slow(self: CalibrationMeasuring, calibration_job_id: str) -> list[str]:
        is_listing.set()
        with suppress(asyncio.CancelledError):  # the step ends before it hears of the cancellation
            await asyncio.sleep(1.0)
        return await list_missing(self, calibration_job_id)

    monkeypatch.setattr(CalibrationMeasuring, "list_missing", slow)
    started = await jobs.start(asked())
    await asyncio.wait_for(is_listing.wait(), 30)
    assert await engine.cancel(started.calibration_job_id, wait_s=30.0)
    assert (await jobs.get(started.calibration_job_id)).state == CANCELLED

"""Sweep of stored tastes: damaged, whole and lost descriptions."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from pathlib import Path

from support.engine_server import engine_url, own_engine  # noqa: F401  (fixtures)
from support.histories import record_history
from support.polling import eventually

from resonance.api_keys import ApiKeys
from resonance.durable import Engine, Schedule, WorkFilter, WorkState
from resonance.errors import DataLoss
from resonance.identity import acting_as
from resonance.settings import Settings
from resonance.store.files import FileStore
from resonance.store.keys import job_key, taste_key
from resonance.store.owned import OwnedStore
from resonance_extract.tastes.sweep import SWEEP_TASTES, TASK_QUEUE, TasteSweeper
from resonance_extract.tastes.sweep_workflow import worker_plans

TASTE = {"taste_id": "t-1", "title": "Evening"}


def damage(root: Path, key: str) -> None:
    path = root / "objects" / f"{key},1"
    path.write_bytes(b"x" + path.read_bytes()[1:])


async def test_a_damaged_taste_is_written_again_from_its_job(tmp_path: Path) -> None:
    store = OwnedStore(FileStore(tmp_path))
    _, key = await ApiKeys(store).issue("Ada")
    for owner in ("", key.owner):
        with acting_as(owner):
            await store.put(taste_key("t-1"), json.dumps(TASTE).encode())
            await store.put(job_key("t-1"), json.dumps({"job_id": "t-1", "taste": TASTE}).encode())
        damage(tmp_path, f"users/{owner}/{taste_key('t-1')}" if owner else taste_key("t-1"))
    await TasteSweeper(store).sweep()
    for owner in ("", key.owner):
        with acting_as(owner):
            assert json.loads((await store.get(taste_key("t-1"))).data) == TASTE


async def test_a_damaged_taste_without_a_copy_stays_damaged_and_stops_no_other(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    copies = {"t-0": None, "t-1": b"[]", "t-2": b'{"taste": null}', "t-3": json.dumps({"taste": TASTE}).encode()}
    for taste_id, job in copies.items():
        await store.put(taste_key(taste_id), b"{}")
        damage(tmp_path, taste_key(taste_id))
        if job is not None:
            await store.put(job_key(taste_id), job)
    await TasteSweeper(store).sweep()
    damaged = []
    for taste_id in copies:
        try:
            await store.get(taste_key(taste_id))
        except DataLoss:
            damaged.append(taste_id)
    assert damaged == ["t-0", "t-1", "t-2"]


async def test_the_engine_sweeps_by_a_schedule_and_the_process_itself_does_not(own_engine: str, tmp_path: Path) -> None:  # noqa: F811
    store = FileStore(tmp_path)
    await store.put(taste_key("t-1"), json.dumps(TASTE).encode())
    await store.put(job_key("t-1"), json.dumps({"job_id": "t-1", "taste": TASTE}).encode())
    damage(tmp_path, taste_key("t-1"))
    sweeper, engine = TasteSweeper(store), Engine(Settings(engine=own_engine))

    async def nothing_is_open() -> None:
        """A sweep is no open work."""

    schedule = Schedule(kind=SWEEP_TASTES, task_queue=TASK_QUEUE, every_s=1.0)
    engine.serve(lambda: worker_plans(sweeper), nothing_is_open, schedules=[schedule])
    itself = asyncio.create_task(sweeper.run(while_true=lambda: not engine.is_remote))
    try:

        async def is_whole() -> bool:
            with suppress(DataLoss):
                return json.loads((await store.get(taste_key("t-1"))).data) == TASTE
            return False

        assert not await is_whole()
        await eventually(is_whole)
        overview = await engine.overview()

        async def swept() -> list[WorkState]:
            return await overview.list(WorkFilter(kind=SWEEP_TASTES, status="completed"))

        states = await eventually(swept)
        if os.environ.get("RECORD"):
            await record_history(own_engine, states[0].work_id, Path(__file__).parent / "histories" / "swept-1.json")
    finally:
        itself.cancel()
        await asyncio.wait({itself})
        await engine.close()

"""Replay of playlists: workflow code goes on with the histories of every released version.

`RECORD=1 pytest tests/contract/ingest/test_taste_replay.py` writes the histories of the present version anew. A change of the workflows
that breaks an old history needs `workflow.patched`, and the histories of the version before stay.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import sounds
from support.histories import record_history, replay
from support.scripted_extract import ScriptedExtract

from resonance.errors import InvalidInput
from resonance.v1 import ingest_pb2, jobs_pb2
from resonance_ingest.workflow import MakeTaste, SweepObjects

VERSION = 1
FOLDER = Path(__file__).parent / "histories"
RECORDED = sorted(FOLDER.glob("*.json"))
record = pytest.mark.skipif(not os.environ.get("RECORD"), reason="RECORD=1 writes the histories anew")


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_history_is_replayed(path: Path) -> None:
    await replay(path, [MakeTaste, SweepObjects])


def test_there_are_histories_of_this_version() -> None:
    kinds = {"made", "refused", "useless", "cancelled"}
    assert {path.stem for path in RECORDED} >= {f"{kind}-{VERSION}" for kind in kinds}


@record
async def test_histories_are_recorded(open_system: Callable[..., Any], tmp_path: Path) -> None:
    songs = {f"{n}.flac": sounds.sound_bytes("flac", tmp_path, duration_s=12.0, pitch_hz=90.0 * n) for n in (1, 2, 3)}
    extract = ScriptedExtract()
    async with open_system(extract=extract) as system:

        async def write(kind: str, job_id: str) -> None:
            assert await system.engine.await_end(job_id)
            await record_history(system.settings.engine, job_id, FOLDER / f"{kind}-{VERSION}.json")

        await write("made", (await system.done(await system.upload(songs))).job_id)
        await write("useless", (await system.done(await system.upload({"a.mp3": b"no"}))).job_id)
        extract.fails_with = [InvalidInput("no clip lies within the chosen ranges", reason="EMPTY_SELECTION")]
        await write("refused", (await system.done(await system.upload(songs))).job_id)
        extract.cached.clear()
        extract.pause_s = 60.0
        job = await system.upload(songs)
        watched = system.stub.WatchJob(ingest_pb2.WatchJobRequest(job_id=job.job_id))
        async for response in watched:
            if response.job.state == jobs_pb2.JOB_STATE_EXTRACTING:
                break
        watched.cancel()
        await system.stub.CancelJob(ingest_pb2.CancelJobRequest(job_id=job.job_id))
        await write("cancelled", job.job_id)

"""Replay: workflow code goes on with the histories of every released version.

`RECORD=1 pytest tests/contract/video/test_replay.py` writes the histories of the present version anew. A change of the workflows that
breaks an old history needs `workflow.patched`, and the histories of the version before stay.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.histories import record_history, replay
from temporalio import workflow

from resonance.v1 import video_pb2
from resonance_video.workflow import MakeScene, MakeVideo

VERSION = 1
FOLDER = Path(__file__).parent / "histories"
RECORDED = sorted(FOLDER.glob("*.json"))
record = pytest.mark.skipif(not os.environ.get("RECORD"), reason="RECORD=1 writes the histories anew")


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_history_is_replayed(path: Path) -> None:
    await replay(path, [MakeVideo, MakeScene])


def test_there_are_histories_of_this_version() -> None:
    kinds = {"made", "redone", "reviewed", "failed", "cancelled", "scene", "scene-failed"}
    assert {path.stem for path in RECORDED} >= {f"{kind}-{VERSION}" for kind in kinds}


@workflow.defn(name="MakeVideo", sandboxed=False)
class HastyVideo:
    """MakeVideo in another order of steps."""

    @workflow.run
    async def run(self, argument: dict[str, str]) -> None:
        await workflow.execute_activity("video_plan", argument, start_to_close_timeout=timedelta(seconds=1))


async def test_another_order_of_steps_is_noticed() -> None:
    with pytest.raises(workflow.NondeterminismError):
        await replay(FOLDER / f"made-{VERSION}.json", [HastyVideo])


@record
async def test_histories_are_recorded(studio: Any) -> None:
    made = await studio.done(await studio.create())
    await _write(studio, "made", made.video_id)
    shot_id = made.shots[0].id
    await _write(studio, "scene", f"{made.video_id}/{shot_id}/1")
    redo = video_pb2.RedoSceneRequest(video_id=made.video_id, shot_id=shot_id)
    await studio.done((await studio.stub.RedoScene(redo)).video)
    await _write(studio, "redone", made.video_id)
    studio.scenes.set(f"refuse-{shot_id}")
    failed = await studio.done((await studio.stub.RedoScene(redo)).video)
    await _write(studio, "failed", failed.video_id)
    await _write(studio, "scene-failed", f"{made.video_id}/{shot_id}/3")
    reviewed = await studio.done(await studio.create(review=True))
    await _write(studio, "reviewed", reviewed.video_id)
    studio.scenes.set("hold")
    cancelled = await studio.create()
    await studio.begun(studio.scenes.begun() + 1)
    await studio.stub.CancelVideo(video_pb2.CancelVideoRequest(video_id=cancelled.video_id))
    await _write(studio, "cancelled", cancelled.video_id)


async def _write(studio: Any, kind: str, work_id: str) -> None:
    await record_history(studio.settings.engine, work_id, FOLDER / f"{kind}-{VERSION}.json")

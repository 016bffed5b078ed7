"""Python client and command line: a video into a file."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.filming import TAKE_ID
from support.polling import eventually

from resonance.client import AsyncClient
from resonance.durable import WorkFilter
from resonance.errors import NotFound, ResonanceError
from resonance.v1 import video_pb2


async def test_the_client_makes_redoes_and_saves_a_video(studio: Any, tmp_path: Path) -> None:
    states = []
    async with AsyncClient(studio.address) as client:
        video = await client.videos.make(TAKE_ID, "a road in the rain", seed=5, on_change=states.append)
        assert video.state == video_pb2.VIDEO_STATE_COMPLETED
        assert len(states) > 2
        file = await client.videos.save(video.video_id, tmp_path / "film.mp4")
        data = (tmp_path / "film.mp4").read_bytes()
        assert hashlib.sha256(data).hexdigest() == file.sha256
        again = await client.videos.redo(video.video_id, video.shots[0].id, "darker")
        assert again.shots[0].chosen == 2
        with pytest.raises(NotFound):
            await client.videos.make("unknown", "a road")
        studio.scenes.set(f"refuse-{video.shots[0].id}")
        with pytest.raises(ResonanceError, match="refused"):
            await client.videos.redo(video.video_id, video.shots[0].id)


async def test_the_command_writes_a_file_for_each_aspect(studio: Any, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    song.write_bytes(bytes(5000))
    command = [
        sys.executable,
        "-m",
        "resonance_cli",
        "video",
        str(song),
        "a quiet shore",
        "-o",
        str(tmp_path / "v.mp4"),
    ]
    process = await asyncio.create_subprocess_exec(
        *command,
        *("--aspect", "9:16", "--aspect", "1:1", "--share", "--address", studio.address),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith("RESONANCE_")},
    )
    printed, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    assert printed.decode().strip().startswith("v-")
    assert sorted(path.name for path in tmp_path.glob("v*")) == ["v-1x1.mp4", "v-9x16.mp4"]


@pytest.mark.slow
async def test_an_operator_lists_retries_and_cancels_work(studio: Any) -> None:
    studio.scenes.set("refuse-shot-001")
    failed = await studio.done(await studio.create())
    assert failed.state == video_pb2.VIDEO_STATE_FAILED
    studio.scenes.set("refuse-shot-001", on=False)
    shown = await _work(studio, "show", failed.video_id)
    assert f"work_id: {failed.video_id}" in shown
    assert "kind: MakeVideo" in shown
    assert "it runs again" in await _work(studio, "retry", failed.video_id)

    async def is_completed() -> bool:
        return (await studio.get(failed.video_id)).state == video_pb2.VIDEO_STATE_COMPLETED

    await eventually(is_completed)
    assert sum(studio.scenes.made().values()) == len(failed.shots)
    studio.scenes.set("hold")
    running = await studio.create()
    await studio.begun(studio.scenes.begun() + 1)

    async def is_listed() -> bool:
        return running.video_id in [
            state.work_id for state in await (await studio.video.engine.overview()).list(WorkFilter(status="running"))
        ]

    await eventually(is_listed)
    assert running.video_id in await _work(studio, "list", "--status", "running", "--limit", "1000")
    assert "it has ended" in await _work(studio, "cancel", running.video_id)
    assert (await studio.get(running.video_id)).state == video_pb2.VIDEO_STATE_CANCELLED
    assert "[NO_SUCH_WORK]" in await _work(studio, "show", "nobody", status=1)


async def _work(studio: Any, *arguments: str, status: int = 0) -> str:
    """What `resonance work` prints with the settings of the service."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RESONANCE_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "resonance_cli", "work", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**kept, "RESONANCE_ENGINE": studio.settings.engine},
    )
    printed, _ = await process.communicate()
    assert process.returncode == status, printed.decode()
    return printed.decode()

"""Video service as a process that tests kill and start again.

`python -m support.video_process STORE DATA SCENES TAKES ADDRESS` runs the service with plain scenes on an engine of its own.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc

from resonance.rpc import RpcServer
from resonance.settings import Settings
from resonance.store import open_store
from resonance.v1 import video_pb2, video_pb2_grpc
from resonance_video.build import open_video
from support.filming import PlainScenes, plain_assembly, plain_song_map


class VideoProcess:
    """One service at one address. Several of them may share store, data folder and scenes."""

    def __init__(self, folder: Path, takes: str, *, name: str = "one") -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.data_dir, self.store = folder / "data", f"file:{folder / 'store'}"
        self.log = folder / f"{name}.log"
        self._arguments = [self.store, str(self.data_dir), str(folder / "scenes"), takes, self.address]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "support.video_process", *self._arguments],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def kill_engine(self) -> int:
        """Kills the engine's server, if there is one, and returns how many there were."""
        pids = self.engine_pids()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(pids)

    def engine_pids(self) -> list[int]:
        """Servers that have this data folder's file open, by their command line."""
        file = str(self.data_dir / "engine" / "engine.db").encode()
        return [pid for pid, words in _commands() if file in words and words[0].endswith(b"temporal")]

    async def ready(self) -> None:
        async with asyncio.timeout(120), grpc.aio.insecure_channel(self.address) as channel:
            stub = video_pb2_grpc.VideoServiceStub(channel)
            while True:
                with suppress(grpc.aio.AioRpcError):
                    await stub.ListVideos(video_pb2.ListVideosRequest(), timeout=2)
                    return
                await asyncio.sleep(0.1)


def _commands() -> list[tuple[int, list[bytes]]]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                found.append((int(entry.name), words))
    return found


async def _serve(store_url: str, data_dir: str, scenes: str, takes: str, address: str) -> None:
    settings = Settings(
        store=store_url,
        data_dir=Path(data_dir),
        generate_addr=takes,
        grpc_addr=address,
        c2pa=False,
        scenes_running_max=2,
    )
    store = await open_store(settings)
    providers: dict[str, Any] = {"plain": PlainScenes(Path(scenes))}
    async with open_video(settings, store, providers, listen=plain_song_map, assemble=plain_assembly) as video:
        server = RpcServer(address)
        video.add_to(server)
        await server.start()
        await server.wait()


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))

"""Extract service as a process that tests kill and start again."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import grpc

from resonance.rpc import open_channel
from resonance.v1 import extract_pb2, extract_pb2_grpc


class ExtractProcess:
    """`python -m resonance_extract` at one address, killed and started again."""

    def __init__(self, model: Path, data_dir: Path, *, adoption: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RESONANCE_")}
        self._environment = {
            **kept,
            "RESONANCE_GRPC_ADDR": self.address,
            "RESONANCE_DATA_DIR": str(data_dir),
            "RESONANCE_MODEL": str(model),
            "RESONANCE_ADOPTION": adoption,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "resonance_extract"]
        self._process = subprocess.Popen(command, env=self._environment, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def ready(self) -> None:
        async with asyncio.timeout(300), open_channel(self.address) as channel:
            while True:
                try:
                    stub = extract_pb2_grpc.ExtractServiceStub(channel)
                    await stub.GetExtractor(extract_pb2.GetExtractorRequest(), timeout=2)
                    return
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(0.2)

    async def adoption(self) -> extract_pb2.Adoption:
        async with open_channel(self.address) as channel:
            stub = extract_pb2_grpc.ExtractServiceStub(channel)
            return (await stub.GetAdoption(extract_pb2.GetAdoptionRequest())).adoption

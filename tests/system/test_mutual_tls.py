"""Mutual TLS between processes: gateway and generate, the Python client, the command line, renewal under a running system."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
import trustme
from support.certificates import write_tls
from support.s3 import free_ports
from tests.system.test_tracing import process, until_made

from resonance.client import AsyncClient
from resonance.errors import Unavailable


async def test_a_system_over_mutual_tls_plays_refuses_strangers_and_takes_new_certificates_over(
    tmp_path: Path, tiny_folder: Path
) -> None:
    grpc_port, http_port, health_port = free_ports(3)
    address, authority = f"127.0.0.1:{grpc_port}", trustme.CA()
    inside, mine = write_tls(tmp_path / "inside", authority), write_tls(tmp_path / "mine", authority)
    common = {
        "RESONANCE_TLS_DIR": str(inside),
        "RESONANCE_STORE": f"file:{tmp_path / 'store'}",
        "RESONANCE_MODEL": str(tiny_folder),
        "RESONANCE_MEMORY_CHECK": "off",
    }
    gateway = {"RESONANCE_HTTP_ADDR": f"127.0.0.1:{http_port}", "RESONANCE_DATA_DIR": str(tmp_path / "gateway")} | {
        f"RESONANCE_{name}_ADDR": address for name in ("INGEST", "EXTRACT", "GENERATE", "VIDEO", "SPEECH")
    }
    generate = {
        "RESONANCE_GRPC_ADDR": address,
        "RESONANCE_HEALTH_ADDR": f"127.0.0.1:{health_port}",
        "RESONANCE_DATA_DIR": str(tmp_path / "generate"),
    }
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(process("resonance_generate", common | generate, tmp_path / "generate.log"))
        await stack.enter_async_context(process("resonance_gateway", common | gateway, tmp_path / "gateway.log"))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=f"http://127.0.0.1:{http_port}", timeout=30))
        await until_made(http)
        async with AsyncClient(address, tls_dir=str(mine)) as client:
            song = await client.make("calm piano", duration_s=2)
            assert len(song.pcm) == 2 * 2 * song.take.format.sample_rate_hz
        async with AsyncClient(address) as stranger:
            with pytest.raises(Unavailable):
                await stranger.model()
        listed = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "resonance_cli", "models", "--address", address],
            env=os.environ | {"RESONANCE_TLS_DIR": str(mine)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        renewed = trustme.CA()
        write_tls(inside, renewed)
        await asyncio.sleep(1.1)
        answer = await http.post("/v1/generations", json={"prompt": "calm piano", "duration_s": 2})
        assert answer.status_code == 200, answer.text
        async with AsyncClient(address, tls_dir=str(mine)) as client:
            with pytest.raises(Unavailable, match=r"not of the authority in ca\.crt of RESONANCE_TLS_DIR"):
                await client.model()
    assert listed.returncode == 0, listed.stderr


@pytest.mark.parametrize("package", ["resonance_generate", "resonance_gateway"])
def test_a_process_does_not_start_with_a_half_present_folder(tmp_path: Path, package: str) -> None:
    folder = write_tls(tmp_path / "tls", trustme.CA())
    (folder / "ca.crt").unlink()
    ended = subprocess.run(
        [sys.executable, "-m", package],
        env=os.environ
        | {
            "RESONANCE_TLS_DIR": str(folder),
            "RESONANCE_DATA_DIR": str(tmp_path),
            "RESONANCE_GRPC_ADDR": "127.0.0.1:0",
            "RESONANCE_HTTP_ADDR": "127.0.0.1:0",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 1
    (line,) = (line for line in ended.stderr.splitlines() if "RESONANCE_TLS_DIR" in line)
    assert line.startswith("resonance: RESONANCE_TLS_DIR: ")
    assert "ca.crt cannot be read (No such file or directory); it must hold tls.crt, tls.key and ca.crt" in line

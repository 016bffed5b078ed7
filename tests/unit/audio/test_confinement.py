"""Confinement: forbidden acts, tried inside a child process."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

_CONFINED = """
import os, socket, sys
from resonance.audio import confinement
left = confinement.leave_network()
kept = open(sys.executable, "rb")
{limits}
try:
    {attempt}
    print("done")
except BaseException as failure:
    print(type(failure).__name__, failure)
"""


def confined(attempt: str, limits: str = "confinement.forbid_files()") -> str:
    code = _CONFINED.format(attempt=attempt, limits=limits)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, check=False
    )
    return done.stdout.strip() or f"killed by {-done.returncode}"


@pytest.mark.parametrize(
    "attempt",
    ["open('/etc/hostname')", "open('made', 'w')", "socket.socket()", "os.pipe()", "os.popen('true').read()"],
)
def test_no_file_can_be_opened(attempt: str) -> None:
    assert "Too many open files" in confined(attempt)


def test_an_open_file_can_still_be_read() -> None:
    assert confined("kept.read(4) == b'' or 1") == "done"


def test_where_the_system_allows_it_there_is_no_network_at_all() -> None:
    output = confined("print(left); socket.create_connection(('127.0.0.1', 9), 2)", limits="")
    if output.startswith("False"):
        pytest.skip("this system gives no network namespaces to ordinary programs")
    assert "unreachable" in output


def test_memory_is_capped() -> None:
    limits = "confinement.limit_resources(cpu_s=10, memory_bytes=100_000_000, file_bytes=1000)"
    assert confined("bytearray(200_000_000)", limits).startswith("MemoryError")


def test_a_file_does_not_grow_beyond_its_cap(tmp_path: Path) -> None:
    limits = "confinement.limit_resources(cpu_s=10, memory_bytes=10**9, file_bytes=1000)"
    path = str(tmp_path / "file")
    output = confined(f"[open({path!r}, 'ab', 0).write(bytes(600)) for _ in range(3)]", limits)
    assert "File too large" in output


def test_processor_time_is_capped() -> None:
    limits = "confinement.limit_resources(cpu_s=1, memory_bytes=10**9, file_bytes=1000)"
    assert confined("exec('while True: pass')", limits).startswith("killed by")


def test_a_child_whose_parent_died_ends() -> None:
    code = "from resonance.audio import confinement; import time; confinement.die_with_parent(); print('up', flush=True); time.sleep(60)"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdout.readline()
    started_s = time.monotonic()
    child.stdin.close()
    assert child.wait(timeout=10) == -9
    assert time.monotonic() - started_s < 5
    child.stdout.close()

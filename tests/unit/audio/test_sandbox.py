"""Child runner: process group end, deadline, cancellation, output limit."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from resonance.audio.sandbox import run_child


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Writes a module for a child and returns its name."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def write(source: str) -> str:
        (tmp_path / "child.py").write_text(source)
        return "child"

    return write


def is_alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def has_ended(pid: int) -> bool:
    """True where the process ends within a second: the kernel reaps an orphan later."""
    for _ in range(100):
        if not is_alive(pid):
            return True
        await asyncio.sleep(0.01)
    return False


_GRANDCHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
{then}
"""


async def test_lines_and_the_complaint_come_back(module, tmp_path: Path) -> None:
    name = module("import sys\nprint('one')\nprint(sys.argv[1:])\nsys.stderr.write('oh')\nsys.exit(3)")
    result = await run_child(name, ["two", "3"], folder=tmp_path, timeout_s=20)
    assert (result.lines, result.complaint) == ([b"one", b"['two', '3']"], "oh")
    assert (result.return_code, result.timed_out) == (3, False)


async def test_the_environment_holds_no_secrets(module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESONANCE_S3_SECRET_KEY", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    name = module("import os\nprint(sorted(os.environ))")
    (line,) = (await run_child(name, [], folder=tmp_path, timeout_s=20)).lines
    assert b"RESONANCE" not in line
    assert b"PROXY" not in line


@pytest.mark.parametrize("then", ["time.sleep(60)", "sys.exit(0)"])
async def test_the_children_of_a_child_end_with_it(module, tmp_path: Path, then: str) -> None:
    lines: list[bytes] = []
    name = module(_GRANDCHILD.format(then=then))
    result = await run_child(name, [], folder=tmp_path, timeout_s=2, on_line=lines.append)
    assert result.timed_out, "a grandchild that holds the pipe is waited for until the deadline, and then killed"
    assert await has_ended(int(lines[0]))


async def test_cancelling_ends_the_whole_group(module, tmp_path: Path) -> None:
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    name = module(_GRANDCHILD.format(then="time.sleep(60)"))
    task = asyncio.create_task(run_child(name, [], folder=tmp_path, timeout_s=60, on_line=lines.put_nowait))
    grandchild = int(await lines.get())
    started_s = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started_s < 10.0
    assert await has_ended(grandchild)


@pytest.mark.parametrize("source", ["while True: print('x' * 1000)", "print('x' * 10_000_000)"])
async def test_a_child_that_prints_too_much_is_killed(module, tmp_path: Path, source: str) -> None:
    result = await run_child(module(source), [], folder=tmp_path, timeout_s=30)
    assert not result.timed_out
    assert result.return_code == -9
    assert sum(map(len, result.lines)) < 2_000_000


async def test_no_module_is_imported_from_the_folder_of_the_untrusted_file(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("import os; os.abort()")
    result = await run_child("json.tool", ["--help"], folder=tmp_path, timeout_s=20)
    assert result.return_code == 0


async def test_cancellations_at_many_moments_leave_no_process_and_no_descriptor(module, tmp_path: Path) -> None:
    name = module("import time; time.sleep(60)")

    async def one(after_s: float) -> None:
        task = asyncio.create_task(run_child(name, [], folder=tmp_path, timeout_s=60))
        await asyncio.sleep(after_s)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    await one(0.1)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(20):
        await one(number * 0.003)
    await asyncio.sleep(0.05)
    assert len(os.listdir("/proc/self/fd")) <= before + 1

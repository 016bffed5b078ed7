"""Child process runner: untrusted data, process group, deadline.

The child is a Python module. Its process group dies with this process.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

_OUTPUT_BYTES_MAX = 1024 * 1024
_LINE_BYTES_MAX = 256 * 1024
# The child inherits only what Python needs to start: no proxies, keys or settings.
_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "SYSTEMROOT", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildResult:
    """Result of a child. `return_code` is negative for a signal; `timed_out` says that the deadline killed it."""

    return_code: int
    timed_out: bool
    lines: list[bytes]
    complaint: str


async def run_child(
    module: str,
    arguments: Sequence[str],
    *,
    folder: Path,
    timeout_s: float,
    on_line: Callable[[bytes], None] | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
    python: str = sys.executable,
) -> ChildResult:
    """Runs `python -m module arguments...` in `folder` and waits for its end; a module that ends in `.py` is a file that is run.

    Its lines on standard output go to `on_line` as they come, or else into the result. `environment` is added to the
    few variables that Python needs. Whatever happens - the deadline, cancellation, an error here - the child and
    everything it started is killed before this returns. If this process is killed, the child's standard input ends and
    the child kills its own group (see `confinement`).
    """
    async with _started(_command(python, module, arguments), folder, environment) as process:
        lines: list[bytes] = []
        timed_out, complaint = False, b""
        try:
            async with asyncio.timeout(timeout_s):
                _, complaint = await asyncio.gather(
                    _read_lines(process, on_line or lines.append), _read_complaint(process)
                )
                await process.wait()
        except TimeoutError:
            timed_out = True
    assert process.returncode is not None
    text = complaint.decode(errors="replace").strip()
    return ChildResult(return_code=process.returncode, timed_out=timed_out, lines=lines, complaint=text)


@asynccontextmanager
async def _started(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    starting = asyncio.ensure_future(_start(command, folder, environment))
    try:
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _end(await starting)  # a child that starts during the cancellation is killed too
        raise
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    _kill_group(process)
    if process.stdin is not None:
        process.stdin.close()
    await _reap(process)


def _command(python: str, module: str, arguments: Sequence[str]) -> list[str]:
    # -P: no module is imported from the folder of the untrusted file.
    return [python, "-P", *([module] if module.endswith(".py") else ["-m", module]), *arguments]


async def _start(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**_environment(folder), **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES_MAX,
        start_new_session=True,
    )


def _environment(folder: Path) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return {**inherited, **one_thread, "HOME": str(folder), "TMPDIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


def _kill_group(process: asyncio.subprocess.Process) -> None:
    # The group lives as long as any member: it is killed even where the child itself has ended.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def _reap(process: asyncio.subprocess.Process) -> None:
    """Waits for a killed child, also under a second cancellation: the kernel needs only a moment."""
    waiting = asyncio.ensure_future(process.wait())
    try:
        await asyncio.shield(waiting)
    except asyncio.CancelledError:
        await waiting
        raise


async def _read_lines(process: asyncio.subprocess.Process, on_line: Callable[[bytes], None]) -> None:
    """Passes each line on. A child that writes too much, in all or in one line, is killed."""
    assert process.stdout is not None
    byte_count = 0
    while byte_count <= _OUTPUT_BYTES_MAX:
        try:
            line = await process.stdout.readline()
        except ValueError:
            break
        if not line:
            return
        byte_count += len(line)
        on_line(line.rstrip(b"\n"))
    _kill_group(process)


async def _read_complaint(process: asyncio.subprocess.Process) -> bytes:
    """The last 4 kB of standard error. All of it is read, so that the child never blocks on a full pipe."""
    assert process.stderr is not None
    last = b""
    while block := await process.stderr.read(65536):
        last = (last + block)[-4096:]
    return last

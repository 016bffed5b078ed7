"""Confinement of a child process before it reads untrusted files.

It imports the standard library only, because it runs before other imports.
"""

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
    """A child's refusal of untrusted data: a reason for programs and a message for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def leave_network() -> bool:
    """Moves this process into a network namespace without any interface. True where the system allows it.

    It must be called while the process has one thread. Where it is refused (macOS, some containers) the limit on open
    files of `forbid_files` still prevents new sockets.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.unshare(_CLONE_NEWNET) == 0 or libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0


def die_with_parent() -> None:
    """Kills this process group when standard input ends: the kernel closes it when the parent dies."""

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
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a full quota raises OSError instead


def forbid_files() -> None:
    """Forbids opening files, sockets and pipes from here on. Open ones stay open; import everything before."""
    highest = max(int(name) for name in os.listdir("/dev/fd"))
    _limit(resource.RLIMIT_NOFILE, highest + 1)
    while True:  # fill the unused descriptors below the limit
        try:
            os.dup(0)
        except OSError:
            return


def _limit(kind: int, value: int) -> None:
    with suppress(ValueError, OSError):  # a system may refuse one limit; the others hold
        resource.setrlimit(kind, (value, value))

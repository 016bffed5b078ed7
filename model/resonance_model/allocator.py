"""C allocator of this process: few arenas, free pages returned.

glibc keeps freed memory for later, in an arena per thread. Loading and reading allocate hundreds of megabytes once.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

_M_ARENA_MAX = -8  # glibc's malloc.h
_ARENAS_MAX = 4


@functools.cache
def _find_glibc() -> Any:
    """The C library of this process where it is glibc; None elsewhere (macOS, musl, Windows)."""
    try:
        library = ctypes.CDLL(None)
        return library if hasattr(library, "gnu_get_libc_version") else None
    except (OSError, TypeError):
        return None


def limit_arenas() -> None:
    """Lets all threads share four arenas. Without a limit glibc opens eight for every core, and each keeps what was freed in it."""
    if (library := _find_glibc()) is not None:
        library.mallopt(_M_ARENA_MAX, _ARENAS_MAX)


def release_free_pages() -> None:
    """Gives the free pages of all arenas back to the system. It takes milliseconds: call it after large work, never within a step."""
    if (library := _find_glibc()) is not None:
        library.malloc_trim(0)

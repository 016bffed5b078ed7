"""Output of a sound: a file that appears whole, or a stream into standard output, a pipe or a device.

Only a regular file is ever replaced, and a link is followed, not replaced.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO

STDOUT = "-"
# Names of open files of a process: what lies behind them is written into, whatever it is.
_OPEN_FILES = ("/dev/", "/proc/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An open output. `is_stream` is True where what was written cannot be changed afterwards, such as a header's length."""

    file: BinaryIO
    is_stream: bool


def is_stdout(path: Path) -> bool:
    """True for `-`, the customary name of standard output."""
    return str(path) == STDOUT


@contextmanager
def open_output(path: Path) -> Iterator[Output]:
    """The output of that name.

    A regular file, or one that is not there yet, is written beside its place and appears whole or not at all. Everything else (`-`, a
    FIFO, a device, an open file of this process) is written into while the bytes come.

    Raises:
        OSError: it cannot be written, in a sentence with the path that was given.
    """
    if is_stdout(path):
        if sys.stdout.isatty():
            raise OSError("standard output is a terminal; redirect it to a file or a pipe, or name a file with --out")
        yield Output(file=sys.stdout.buffer, is_stream=True)
        sys.stdout.buffer.flush()
    elif _is_stream(path):
        with _failures_named(path):
            device = path.open("wb", buffering=0)
        with device:
            yield Output(file=_Unbuffered(device), is_stream=True)  # type: ignore[arg-type]
    else:
        with _whole_file(path) as file:
            yield Output(file=file, is_stream=False)


class _Unbuffered:
    """A raw file whose `write` writes all bytes: a pipe may take fewer at once."""

    def __init__(self, file: RawIOBase) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) or 0 :]
        return len(data)


def _is_stream(path: Path) -> bool:
    place = Path(os.path.abspath(path))
    while True:
        if str(place).startswith(_OPEN_FILES):
            return True
        if not place.is_symlink():
            break
        place = Path(os.path.abspath(place.parent / os.readlink(place)))
    with suppress(OSError):
        return not stat.S_ISREG(path.stat().st_mode) and not path.is_dir()
    return False


@contextmanager
def _whole_file(path: Path) -> Iterator[BinaryIO]:
    with _failures_named(path):
        target = Path(os.path.realpath(path))  # a link stays a link, and its target is replaced
        if target.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        number, name = tempfile.mkstemp(prefix=".resonance-", suffix=".partial", dir=target.parent)
    partial = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
        with _failures_named(path):
            if target.exists():
                shutil.copymode(target, partial)
            else:
                partial.chmod(0o666 & ~_umask())
            partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


@contextmanager
def _failures_named(path: Path) -> Iterator[None]:
    """Names the path that was given, not one that is used on the way."""
    try:
        yield
    except FileNotFoundError:
        raise OSError(f"cannot write {path}: there is no folder {path.parent}") from None
    except OSError as failure:
        raise OSError(f"cannot write {path}: {failure.strerror or failure}") from None

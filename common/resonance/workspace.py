"""Workspace: temporary files of work in hand, one folder per process.

The folder is swept after a crash.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


class Workspace:
    """A folder of this process below `root`, held by a file lock for as long as the process lives.

    The lock tells a living owner from a dead one. A process id could not: ids are used again, also across containers.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        self.owner = secrets.token_hex(8)
        self._folder = root / self.owner
        self._lock = FileLock(root / f"{self.owner}.lock", thread_local=False)  # closed by another thread than opens it
        self._lock.acquire(blocking=False)
        self._folder.mkdir()

    @contextmanager
    def folder(self, work_id: str) -> Iterator[Path]:
        """An empty folder for one piece of work of this process; it is removed with all that it holds."""
        folder = self._folder / f"{work_id}-{secrets.token_hex(4)}"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if folder.exists():  # a thread that was writing put something back
                shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Removes the folder and releases the lock."""
        shutil.rmtree(self._folder, ignore_errors=True)
        Path(self._lock.lock_file).unlink(missing_ok=True)
        self._lock.release()


def _sweep(root: Path) -> None:
    """Removes the folders of processes that are gone."""
    for path in root.glob("*.lock"):
        with suppress(Timeout), FileLock(path, blocking=False):
            shutil.rmtree(path.with_suffix(""), ignore_errors=True)
            path.unlink(missing_ok=True)

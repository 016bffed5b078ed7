"""Where jobs keep their temporary files: one folder per process, gone with the job, swept after a crash."""

from __future__ import annotations

import fcntl
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Workspace:
    """A folder of this process below the data folder, held by a file lock for as long as the process lives.

    The lock, and not a process id, tells a living owner from a dead one: ids are used again, also across containers.
    """

    def __init__(self, data_dir: Path) -> None:
        root = data_dir / "ingest" / "work"
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        self.owner = secrets.token_hex(8)
        self._folder = root / self.owner
        self._lock = (root / f"{self.owner}.lock").open("ab")
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._folder.mkdir()

    @contextmanager
    def folder(self, job_id: str) -> Iterator[Path]:
        """An empty folder for one attempt at one job; it is removed with all that it holds."""
        folder = self._folder / f"{job_id}-{secrets.token_hex(4)}"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if folder.exists():  # a thread that was just writing put something back
                shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Removes the folder and lets go of the lock."""
        shutil.rmtree(self._folder, ignore_errors=True)
        Path(self._lock.name).unlink(missing_ok=True)
        self._lock.close()


def _sweep(root: Path) -> None:
    """Removes the folders of processes that are gone."""
    for lock in root.glob("*.lock"):
        with lock.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink(missing_ok=True)

"""File store: atomic, checksummed files, safe for concurrent processes."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from resonance.errors import Conflict, NotFound, ResonanceError, Unavailable
from resonance.ids import sha256_hex
from resonance.store.checksummed import seal, unseal
from resonance.store.protocol import StoredObject, check_key

# A key may be another key's folder (`jobs/a` and `jobs/a/b`). No key has a comma, so that the file of one
# key never has the name of another key's folder. The number is the version of the footer behind the data.
_SUFFIX = ",1"
_LOCK_COUNT = 64
_TEMPORARY_AGE_S_MAX = 3600.0
_MOVES_MAX = 20
_LOCK_WAIT_S_MAX = 5.0
_LOCK_POLL_S = 0.002


class FileStore:
    """An ObjectStore below one folder.

    Writers of one key exclude each other with a file lock, which holds between threads and between processes. Readers
    take no lock: a file appears under its name by `rename`, whole and already on the disk.
    """

    def __init__(self, root: Path) -> None:
        self._objects = root / "objects"
        self._temporary = root / "temporary"
        self._locks = root / "locks"
        with _failures_named(str(root)):
            for folder in (self._objects, self._temporary, self._locks):
                folder.mkdir(parents=True, exist_ok=True)
            self._sweep()

    async def put(self, key: str, data: bytes) -> str:
        return await asyncio.to_thread(self._put, key, data)

    async def create(self, key: str, data: bytes) -> str:
        return await asyncio.to_thread(self._create, key, data)

    async def replace(self, key: str, data: bytes, *, version: str) -> str:
        return await asyncio.to_thread(self._replace, key, data, version)

    async def get(self, key: str) -> StoredObject:
        return await asyncio.to_thread(self._get, key)

    async def exists(self, key: str) -> bool:
        path = self._to_path(key)
        with _failures_named(key):
            return await asyncio.to_thread(path.is_file)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        for key in await asyncio.to_thread(self._keys, prefix):
            yield key

    async def total_bytes(self, prefix: str) -> int:
        return await asyncio.to_thread(self._total_bytes, prefix)

    async def delete(self, key: str) -> None:
        await asyncio.to_thread(self._delete, key)

    async def set_aside(self, key: str, to: str) -> None:
        await asyncio.to_thread(self._set_aside, key, to)

    async def presigned_url(self, key: str, *, expires_s: float, filename: str) -> str | None:
        return None

    async def is_answering(self) -> bool:
        return True  # `MeasuredStore`, which stands before this one, follows the requests

    async def free_bytes(self) -> int | None:
        with _failures_named("free space"):
            return (await asyncio.to_thread(shutil.disk_usage, self._objects)).free

    async def close(self) -> None:
        return None

    def _put(self, key: str, data: bytes) -> str:
        path = self._to_path(key)
        with _failures_named(key), self._written(path, data) as written, self._locked(key):
            _move(written, path)
        return sha256_hex(data)

    def _create(self, key: str, data: bytes) -> str:
        path = self._to_path(key)
        _refuse_existing(path, key)  # the common case, refused before anything is written
        with _failures_named(key), self._written(path, data) as written, self._locked(key):
            _refuse_existing(path, key)
            _move(written, path)
        return sha256_hex(data)

    def _replace(self, key: str, data: bytes, version: str) -> str:
        path = self._to_path(key)
        with _failures_named(key), self._written(path, data) as written, self._locked(key):
            if self._get(key).version != version:
                raise Conflict(f"{key} was changed by another writer", reason="VERSION_CHANGED")
            _move(written, path)
        return sha256_hex(data)

    def _get(self, key: str) -> StoredObject:
        path = self._to_path(key)
        try:
            with _failures_named(key):
                sealed = path.read_bytes()
        except FileNotFoundError:
            raise NotFound(f"there is no object {key}", reason="NO_SUCH_OBJECT") from None
        data, sha256 = unseal(sealed, key)
        return StoredObject(key=key, data=data, sha256=sha256, version=sha256)

    def _keys(self, prefix: str) -> list[str]:
        folder = self._objects / prefix.rpartition("/")[0]
        if ".." in prefix.split("/") or prefix.startswith("/"):
            return []
        found = (
            os.path.relpath(os.path.join(place, name), self._objects).removesuffix(_SUFFIX)
            for place, _, names in os.walk(folder)
            for name in names
            if name.endswith(_SUFFIX)
        )
        return sorted(key for key in found if key.startswith(prefix))

    def _total_bytes(self, prefix: str) -> int:
        total = 0
        for key in self._keys(prefix):
            with suppress(OSError):  # it was deleted meanwhile
                total += self._to_path(key).stat().st_size
        return total

    def _delete(self, key: str) -> None:
        path = self._to_path(key)
        with _failures_named(key), self._locked(key):
            path.unlink(missing_ok=True)
            self._prune(path.parent)

    def _set_aside(self, key: str, to: str) -> None:
        path, target = self._to_path(key), self._to_path(to)
        with _failures_named(key), self._locked(key), suppress(FileNotFoundError):
            if path.exists():
                _move(path, target)
                self._prune(path.parent)

    def _prune(self, folder: Path) -> None:
        """Removes folders that became empty: every upload has folders of its own."""
        while folder != self._objects:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent

    @contextmanager
    def _written(self, path: Path, data: bytes) -> Iterator[Path]:
        """A synced temporary file, for the caller to rename to `path`: a power cut leaves the old bytes or the new ones.

        It is written before the lock is taken, and the folder is synced after it is released, so that a writer holds
        its lock only for a check and a rename.
        """
        temporary = self._temporary / secrets.token_hex(16)
        try:
            with temporary.open("xb") as file:
                file.write(seal(data))
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)
        with suppress(FileNotFoundError):  # the key was deleted meanwhile
            _fsync_folder(path.parent)

    def _to_path(self, key: str) -> Path:
        check_key(key)
        return self._objects / (key + _SUFFIX)

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        """One of a fixed number of lock files, chosen by the key; they are never removed.

        A dead process holds no lock. A stopped one (SIGSTOP) may, so the wait of other processes is bounded.
        """
        number = hashlib.sha256(key.encode()).digest()[0] % _LOCK_COUNT
        until_s = time.monotonic() + _LOCK_WAIT_S_MAX
        with (self._locks / f"{number:02d}").open("ab") as file:  # closing the file releases the lock
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until_s:
                        held = (
                            f"another process has held the lock of {key} for {_LOCK_WAIT_S_MAX:.0f} s; is it stopped?"
                        )
                        raise Unavailable(held, reason="STORE_LOCKED", retry_after_s=1.0) from None
                    time.sleep(_LOCK_POLL_S)
            yield

    def _sweep(self) -> None:
        """Removes the temporary files of killed processes."""
        for path in self._temporary.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _TEMPORARY_AGE_S_MAX:
                    path.unlink()


def _refuse_existing(path: Path, key: str) -> None:
    if path.exists():
        raise Conflict(f"{key} exists already", reason="KEY_EXISTS")


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _failures_named(what: str) -> Iterator[None]:
    """Maps errors of the disk to domain errors. A missing file passes: the caller knows its meaning."""
    try:
        yield
    except (FileNotFoundError, ResonanceError):
        raise
    except OSError as failure:
        if failure.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Unavailable(f"the disk of the object store is full ({what})", reason="STORE_FULL") from failure
        raise Unavailable(f"the object store cannot be used: {failure}", reason="STORE_UNAVAILABLE") from failure


def _move(temporary: Path, path: Path) -> None:
    """Renames into the folder, again where the deletion of another key removes the folder in between."""
    for _ in range(_MOVES_MAX):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(temporary, path)
            return
        except (FileNotFoundError, FileExistsError):  # `mkdir` reports a folder that was removed again as existing
            continue
    raise FileNotFoundError(f"{path.parent} was removed again and again")

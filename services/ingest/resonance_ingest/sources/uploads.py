"""Uploaded files: streamed in parts to the object store while their digest is made, never whole in memory.

The parts live in the object store and not on this machine, so that whoever takes the job over finds them.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from pathlib import Path
from types import TracebackType

from resonance.errors import DataLoss, invalid_field
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance_ingest.jobs.job import Job, JobTrack, UploadedFile
from resonance_ingest.sources.source import Playlist, SourceTrack

PART_BYTES = 4 * 1024 * 1024


class UploadSpool:
    """Takes the files of one upload, within the limits. As a context it removes what it stored unless it is kept."""

    def __init__(self, store: ObjectStore, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        # The time in the name lets the sweep tell an upload that was abandoned from one that is under way.
        self._upload_id = f"{int(time.time()):011d}-{secrets.token_hex(8)}"
        self._files: list[_File] = []
        self._byte_count = 0
        self._is_kept = False

    async def __aenter__(self) -> UploadSpool:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_kept:
            await remove_parts(self._store, self._upload_id)

    def keep(self) -> None:
        """From now on the parts may belong to a job."""
        self._is_kept = True

    def drop(self) -> None:
        """The parts belong to no job after all."""
        self._is_kept = False

    async def open(self, filename: str, announced_bytes: int | None = None) -> None:
        """Opens the next file, and closes the one before; `announced_bytes` is its size, where the caller knows it."""
        if len(self._files) >= self._settings.tracks_max:
            raise invalid_field("tracks", "TOO_MANY", f"at most {self._settings.tracks_max} files make a playlist")
        await self._close_file()
        self._files.append(_File(filename, len(self._files), announced_bytes))

    async def write(self, data: bytes) -> None:
        """The next bytes of the file last opened."""
        if not self._files:
            raise invalid_field("data", "NO_TRACK", "a file must be opened before its bytes are sent")
        file = self._files[-1]
        self._byte_count += len(data)
        file.add(data)
        self._check_sizes(file)
        while len(file.waiting) >= PART_BYTES:
            await self._store_part(file, PART_BYTES)

    async def finish(self, announced_files: int | None = None) -> tuple[UploadedFile, ...]:
        """Closes the last file. An empty file is kept: its track will say that it is empty.

        Raises:
            InvalidInput: there is no file, or fewer bytes or files came than were announced (UPLOAD_CUT).
        """
        if not self._files:
            raise invalid_field("tracks", "REQUIRED", "an upload needs at least one file")
        await self._close_file()
        if announced_files is not None and len(self._files) != announced_files:
            told = f"{announced_files} files were announced and {len(self._files)} came: send them again"
            raise invalid_field("tracks", "UPLOAD_CUT", told)
        return tuple(file.upload(self._upload_id) for file in self._files)

    async def _close_file(self) -> None:
        if self._files:
            self._files[-1].check_whole()
        if self._files and self._files[-1].waiting:
            await self._store_part(self._files[-1], PART_BYTES)

    async def _store_part(self, file: _File, size: int) -> None:
        part = bytes(file.waiting[:size])
        del file.waiting[:size]
        await self._store.put(_part_key(self._upload_id, file.number, file.part_count), part)
        file.part_count += 1

    def _check_sizes(self, file: _File) -> None:
        if file.announced_bytes is not None and file.byte_count > file.announced_bytes:
            told = f"{file.filename} was announced with {file.announced_bytes} bytes, and more came"
            raise invalid_field(f"tracks[{file.number}]", "TOO_LARGE", told)
        limit = self._settings.track_bytes_max
        if file.byte_count > limit:
            raise invalid_field(
                f"tracks[{file.number}]", "TOO_LARGE", f"{file.filename} is larger than {limit // 2**20} MB"
            )
        limit = self._settings.upload_bytes_max
        if self._byte_count > limit:
            raise invalid_field("tracks", "TOO_LARGE", f"the files together are larger than {limit // 2**20} MB")


class _File:
    """A file on its way in: its digest so far, and the bytes that do not fill a part yet."""

    def __init__(self, filename: str, number: int, announced_bytes: int | None) -> None:
        self.filename = filename
        self.number = number
        self.announced_bytes = announced_bytes
        self.waiting = bytearray()
        self.byte_count = self.part_count = 0
        self._digest = hashlib.sha256()

    def add(self, data: bytes) -> None:
        self.waiting += data
        self.byte_count += len(data)
        self._digest.update(data)

    def check_whole(self) -> None:
        if self.announced_bytes is not None and self.byte_count < self.announced_bytes:
            told = f"{self.filename} was cut after {self.byte_count} of {self.announced_bytes} bytes: send it again"
            raise invalid_field(f"tracks[{self.number}]", "UPLOAD_CUT", told)

    def upload(self, upload_id: str) -> UploadedFile:
        return UploadedFile(
            filename=self.filename,
            upload_id=upload_id,
            number=self.number,
            part_count=self.part_count,
            byte_count=self.byte_count,
            sha256=self._digest.hexdigest(),
        )


class UploadSource:
    """The uploaded files of a job, as a source."""

    def __init__(self, store: ObjectStore, job: Job) -> None:
        self._store = store
        self._uploads = job.uploads
        self._title = job.title

    async def playlist(self) -> Playlist:
        tracks = tuple(SourceTrack(title=each.filename, locator=str(at)) for at, each in enumerate(self._uploads))
        return Playlist(title=self._title or _stem(self._uploads[0].filename), tracks=tracks)

    def digest(self, track: JobTrack) -> str | None:
        return self._uploads[int(track.locator)].sha256

    async def fetch(self, track: JobTrack, target: Path) -> None:
        """Puts the parts together. Raises DataLoss where they are not what was uploaded."""
        upload, digest = self._uploads[int(track.locator)], hashlib.sha256()
        await asyncio.to_thread(target.write_bytes, b"")
        for key in _part_keys(upload):
            found = await self._store.get(key)
            digest.update(found.data)
            await asyncio.to_thread(_append, target, found.data)
        if digest.hexdigest() != upload.sha256:
            raise DataLoss(f"The upload of {upload.filename} is damaged: upload it again.", reason="UPLOAD_DAMAGED")


async def are_kept(store: ObjectStore, job: Job) -> bool:
    """Whether the files of a job are still there: those of a failed one are kept for a day."""
    keys = [key for upload in job.uploads for key in _part_keys(upload)[:1]]
    return all([await store.exists(key) for key in keys])


async def remove_uploads(store: ObjectStore, job: Job) -> None:
    """Removes what a job's uploads hold in the object store. It is safe to call twice."""
    for upload_id in sorted({upload.upload_id for upload in job.uploads}):
        await remove_parts(store, upload_id)


async def remove_parts(store: ObjectStore, upload_id: str) -> None:
    """Removes the parts of one upload."""
    for key in [key async for key in store.keys(f"uploads/{upload_id}/")]:
        await store.delete(key)


def _append(target: Path, data: bytes) -> None:
    # Opened and closed in one go: a thread that outlives a cancelled job holds nothing open.
    with target.open("ab") as file:
        file.write(data)


def upload_started_s(upload_id: str) -> float:
    """When an upload began, by the clock of the machine that took it; the distant past for a name that is not ours."""
    text = upload_id.partition("-")[0]
    return float(text) if text.isdigit() else 0.0


def _part_keys(upload: UploadedFile) -> list[str]:
    if upload.parts:
        return [f"uploads/{upload.upload_id}/{name}" for name in upload.parts]
    return [_part_key(upload.upload_id, upload.number, part) for part in range(upload.part_count)]


def _part_key(upload_id: str, number: int, part: int) -> str:
    return f"uploads/{upload_id}/{number:02d}/{part:05d}"


def _stem(filename: str) -> str:
    return filename.rpartition(".")[0] or filename

"""Files of a multipart upload, each an upload session.

The sessions belong to the job that the call makes.
"""

from __future__ import annotations

import hashlib
from types import TracebackType

from resonance.errors import invalid_field
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance_ingest.jobs.job import Fault, UploadedFile
from resonance_ingest.sources.upload_sessions import (
    UploadSession,
    UploadSessions,
    UploadWriter,
    new_session,
    remove_upload,
)

_RECEIVED_SHARE_MAX = 2  # bytes of one call, dropped ones included, in limits of an upload


class IncomingFiles:
    """Takes the files of one call in their order, within the limits of a playlist.

    As a context it removes what it stored, unless `keep` says that a job may use the files.
    """

    def __init__(self, store: ObjectStore, settings: Settings, job_id: str) -> None:
        self._store = store
        self._settings = settings
        self._sessions = UploadSessions(store, settings)
        self._job_id = job_id
        self._opened: list[UploadSession] = []
        self._files: list[UploadedFile] = []
        self._writer: UploadWriter | None = None
        self._refused: _RefusedFile | None = None
        self._kept_bytes = self._received_bytes = 0
        self._is_kept = False

    async def __aenter__(self) -> IncomingFiles:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_kept:
            for session in self._opened:
                await remove_upload(self._store, session.upload_id)

    def keep(self) -> None:
        """Leaves the files in the store: a job may use them."""
        self._is_kept = True

    def drop(self) -> None:
        """Takes `keep` back: no job uses the files."""
        self._is_kept = False

    async def open(self, filename: str, announced_bytes: int | None = None) -> None:
        """Opens the next file and closes the one before; `announced_bytes` is its size, where the caller knows it."""
        if len(self._opened) >= self._settings.tracks_max:
            raise invalid_field("tracks", "TOO_MANY", f"at most {self._settings.tracks_max} files make a playlist")
        await self._close_file()
        session = new_session(filename, announced_bytes, self._job_id)
        if announced_bytes is not None and (fault := self._find_fault(filename, announced_bytes)):
            self._refused = _RefusedFile(filename, fault)
            self._opened.append(session)
            return
        self._opened.append(session)  # before it is stored: a cancelled call removes it
        self._writer = await self._sessions.open_writer(session, field=f"tracks[{len(self._files)}]")

    async def write(self, data: bytes) -> None:
        """The next bytes of the file last opened. Those of a file that is too large are counted and dropped."""
        self._received_bytes += len(data)
        limit = _RECEIVED_SHARE_MAX * self._settings.upload_bytes_max
        if self._received_bytes > limit:
            raise invalid_field("tracks", "TOO_LARGE", f"the files together are larger than {limit // 2**20} MB")
        if self._refused is not None:
            self._refused.add(data)
            return
        if self._writer is None:
            raise invalid_field("data", "NO_TRACK", "a file must be opened before its bytes are sent")
        session = self._writer.session
        byte_count = self._writer.byte_count + len(data)
        if session.byte_count is None and (fault := self._find_fault(session.filename, byte_count)):
            self._refused, self._writer = _RefusedFile(session.filename, fault), None
            self._refused.add(data)
            await remove_upload(self._store, session.upload_id)
            return
        await self._writer.write(data)

    def _find_fault(self, filename: str, byte_count: int) -> Fault | None:
        """The fault of a file of so many bytes, which fails alone; None where there is room for it."""
        limit, limit_all = self._settings.track_bytes_max, self._settings.upload_bytes_max
        if byte_count > limit:
            return Fault(reason="TOO_LARGE", message=f"The file is larger than {limit // 2**20} MB.")
        if self._kept_bytes + byte_count > limit_all:
            message = f"The files before it have filled the {limit_all // 2**20} MB that one upload may have. Send it in another one."
            return Fault(reason="TOO_LARGE", message=message)
        return None

    async def finish(self, announced_files: int | None = None) -> tuple[UploadedFile, ...]:
        """Closes the last file. An empty file is kept: its track will say that it is empty.

        Raises:
            InvalidInput: there is no file, every file is too large (TOO_LARGE), or fewer bytes or files came than were
                announced (UPLOAD_CUT).
        """
        await self._close_file()
        if not self._files:
            raise invalid_field("tracks", "REQUIRED", "an upload needs at least one file")
        if announced_files is not None and len(self._files) != announced_files:
            message = f"{announced_files} files were announced and {len(self._files)} came: send them again"
            raise invalid_field("tracks", "UPLOAD_CUT", message)
        faults = [file.fault for file in self._files if file.fault]
        if len(faults) == len(self._files):
            message = f"{self._files[0].filename}: {faults[0].message[:1].lower()}{faults[0].message[1:].rstrip('.')}"
            raise invalid_field("tracks[0]", "TOO_LARGE", message)
        return tuple(self._files)

    async def _close_file(self) -> None:
        if self._refused is not None:
            self._files.append(self._refused.to_file(self._opened[-1].upload_id))
            self._refused = None
        if self._writer is not None:
            file = (await self._writer.close()).to_file()
            self._kept_bytes += file.byte_count
            self._files.append(file)
            self._writer = None


class _RefusedFile:
    """A file whose bytes are dropped. They are counted and digested, so that the same request has the same content."""

    def __init__(self, filename: str, fault: Fault) -> None:
        self._filename = filename
        self._fault = fault
        self._digest = hashlib.sha256()
        self._byte_count = 0

    def add(self, data: bytes) -> None:
        self._digest.update(data)
        self._byte_count += len(data)

    def to_file(self, upload_id: str) -> UploadedFile:
        return UploadedFile(
            filename=self._filename,
            upload_id=upload_id,
            byte_count=self._byte_count,
            sha256=self._digest.hexdigest(),
            parts=(),
            fault=self._fault,
        )

"""Files of a multipart upload, each an upload session.

The sessions belong to the job that the call makes.
"""

from __future__ import annotations

from types import TracebackType

from resonance.errors import invalid_field
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance_ingest.jobs.job import UploadedFile
from resonance_ingest.sources.upload_sessions import (
    UploadSession,
    UploadSessions,
    UploadWriter,
    new_session,
    remove_upload,
)


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
        self._byte_count = 0
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
        self._opened.append(session)  # before it is stored: a cancelled call removes it
        self._writer = await self._sessions.open_writer(session, field=f"tracks[{len(self._files)}]")

    async def write(self, data: bytes) -> None:
        """The next bytes of the file last opened."""
        if self._writer is None:
            raise invalid_field("data", "NO_TRACK", "a file must be opened before its bytes are sent")
        await self._writer.write(data)
        self._byte_count += len(data)
        limit = self._settings.upload_bytes_max
        if self._byte_count > limit:
            raise invalid_field("tracks", "TOO_LARGE", f"the files together are larger than {limit // 2**20} MB")

    async def finish(self, announced_files: int | None = None) -> tuple[UploadedFile, ...]:
        """Closes the last file. An empty file is kept: its track will say that it is empty.

        Raises:
            InvalidInput: there is no file, or fewer bytes or files came than were announced (UPLOAD_CUT).
        """
        await self._close_file()
        if not self._files:
            raise invalid_field("tracks", "REQUIRED", "an upload needs at least one file")
        if announced_files is not None and len(self._files) != announced_files:
            message = f"{announced_files} files were announced and {len(self._files)} came: send them again"
            raise invalid_field("tracks", "UPLOAD_CUT", message)
        return tuple(self._files)

    async def _close_file(self) -> None:
        if self._writer is not None:
            self._files.append((await self._writer.close()).to_file())
            self._writer = None

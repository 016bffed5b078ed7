"""Resumable uploads: one file over as many calls as it takes; what has arrived is stored, whoever breaks off, and whenever."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from resonance.errors import Conflict, DataLoss, FailedPrecondition, NotFound, invalid_field
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance_ingest.jobs.job import UploadedFile
from resonance_ingest.sources.uploads import PART_BYTES, remove_parts, upload_started_s

KEPT_S = 24 * 3600.0  # the sweep removes what is older and belongs to no job


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPart:
    """One stored piece: its name below the upload's prefix, and its size in bytes."""

    name: str
    byte_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSession:
    """One file on its way in. `sha256` is set once it is whole, `job_id` once a job has taken it."""

    upload_id: str
    filename: str
    byte_count: int
    parts: tuple[UploadPart, ...] = ()
    sha256: str = ""
    job_id: str = ""

    @property
    def offset(self) -> int:
        """How many bytes have arrived."""
        return sum(part.byte_count for part in self.parts)

    @property
    def expires_s(self) -> float:
        """When it may be removed, in seconds since 1970."""
        return upload_started_s(self.upload_id) + KEPT_S


class UploadSessions:
    """Sessions as documents in the object store, so that any replica goes on with any upload.

    A part is written under a name of its own before the document tells of it by compare-and-swap: of two writers at one
    offset one is told that the offset is wrong, and a writer who dies leaves a part that nobody names.
    """

    def __init__(self, store: ObjectStore, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    async def open(self, filename: str, byte_count: int) -> UploadSession:
        """A new session. Raises InvalidInput where the file is larger than a track may be."""
        limit = self._settings.track_bytes_max
        if byte_count > limit:
            raise invalid_field("byte_count", "TOO_LARGE", f"{filename} is larger than {limit // 2**20} MB")
        # The time in the name lets the sweep tell an upload that was abandoned from one that is under way.
        upload_id = f"{int(time.time()):011d}-{secrets.token_hex(16)}"
        session = UploadSession(upload_id=upload_id, filename=filename, byte_count=byte_count)
        if byte_count == 0:
            session = replace(session, sha256=hashlib.sha256().hexdigest())
        await self._store.create(_key(upload_id), _to_json(session))
        return session

    async def get(self, upload_id: str) -> UploadSession:
        """The session. One whose line broke behind its last byte gets its digest now. Raises NotFound."""
        session, _ = await self._read(upload_id)
        if session.offset == session.byte_count and not session.sha256:
            session = await self._finish(session)
        return session

    async def write(self, upload_id: str, offset: int, data: AsyncIterator[bytes]) -> UploadSession:
        """Stores bytes from the offset on, in parts of 4 MiB; what came before a break stays.

        Raises:
            NotFound: there is no such upload.
            FailedPrecondition: the offset is not where the upload stands (UPLOAD_OFFSET_WRONG).
            InvalidInput: more bytes came than were announced.
        """
        session = await self.get(upload_id)
        _check_offset(session, offset)
        waiting = bytearray()
        try:
            async for piece in data:
                waiting += piece
                if session.offset + len(waiting) > session.byte_count:
                    waiting.clear()
                    raise invalid_field("data", "TOO_LARGE", f"the file was announced with {session.byte_count} bytes")
                if len(waiting) >= PART_BYTES:
                    session = await self._keep(session, waiting)
        finally:
            # Also where the caller has left: what came is not sent again. A second cancellation waits for one write.
            if waiting:
                session = await asyncio.shield(self._keep(session, waiting))
        if session.offset == session.byte_count and not session.sha256:
            session = await self._finish(session)
        return session

    async def delete(self, upload_id: str) -> None:
        """Removes an upload that no job has taken. Raises NotFound and FailedPrecondition."""
        session, _ = await self._read(upload_id)
        if session.job_id:
            message = f"job {session.job_id} uses this upload; delete the job instead"
            raise FailedPrecondition(message, reason="UPLOAD_IN_USE")
        await remove_parts(self._store, upload_id)

    async def ready(self, upload_ids: Sequence[str], job_id: str) -> tuple[UploadSession, ...]:
        """The uploads, each of which the job may claim. None is taken yet.

        Raises:
            NotFound: there is no such upload.
            FailedPrecondition: one is not whole (UPLOAD_NOT_WHOLE) or belongs to another job (UPLOAD_IN_USE).
            InvalidInput: one is named twice, or they are too large together.
        """
        if len(set(upload_ids)) != len(upload_ids):
            raise invalid_field("upload_ids", "DUPLICATE", "names an upload twice")
        sessions = [await self.get(upload_id) for upload_id in upload_ids]
        limit = self._settings.upload_bytes_max
        if sum(session.byte_count for session in sessions) > limit:
            raise invalid_field("upload_ids", "TOO_LARGE", f"the files together are larger than {limit // 2**20} MB")
        for session in sessions:
            _check_whole(session)
            _check_free(session, job_id)
        return tuple(sessions)

    async def claim(self, sessions: Sequence[UploadSession], job_id: str) -> tuple[UploadedFile, ...]:
        """Takes the uploads as the files of one job. Asking again for the same job is harmless.

        Raises:
            FailedPrecondition: one belongs to another job by now (UPLOAD_IN_USE): `release` gives back the others.
        """
        for session in sessions:
            await self._take(session.upload_id, job_id)
        return tuple(_upload_of(session) for session in sessions)

    async def release(self, sessions: Sequence[UploadSession], job_id: str) -> None:
        """Gives back what a job has claimed that never came to be. What belonged to it before stays."""
        for before in sessions:
            with suppress(Conflict, NotFound):
                session, version = await self._read(before.upload_id)
                if session.job_id == job_id and not before.job_id:
                    await self._store.replace(_key(session.upload_id), _to_json(before), version=version)

    async def _take(self, upload_id: str, job_id: str) -> None:
        session, version = await self._read(upload_id)
        _check_free(session, job_id)
        if session.job_id:
            return
        try:
            await self._store.replace(_key(upload_id), _to_json(replace(session, job_id=job_id)), version=version)
        except Conflict:
            raise _in_use(session) from None

    async def _keep(self, session: UploadSession, waiting: bytearray) -> UploadSession:
        """Stores what is waiting as the next part, and says so in the document."""
        data = bytes(waiting)
        waiting.clear()
        name = f"{session.offset:012d}-{secrets.token_hex(4)}"
        await self._store.put(f"uploads/{session.upload_id}/{name}", data)
        now, version = await self._read(session.upload_id)
        _check_offset(now, session.offset)
        after = replace(now, parts=(*now.parts, UploadPart(name=name, byte_count=len(data))))
        try:
            await self._store.replace(_key(session.upload_id), _to_json(after), version=version)
        except Conflict:
            raise _wrong_offset(now, session.offset) from None
        return after

    async def _finish(self, session: UploadSession) -> UploadSession:
        """Reads the file once, part by part, for its digest: whichever replicas took it, and as it really lies there."""
        digest = hashlib.sha256()
        for part in session.parts:
            digest.update((await self._store.get(f"uploads/{session.upload_id}/{part.name}")).data)
        now, version = await self._read(session.upload_id)
        after = replace(now, sha256=digest.hexdigest())
        try:
            await self._store.replace(_key(session.upload_id), _to_json(after), version=version)
        except Conflict:
            return await self.get(session.upload_id)  # another writer finished it; the digest is the same
        return after

    async def _read(self, upload_id: str) -> tuple[UploadSession, str]:
        try:
            found = await self._store.get(_key(upload_id))
        except NotFound:
            raise NotFound(f"there is no upload {upload_id}", reason="NO_SUCH_UPLOAD") from None
        return _from_json(found.data), found.version


def _check_offset(session: UploadSession, offset: int) -> None:
    if session.offset != offset:
        raise _wrong_offset(session, offset)


def _wrong_offset(session: UploadSession, offset: int) -> FailedPrecondition:
    message = f"the upload stands at byte {session.offset}, not at {offset}: go on from there"
    return FailedPrecondition(message, reason="UPLOAD_OFFSET_WRONG")


def _check_whole(session: UploadSession) -> None:
    if not session.sha256:
        message = f"{session.filename} is not whole: {session.offset} of {session.byte_count} bytes have arrived"
        raise FailedPrecondition(message, reason="UPLOAD_NOT_WHOLE")


def _check_free(session: UploadSession, job_id: str) -> None:
    if session.job_id not in ("", job_id):
        raise _in_use(session)


def _in_use(session: UploadSession) -> FailedPrecondition:
    return FailedPrecondition(f"upload {session.upload_id} belongs to another job", reason="UPLOAD_IN_USE")


def _upload_of(session: UploadSession) -> UploadedFile:
    return UploadedFile(
        filename=session.filename,
        upload_id=session.upload_id,
        number=0,
        part_count=len(session.parts),
        byte_count=session.byte_count,
        sha256=session.sha256,
        parts=tuple(part.name for part in session.parts),
    )


def _key(upload_id: str) -> str:
    return f"uploads/{upload_id}/session"


def _to_json(session: UploadSession) -> bytes:
    return json.dumps(dataclasses.asdict(session), separators=(",", ":")).encode()


def _from_json(data: bytes) -> UploadSession:
    try:
        plain = json.loads(data)
        return UploadSession(**{**plain, "parts": tuple(UploadPart(**part) for part in plain["parts"])})
    except (ValueError, KeyError, TypeError) as failure:
        raise DataLoss("an upload's document cannot be read by this version", reason="UPLOAD_UNREADABLE") from failure

"""Upload sessions: store of uploaded bytes, resumable and multipart.

No other store holds bytes of callers.

Parts lie in the object store and not on this machine, so that any replica goes on with an upload or works on its job.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from resonance.errors import Conflict, DataLoss, FailedPrecondition, NotFound, invalid_field
from resonance.settings import Settings
from resonance.store import ObjectStore
from resonance.store.keys import upload_part_key, upload_prefix, upload_session_key
from resonance_ingest.jobs.job import UploadedFile

PART_BYTES = 4 * 1024 * 1024
KEPT_S = 24 * 3600.0  # the sweep removes what is older and belongs to no job


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPart:
    """One stored part: its name below the upload's prefix, and its size in bytes."""

    name: str
    byte_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSession:
    """One file on its way in.

    `byte_count` is None where a multipart upload does not announce the size. `sha256` is set once the file is whole,
    `job_id` once the file belongs to a job.
    """

    upload_id: str
    filename: str
    byte_count: int | None
    parts: tuple[UploadPart, ...] = ()
    sha256: str = ""
    job_id: str = ""

    @property
    def offset(self) -> int:
        """The number of bytes that are stored."""
        return sum(part.byte_count for part in self.parts)

    @property
    def is_complete(self) -> bool:
        """True once every announced byte is stored, with or without its digest."""
        return self.offset == self.byte_count

    @property
    def expires_s(self) -> float:
        """The time after which the sweep may remove it, in seconds since 1970."""
        return upload_started_s(self.upload_id) + KEPT_S

    def to_file(self) -> UploadedFile:
        """The whole file as a job refers to it."""
        assert self.sha256, "a job takes whole files only"
        return UploadedFile(
            filename=self.filename,
            upload_id=self.upload_id,
            byte_count=self.offset,
            sha256=self.sha256,
            parts=tuple(part.name for part in self.parts),
        )


class UploadWriter:
    """The bytes that one call sends for one session: limited, digested, and stored in parts of 4 MiB.

    A part is stored under a new name before the document names it by compare-and-swap. Of two writers at one offset
    one is refused (UPLOAD_OFFSET_WRONG), and a writer that dies leaves a part that no document names.
    """

    def __init__(
        self, store: ObjectStore, session: UploadSession, version: str, *, bytes_max: int, field: str = "data"
    ) -> None:
        """`field` is the request field that a violation of the size limits names."""
        self.session = session
        self._store = store
        self._version = version
        self._bytes_max = bytes_max
        self._field = field
        self._waiting = bytearray()
        self._digest = hashlib.sha256() if session.offset == 0 else None  # a resumed file is digested when it is whole

    @property
    def byte_count(self) -> int:
        """The bytes so far, stored or waiting."""
        return self.session.offset + len(self._waiting)

    async def write(self, data: bytes) -> None:
        """The next bytes. Raises InvalidInput (TOO_LARGE) beyond the announced size or the limit of a track."""
        self._waiting += data
        try:
            self._check_size(self.session.offset + len(self._waiting))
        except BaseException:
            self._waiting.clear()
            raise
        if self._digest is not None:
            self._digest.update(data)
        if len(self._waiting) >= PART_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Stores the waiting bytes as a part and names it in the document."""
        if not self._waiting:
            return
        data = bytes(self._waiting)
        self._waiting.clear()
        name = f"{self.session.offset:012d}-{secrets.token_hex(4)}"
        await self._store.put(upload_part_key(self.session.upload_id, name), data)
        part = UploadPart(name=name, byte_count=len(data))
        await self._save(replace(self.session, parts=(*self.session.parts, part)))

    async def close(self) -> UploadSession:
        """Stores the rest of a file of one call. Raises InvalidInput (UPLOAD_CUT) for fewer bytes than announced."""
        byte_count = self.byte_count
        if self.session.byte_count is None:
            self.session = replace(self.session, byte_count=byte_count)
        elif byte_count < self.session.byte_count:
            came = f"{byte_count} of {self.session.byte_count} bytes"
            raise invalid_field(
                self._field, "UPLOAD_CUT", f"{self.session.filename} was cut after {came}: send it again"
            )
        await self.flush()
        if not self.session.sha256:
            await self._save(self.session)
        return self.session

    async def _save(self, after: UploadSession) -> None:
        if self._digest is not None and after.is_complete:
            after = replace(after, sha256=self._digest.hexdigest())
        try:
            key = upload_session_key(after.upload_id)
            self._version = await self._store.replace(key, _to_json(after), version=self._version)
        except (Conflict, NotFound):
            now, _ = await _read(self._store, after.upload_id)
            raise _wrong_offset(now, self.session.offset) from None
        self.session = after

    def _check_size(self, byte_count: int) -> None:
        name, announced = self.session.filename, self.session.byte_count
        if announced is not None and byte_count > announced:
            message = f"{name} was announced with {announced} bytes, and more came"
            raise invalid_field(self._field, "TOO_LARGE", message)
        check_track_bytes(name, byte_count, self._bytes_max, self._field)


class UploadSessions:
    """Sessions as documents in the object store, so that any replica goes on with any upload."""

    def __init__(self, store: ObjectStore, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    async def open(self, filename: str, byte_count: int) -> UploadSession:
        """A new session. Raises InvalidInput where the file is larger than a track may be."""
        check_track_bytes(filename, byte_count, self._settings.track_bytes_max, "byte_count")
        session = new_session(filename, byte_count)
        await self._store.create(upload_session_key(session.upload_id), _to_json(session))
        return session

    async def open_writer(self, session: UploadSession, *, field: str) -> UploadWriter:
        """Stores a new session and returns its writer, for a file that comes whole in one call."""
        limit = self._settings.track_bytes_max
        check_track_bytes(session.filename, session.byte_count or 0, limit, field)
        await self._store.create(upload_session_key(session.upload_id), _to_json(session))
        _, version = await _read(self._store, session.upload_id)
        return UploadWriter(self._store, session, version, bytes_max=limit, field=field)

    async def get(self, upload_id: str) -> UploadSession:
        """The session. A complete one whose writer left before the digest was stored gets it now. Raises NotFound."""
        session, _ = await _read(self._store, upload_id)
        return await self._finished(session)

    async def write(self, upload_id: str, offset: int, data: AsyncIterator[bytes]) -> UploadSession:
        """Stores bytes from the offset on; what came before a break stays.

        Raises:
            NotFound: there is no such upload.
            FailedPrecondition: the offset is not where the upload stands (UPLOAD_OFFSET_WRONG).
            InvalidInput: more bytes came than were announced.
        """
        session, version = await _read(self._store, upload_id)
        _check_offset(session, offset)
        writer = UploadWriter(self._store, session, version, bytes_max=self._settings.track_bytes_max)
        try:
            async for piece in data:
                await writer.write(piece)
        finally:
            # The client may have left: the shield stores what it will not send again, also under a second cancellation.
            await asyncio.shield(writer.flush())
        return await self._finished(writer.session)

    async def read(self, upload_id: str) -> AsyncGenerator[bytes, None]:
        """The bytes of a whole upload, part by part. Raises NotFound, and FailedPrecondition (UPLOAD_NOT_WHOLE)."""
        session = await self.get(upload_id)
        _check_whole(session)
        for part in session.parts:
            yield (await self._store.get(upload_part_key(upload_id, part.name))).data

    async def delete(self, upload_id: str) -> None:
        """Removes an upload that no job has taken. Raises NotFound and FailedPrecondition."""
        session, _ = await _read(self._store, upload_id)
        if session.job_id:
            message = f"job {session.job_id} uses this upload; delete the job instead"
            raise FailedPrecondition(message, reason="UPLOAD_IN_USE")
        await remove_upload(self._store, upload_id)

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
        if sum(session.byte_count or 0 for session in sessions) > limit:
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
        return tuple(session.to_file() for session in sessions)

    async def release(self, sessions: Sequence[UploadSession], job_id: str) -> None:
        """Gives back what a job has claimed that never came to be. What belonged to it before stays."""
        for before in sessions:
            with suppress(Conflict, NotFound):
                session, version = await _read(self._store, before.upload_id)
                if session.job_id == job_id and not before.job_id:
                    await self._store.replace(upload_session_key(session.upload_id), _to_json(before), version=version)

    async def _take(self, upload_id: str, job_id: str) -> None:
        session, version = await _read(self._store, upload_id)
        _check_free(session, job_id)
        if session.job_id:
            return
        try:
            await self._store.replace(
                upload_session_key(upload_id), _to_json(replace(session, job_id=job_id)), version=version
            )
        except Conflict:
            raise _in_use(session) from None

    async def _finished(self, session: UploadSession) -> UploadSession:
        """The session with its digest, where it is complete: a file that came in several calls is read once for it."""
        if session.sha256 or not session.is_complete:
            return session
        digest = hashlib.sha256()
        for part in session.parts:
            digest.update((await self._store.get(upload_part_key(session.upload_id, part.name))).data)
        now, version = await _read(self._store, session.upload_id)
        after = replace(now, sha256=digest.hexdigest())
        try:
            await self._store.replace(upload_session_key(session.upload_id), _to_json(after), version=version)
        except Conflict:
            return await self.get(session.upload_id)  # another writer finished it; the digest is the same
        return after


def new_session(filename: str, byte_count: int | None, job_id: str = "") -> UploadSession:
    """A session that is not stored yet. A session for a job is refused to other jobs (UPLOAD_IN_USE)."""
    # The time in the id tells the sweep which uploads are old.
    upload_id = f"{int(time.time()):011d}-{secrets.token_hex(16)}"
    sha256 = hashlib.sha256().hexdigest() if byte_count == 0 else ""
    return UploadSession(upload_id=upload_id, filename=filename, byte_count=byte_count, sha256=sha256, job_id=job_id)


def check_track_bytes(filename: str, byte_count: int, bytes_max: int, field: str) -> None:
    """Raises InvalidInput where a file is larger than a track may be."""
    if byte_count > bytes_max:
        raise invalid_field(field, "TOO_LARGE", f"{filename} is larger than {bytes_max // 2**20} MB")


async def remove_upload(store: ObjectStore, upload_id: str) -> None:
    """Removes a session and its parts. It is safe to call twice."""
    for key in [key async for key in store.keys(upload_prefix(upload_id))]:
        await store.delete(key)


def upload_started_s(upload_id: str) -> float:
    """The time at which an upload began, by the clock of its replica; 0 for an id that no session has."""
    text = upload_id.partition("-")[0]
    return float(text) if text.isdigit() else 0.0


async def _read(store: ObjectStore, upload_id: str) -> tuple[UploadSession, str]:
    try:
        found = await store.get(upload_session_key(upload_id))
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


def _to_json(session: UploadSession) -> bytes:
    return json.dumps(dataclasses.asdict(session), separators=(",", ":")).encode()


def _from_json(data: bytes) -> UploadSession:
    try:
        plain = json.loads(data)
        return UploadSession(**{**plain, "parts": tuple(UploadPart(**part) for part in plain["parts"])})
    except (ValueError, KeyError, TypeError) as failure:
        raise DataLoss("an upload's document cannot be read by this version", reason="UPLOAD_UNREADABLE") from failure

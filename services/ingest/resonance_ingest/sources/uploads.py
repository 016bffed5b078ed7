"""Uploaded files of a job as a source of tracks."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

from resonance.errors import DataLoss
from resonance.store import ObjectStore
from resonance.store.keys import upload_part_key
from resonance_ingest.jobs.job import Job, JobState, JobTrack, UploadedFile
from resonance_ingest.sources.source import Playlist, to_tracks
from resonance_ingest.sources.upload_sessions import remove_upload


class UploadSource:
    """The uploaded files of a job, as a source."""

    def __init__(self, store: ObjectStore, job: Job) -> None:
        self._store = store
        self._uploads = job.uploads
        self._title = job.title

    async def playlist(self) -> Playlist:
        queued = to_tracks((upload.filename, str(at)) for at, upload in enumerate(self._uploads))
        tracks = tuple(
            replace(track, state=JobState.FAILED, error=upload.fault) if upload.fault else track
            for track, upload in zip(queued, self._uploads, strict=True)
        )
        return Playlist(title=self._title or _stem(self._uploads[0].filename), tracks=tracks)

    def digest(self, track: JobTrack) -> str | None:
        return self._uploads[int(track.locator)].sha256

    async def fetch(self, track: JobTrack, target: Path) -> None:
        """Joins the parts in `target`. Raises DataLoss (UPLOAD_DAMAGED) where their digest is not the upload's."""
        upload, digest = self._uploads[int(track.locator)], hashlib.sha256()
        await asyncio.to_thread(target.write_bytes, b"")
        for key in _part_keys(upload):
            found = await self._store.get(key)
            digest.update(found.data)
            await asyncio.to_thread(_append, target, found.data)
        if digest.hexdigest() != upload.sha256:
            raise DataLoss(f"The upload of {upload.filename} is damaged: upload it again.", reason="UPLOAD_DAMAGED")


async def has_uploads(store: ObjectStore, job: Job) -> bool:
    """True where the files of a job are still stored: those of a failed one are kept for a day."""
    keys = [key for upload in job.uploads for key in _part_keys(upload)[:1]]
    return all([await store.exists(key) for key in keys])


async def remove_uploads(store: ObjectStore, job: Job) -> None:
    """Removes the uploaded files of a job. It is safe to call twice."""
    for upload in job.uploads:
        await remove_upload(store, upload.upload_id)


def _append(target: Path, data: bytes) -> None:
    # Opened and closed in one go: a thread that outlives a cancelled job holds no file open.
    with target.open("ab") as file:
        file.write(data)


def _part_keys(upload: UploadedFile) -> list[str]:
    return [upload_part_key(upload.upload_id, name) for name in upload.parts]


def _stem(filename: str) -> str:
    return filename.rpartition(".")[0] or filename

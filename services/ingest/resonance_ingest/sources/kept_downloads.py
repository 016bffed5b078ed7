"""Downloads that a job keeps in the object store, so that no replica asks a site twice for one file."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import structlog

from resonance.errors import DataLoss, NotFound, ResonanceError
from resonance.store import ObjectStore
from resonance.store.keys import download_key, download_part_key, download_prefix
from resonance_ingest.jobs.job import JobTrack
from resonance_ingest.sources.source import Playlist, Source

_PART_BYTES = 4 * 1024 * 1024
_log = structlog.get_logger("ingest")


class KeptDownloads:
    """A source whose files are copied into the store when they are fetched first, until their job is final."""

    def __init__(self, inner: Source, store: ObjectStore, job_id: str) -> None:
        self._inner = inner
        self._store = store
        self._job_id = job_id

    async def playlist(self) -> Playlist:
        return await self._inner.playlist()

    def digest(self, track: JobTrack) -> str | None:
        return self._inner.digest(track)

    async def fetch(self, track: JobTrack, target: Path) -> None:
        """Writes the kept copy to `target`; where there is none, or it is damaged, the file is fetched and kept."""
        with suppress(NotFound, DataLoss, ValueError, KeyError):
            return await self._load(track.index, target)
        await self._inner.fetch(track, target)
        try:
            await self._keep(track.index, target)
        except ResonanceError as failure:  # such as a full store: the copy only saves a download
            _log.warning("a download is not kept", job=self._job_id, track=track.index, why=failure.message)

    async def _load(self, track_index: int, target: Path) -> None:
        document = json.loads((await self._store.get(download_key(self._job_id, track_index))).data)
        await asyncio.to_thread(target.write_bytes, b"")
        for part_index in range(int(document["part_count"])):
            part = await self._store.get(download_part_key(self._job_id, track_index, part_index))
            await asyncio.to_thread(_append, target, part.data)

    async def _keep(self, track_index: int, path: Path) -> None:
        part_count = 0
        while data := await asyncio.to_thread(_read, path, part_count * _PART_BYTES):
            await self._store.put(download_part_key(self._job_id, track_index, part_count), data)
            part_count += 1
        document = json.dumps({"part_count": part_count}).encode()
        await self._store.put(download_key(self._job_id, track_index), document)


async def remove_downloads(store: ObjectStore, job_id: str) -> None:
    """Removes the kept downloads of a job. It is safe to call twice."""
    for key in [key async for key in store.keys(download_prefix(job_id))]:
        await store.delete(key)


def _read(path: Path, start: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(_PART_BYTES)


def _append(target: Path, data: bytes) -> None:
    # Opened and closed in one go: a thread that outlives a cancelled job holds no file open.
    with target.open("ab") as file:
        file.write(data)

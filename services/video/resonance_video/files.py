"""Files of a video in the object store, in parts under their digest."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from resonance.store import ObjectStore
from resonance.store.keys import video_part_key
from resonance_video.video_document import StoredFile

PART_BYTES = 4 * 1024 * 1024
_BLOCK_BYTES = 256 * 1024


class VideoFiles:
    """Stores and reads files. Equal bytes of one video are stored once; a part is checked with SHA-256 whenever it is read."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(self, video_id: str, path: Path, media_type: str) -> StoredFile:
        """Stores a file and returns its description. It is safe to call twice."""
        sha256, byte_count = await asyncio.to_thread(_digest, path)
        for index, start in enumerate(range(0, byte_count, PART_BYTES)):
            data = await asyncio.to_thread(_read, path, start, PART_BYTES)
            await self._store.put(video_part_key(video_id, sha256, index), data)
        return StoredFile(sha256=sha256, byte_count=byte_count, media_type=media_type)

    async def fetch(self, video_id: str, stored: StoredFile, target: Path) -> Path:
        """Writes a stored file to a path of this machine.

        Raises:
            NotFound, DataLoss: a part is missing or damaged.
        """
        with target.open("wb") as file:
            async with aclosing(self.read(video_id, stored)) as blocks:
                async for block in blocks:
                    await asyncio.to_thread(file.write, block)
        return target

    async def read(
        self, video_id: str, stored: StoredFile, start: int = 0, end: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Bytes [start, end) in blocks; only the parts that hold them are read.

        Raises:
            NotFound, DataLoss: a part is missing or damaged.
        """
        end = stored.byte_count if end is None else min(end, stored.byte_count)
        position = start
        while position < end:
            index, offset = divmod(position, PART_BYTES)
            part = (await self._store.get(video_part_key(video_id, stored.sha256, index))).data
            wanted = part[offset : offset + end - position]
            if not wanted:
                return
            for block in range(0, len(wanted), _BLOCK_BYTES):
                yield wanted[block : block + _BLOCK_BYTES]
            position += len(wanted)

    async def is_there(self, video_id: str, stored: StoredFile) -> bool:
        """True where all parts of the file exist. They are not read."""
        parts = range(0, stored.byte_count, PART_BYTES)
        there = [await self._store.exists(video_part_key(video_id, stored.sha256, i)) for i, _ in enumerate(parts)]
        return all(there)


def _digest(path: Path) -> tuple[str, int]:
    digest, byte_count = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(PART_BYTES):
            digest.update(block)
            byte_count += len(block)
    return digest.hexdigest(), byte_count


def _read(path: Path, start: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(length)

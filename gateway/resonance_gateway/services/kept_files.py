"""Kept files: finished takes as files, made once and kept on the disk by content.

The same samples under the same choice are one file, whether a take or a share link asks for it. Signing gives other
bytes each time, so that the first file is cached while there is room, and its SHA-256 is the entity tag.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from weakref import WeakValueDictionary

from resonance.audio.delivery.delivery import Choice, Delivery
from resonance.audio.delivery.formats import FileFormat
from resonance.audio.delivery.tags import Provenance
from resonance.settings import Settings

_BLOCK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeSound:
    """The model's own samples of a whole take, interleaved 16-bit PCM, and their origin."""

    pcm: bytes
    sample_rate_hz: int
    channel_count: int
    provenance: Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """One file on the disk. `sha256` is of its bytes, and is its entity tag."""

    path: Path
    byte_count: int
    sha256: str
    form: FileFormat

    async def read(self) -> AsyncGenerator[bytes, None]:
        """All bytes."""
        opening = asyncio.ensure_future(asyncio.to_thread(self.path.open, "rb"))
        try:
            file = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_opened)  # the caller left while the thread was opening it
            raise
        with file:
            while block := await asyncio.to_thread(file.read, _BLOCK_BYTES):
                yield block


def _close_opened(opening: asyncio.Future[BufferedReader]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


class KeptFiles:
    """The folder of kept files, with a limit on its size: the ones that were not read for longest go first."""

    def __init__(self, settings: Settings, delivery: Delivery) -> None:
        self._delivery = delivery
        self._folder = settings.data_dir / "delivered"
        self._bytes_max = settings.delivered_bytes_max
        self._turns = asyncio.Semaphore(settings.deliveries_running_max)
        # A lock lives for as long as a caller holds or awaits it.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def get(self, audio_sha256: str, choice: Choice, read_sound: Callable[[], Awaitable[WholeSound]]) -> KeptFile:
        """The file of these samples, made from `read_sound` where it is not there yet. Callers who ask at once wait for one making."""
        key = self._delivery.content_key(audio_sha256, choice)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            found = await asyncio.to_thread(self._find, key, choice.form)
            if found is not None:
                return found
            sound = await read_sound()
            async with self._turns:
                return await asyncio.to_thread(self._make, key, choice, sound)

    def _find(self, key: str, form: FileFormat) -> KeptFile | None:
        for path in self._folder.glob(f"{key}-*{form.endings[0]}"):
            with suppress(OSError):
                os.utime(path)
                sha256 = path.stem.partition("-")[2]
                return KeptFile(path=path, byte_count=path.stat().st_size, sha256=sha256, form=form)
        return None

    def _make(self, key: str, choice: Choice, sound: WholeSound) -> KeptFile:
        data = self._delivery.file(
            sound.pcm,
            sound.provenance,
            choice,
            sample_rate_hz=sound.sample_rate_hz,
            channel_count=sound.channel_count,
        )
        sha256 = hashlib.sha256(data).hexdigest()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{key}-{sha256}{choice.form.endings[0]}"
        partial = path.with_suffix(".partial")
        partial.write_bytes(data)
        partial.replace(path)
        self._forget_old(path)
        return KeptFile(path=path, byte_count=len(data), sha256=sha256, form=choice.form)

    def _forget_old(self, newest: Path) -> None:
        """Removes files until the rest fit. A reader who has one open reads it to its end."""
        files = [(path.stat().st_mtime, path.stat().st_size, path) for path in self._folder.iterdir() if path != newest]
        room = self._bytes_max - newest.stat().st_size
        for _, size, path in sorted(files, reverse=True):
            room -= size
            if room < 0:
                path.unlink(missing_ok=True)

"""Kept files: a reader who leaves while the file is being opened leaves no open file behind."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path

from support.polling import eventually

from resonance.audio.delivery.formats import FORMATS
from resonance_gateway.services.kept_files import KeptFile


async def test_a_reader_who_leaves_while_the_file_is_opened_leaves_it_closed(tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    os.mkfifo(path)  # its opening waits for a writer
    kept = KeptFile(path=path, byte_count=0, sha256="", form=next(iter(FORMATS.values())))
    reading = asyncio.create_task(anext(kept.read()))
    await asyncio.sleep(0.1)
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading
    writer = await asyncio.to_thread(os.open, path, os.O_WRONLY)

    def is_closed() -> bool:
        try:
            os.write(writer, b"x")
        except BrokenPipeError:
            return True
        return False

    try:
        await eventually(is_closed, deadline_s=10.0)
    finally:
        os.close(writer)

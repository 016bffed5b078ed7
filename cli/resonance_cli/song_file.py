"""Writes a take to a WAV file while it is made; the file appears whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.progress import Progress

from resonance.audio.provenance import provenance_texts
from resonance.audio.wav import wav_header
from resonance.errors import DataLoss
from resonance.v1 import generate_pb2


def write_song(
    path: Path,
    responses: Iterator[generate_pb2.GenerateResponse],
    progress: Progress,
    tell: Callable[[str], None],
) -> generate_pb2.Take:
    """Writes the take's messages; `tell` gets what was changed about the request, a sentence each.

    Raises:
        DataLoss: what came is not what the end mark says.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    digest, take = hashlib.sha256(), generate_pb2.Take()
    try:
        with partial.open("wb") as file:
            bar = progress.add_task("making music", total=None)
            for response in responses:
                event = response.WhichOneof("event")
                if event == "started":
                    file.write(_header_of(response.started))
                    progress.update(bar, total=response.started.sample_count_total)
                    for notice in response.started.notices:
                        tell(notice)
                elif event == "chunk":
                    file.write(response.chunk.data)
                    digest.update(response.chunk.data)
                    progress.advance(bar, response.chunk.sample_count)
                else:
                    take = response.finished.take
                    if digest.digest() != response.finished.end.sha256:
                        raise DataLoss("the take was not received as it was made; ask again", reason="STREAM_DAMAGED")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return take


def _header_of(started: generate_pb2.GenerationStarted) -> bytes:
    return wav_header(
        sample_rate_hz=started.format.sample_rate_hz,
        channel_count=started.format.channel_count,
        sample_count=started.sample_count_total,
        info=provenance_texts(started),
    )

"""Atomic WAV file of a take that is being made.

It appears whole or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.progress import Progress

from resonance.audio.provenance import provenance_texts
from resonance.audio.wav import wav_header
from resonance.v1 import generate_pb2


def write_song(
    path: Path,
    responses: Iterator[generate_pb2.GenerateResponse],
    progress: Progress,
    warn: Callable[[str], None],
) -> generate_pb2.Take:
    """Writes the messages of `Client.stream`, which verifies them; `warn` gets each notice of the take.

    A stream that fails leaves no file behind.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    take = generate_pb2.Take()
    try:
        with partial.open("wb") as file:
            bar = progress.add_task("making music", total=None)
            for response in responses:
                event = response.WhichOneof("event")
                if event == "started":
                    file.write(_wav_header(response.started))
                    progress.update(bar, total=response.started.sample_count_total)
                    for notice in response.started.notices:
                        warn(notice)
                elif event == "chunk":
                    file.write(response.chunk.data)
                    progress.advance(bar, response.chunk.sample_count)
                else:
                    take = response.finished.take
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return take


def _wav_header(started: generate_pb2.GenerationStarted) -> bytes:
    return wav_header(
        sample_rate_hz=started.format.sample_rate_hz,
        channel_count=started.format.channel_count,
        sample_count=started.sample_count_total,
        info=provenance_texts(started),
    )

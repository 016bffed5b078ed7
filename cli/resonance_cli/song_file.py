"""Sound file of a take, written while the take is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from rich.progress import Progress

from resonance.audio.provenance import provenance_texts
from resonance.audio.wav import wav_header
from resonance.v1 import generate_pb2
from resonance_cli.output import open_output
from resonance_cli.terminal import describe_wait


def write_song(
    path: Path,
    responses: Iterator[generate_pb2.GenerateResponse],
    progress: Progress,
    warn: Callable[[str], None],
) -> generate_pb2.Take:
    """Writes the messages of `Client.stream`, which verifies them; `warn` gets each notice of the take, and its place while it waits.

    A stream that fails leaves no file behind. What has gone into a pipe or a device has gone.
    """
    take = generate_pb2.Take()
    with open_output(path) as output:
        bar = progress.add_task("making music", total=None)
        told = (0, False)
        for response in responses:
            event = response.WhichOneof("event")
            if event == "started":
                output.file.write(_wav_header(response.started))
                progress.update(bar, total=response.started.sample_count_total)
                for notice in response.started.notices:
                    warn(notice)
            elif event == "chunk":
                output.file.write(response.chunk.data)
                progress.update(bar, description="making music", advance=response.chunk.sample_count)
            elif event == "queued":
                progress.update(bar, description=describe_wait(response.queued))
                if progress.disable and not response.queued.is_parked and told != (response.queued.place, False):
                    told = (response.queued.place, False)
                    warn(describe_wait(response.queued))
            elif event == "finished":
                take = response.finished.take
    return take


def _wav_header(started: generate_pb2.GenerationStarted) -> bytes:
    return wav_header(
        sample_rate_hz=started.format.sample_rate_hz,
        channel_count=started.format.channel_count,
        sample_count=started.sample_count_total,
        info=provenance_texts(started),
    )

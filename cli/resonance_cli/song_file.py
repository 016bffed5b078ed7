"""Sound file of a take: at once into a pipe, at the end into a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from rich.progress import Progress

from resonance.audio.delivery.delivery import Choice, Delivery, LiveFile
from resonance.audio.delivery.formats import WAV, format_named, format_of_path
from resonance.audio.delivery.tags import Provenance
from resonance.errors import invalid_field
from resonance.v1 import generate_pb2
from resonance_cli.output import Output, is_stdout, open_output
from resonance_cli.terminal import describe_wait


def write_song(
    path: Path,
    responses: Iterator[generate_pb2.GenerateResponse],
    progress: Progress,
    warn: Callable[[str], None],
    *,
    delivery: Delivery,
    choice: Choice,
) -> generate_pb2.Take:
    """Writes the messages of `Client.stream`, which verifies them; `warn` gets each notice of the take, and its place while it waits.

    A file is levelled by the loudness of the whole take, like a download. A pipe or a device gets the live rendition while the take is
    made. A stream that fails leaves no file behind. What has gone into a pipe or a device has gone.
    """
    take = generate_pb2.Take()
    with open_output(path) as output:
        bar = progress.add_task("making music", total=None)
        told = (0, False)
        notice_count = 0
        sound: SoundWriter | None = None
        for response in responses:
            event = response.WhichOneof("event")
            if event == "started":
                sound = SoundWriter(output, delivery, choice, response.started)
                progress.update(bar, total=response.started.sample_count_total)
                notice_count = len(response.started.notices)
                for notice in response.started.notices:
                    warn(notice)
            elif event == "chunk" and sound is not None:
                sound.write(response.chunk.data)
                progress.update(bar, description="making music", advance=response.chunk.sample_count)
            elif event == "progress":
                progress.update(
                    bar, completed=response.progress.sample_count, total=response.progress.sample_count_total
                )
            elif event == "queued":
                progress.update(bar, description=describe_wait(response.queued))
                if progress.disable and not response.queued.is_parked and told != (response.queued.place, False):
                    told = (response.queued.place, False)
                    warn(describe_wait(response.queued))
            elif event == "finished":
                take = response.finished.take
                for notice in take.notices[notice_count:]:
                    warn(notice)
                if sound is not None:
                    sound.finish()
    return take


def write_variations(
    path: Path,
    responses: Iterator[generate_pb2.GenerateVariationsResponse],
    progress: Progress,
    warn: Callable[[str], None],
    *,
    delivery: Delivery,
    choice: Choice,
) -> list[tuple[Path, generate_pb2.Take]]:
    """Writes the messages of `Client.variations`: each finished take into a file of its own (`song-1.wav`), at its end.

    `warn` gets the notices of the first take, and each variation that failed. Returns the files and their takes, by number.
    """
    written: dict[int, tuple[Path, generate_pb2.Take]] = {}
    started: dict[int, generate_pb2.GenerationStarted] = {}
    pcm: dict[int, list[bytes]] = {}
    bar = progress.add_task("making music", total=None)
    for message in responses:
        number, response = message.variation, message.response
        if message.HasField("failed"):
            warn(f"variation {number} failed: {message.failed.message} [{message.failed.reason}]")
            pcm.pop(number, None)
        elif response.HasField("started"):
            for notice in response.started.notices if not started else ():
                warn(notice)
            started[number], pcm[number] = response.started, []
            progress.update(bar, total=sum(one.sample_count_total for one in started.values()))
        elif response.HasField("chunk"):
            pcm[number].append(response.chunk.data)
            progress.update(bar, advance=response.chunk.sample_count)
        elif response.HasField("finished"):
            place = variation_path(path, number)
            with open_output(place) as output:
                sound = SoundWriter(output, delivery, choice, started[number])
                sound.write(b"".join(pcm.pop(number)))
                sound.finish()
            written[number] = place, response.finished.take
    return [written[number] for number in sorted(written)]


def variation_path(path: Path, number: int) -> Path:
    """The file of one variation: its number stands before the ending."""
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


class SoundWriter:
    """Samples into an output: at once into a stream, at the end into a file."""

    def __init__(
        self,
        output: Output,
        delivery: Delivery,
        choice: Choice,
        started: generate_pb2.GenerationStarted,
        *,
        is_live: bool = False,
    ) -> None:
        self._output, self._delivery, self._choice = output, delivery, choice
        self._provenance = Provenance.of(started, is_live=is_live)
        self._form = {
            "sample_rate_hz": started.format.sample_rate_hz,
            "channel_count": max(1, started.format.channel_count),
        }
        self._pcm: list[bytes] = []
        self._live: LiveFile | None = None
        if output.is_stream and not started.is_loop:  # a loop is there as a whole, and is mastered as one
            count = started.sample_count_total or None
            self._live = delivery.live(self._provenance, choice, sample_count=count, **self._form)
            output.file.write(self._live.start())

    def write(self, pcm: bytes) -> None:
        """Takes in the next samples."""
        if self._live is not None:
            self._output.file.write(self._live.push(pcm))
        else:
            self._pcm.append(pcm)

    def finish(self) -> None:
        """Writes the rest of a stream, or the file."""
        if self._live is not None:
            self._output.file.write(self._live.finish())
        else:
            pcm = b"".join(self._pcm)
            self._output.file.write(self._delivery.file(pcm, self._provenance, self._choice, **self._form))


def check_variations_output(out: Path) -> None:
    """Raises InvalidInput where the output cannot have a number in its name: standard output, a pipe or a device."""
    if is_stdout(out) or (out.exists() and not out.is_file()):
        raise invalid_field("out", "NOT_A_FILE", f"several takes need files of their own, and {out} is none")


def read_choice(out: Path, *, name: str, raw: bool, level: bool) -> Choice:
    """The choice of a command: the named format, else that of the file's ending.

    Raises:
        InvalidInput: the format or the ending is unknown, or raw samples are asked for in a lossy format.
    """
    is_plain = is_stdout(out) or str(out).startswith("/dev/")
    form = format_named(name) if name else WAV if is_plain else format_of_path(out)
    return Choice(form=form, is_raw=raw, is_levelled=level)

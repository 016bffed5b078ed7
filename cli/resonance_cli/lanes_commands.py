"""Commands `lanes`: the lanes of a take into a file, and the music of such a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resonance.audio.delivery.delivery import Delivery
from resonance.audio.delivery.formats import NAMES
from resonance.client.client import DEFAULT_ADDRESS
from resonance.errors import NotFound
from resonance.lanes import LanesFile, build_lanes_request, read_lanes, write_lanes
from resonance.settings import read_settings
from resonance_cli.clients import open_client
from resonance_cli.output import is_stdout, open_output
from resonance_cli.song_file import read_choice, write_song
from resonance_cli.terminal import Address, AsJson, console, exit_on_error, progress_bar, warn

lanes_app = typer.Typer(
    help="Lanes: what was moved when in a piece, as an open file (*.resonance.json).", no_args_is_help=True
)


@lanes_app.command("export")
def export(
    take: Annotated[str, typer.Argument(help="Id of a finished take, or of a performance that was kept.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file to write; TAKE.resonance.json if absent; - is standard output."),
    ] = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Writes the lanes of a take into a file: curves, words, seed and digests."""
    with exit_on_error(), open_client(address) as client:
        text = write_lanes(client.lanes(take))
        path = out or Path(f"{take}.resonance.json")
        with open_output(path) as output:
            output.file.write(text.encode())
    if not is_stdout(path):
        console.print(f"{path}: written")


@lanes_app.command("play")
def play(
    lanes: Annotated[Path, typer.Argument(help="A file of `lanes export`, as it is or edited.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The file to write; its ending is its format; - is standard output.")
    ] = Path("song.wav"),
    seed: Annotated[int | None, typer.Option(help="Another seed than the file's.")] = None,
    form: Annotated[str, typer.Option("--format", help=f"{NAMES}; without it the file's ending decides.")] = "",
    raw: Annotated[bool, typer.Option("--raw", help="The model's own samples to the bit; wav or flac.")] = False,
    level: Annotated[bool, typer.Option(help="Brings the music to the target loudness.")] = True,
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Makes the music of a lanes file. An edit at a time changes no sample before it."""
    with exit_on_error():
        known = _read(lanes)
        choice, delivery = read_choice(out, name=form, raw=raw, level=level), Delivery(read_settings())
    with exit_on_error(), open_client(address) as client, progress_bar(as_json) as progress:
        asked = build_lanes_request(known, client.model(), seed=seed)
        for notice in asked.notices:
            warn(notice)
        take = write_song(out, client.stream(asked.request), progress, warn, delivery=delivery, choice=choice)
    if not is_stdout(out):
        console.print(f"{out}: {take.duration_s:g} s, seed {take.seed}, take {take.request_id}")


def _read(path: Path) -> LanesFile:
    """The file. Raises NotFound where there is none, InvalidInput where it is no lanes file."""
    try:
        return read_lanes(path.read_bytes())
    except OSError as fault:
        raise NotFound(f"{path} cannot be read: {fault.strerror}") from fault

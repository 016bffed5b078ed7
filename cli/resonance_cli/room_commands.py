"""Commands `room`: opening a room, and playing or listening in one."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from resonance.any_text import to_text
from resonance.audio.delivery.delivery import Delivery
from resonance.audio.delivery.formats import NAMES
from resonance.client.client import DEFAULT_ADDRESS
from resonance.ids import new_request_id
from resonance.settings import read_settings
from resonance.v1 import generate_pb2, rooms_pb2
from resonance_cli.arguments import parse_sliders
from resonance_cli.clients import open_async_client
from resonance_cli.output import is_stdout
from resonance_cli.room_member import RoomMember
from resonance_cli.song_file import read_choice
from resonance_cli.terminal import Address, AsJson, exit_on_error, say, warn

room_app = typer.Typer(
    help="Rooms: one live performance that several people play and others hear.", no_args_is_help=True
)


@room_app.command("open")
def open_room(
    prompt: Annotated[str, typer.Argument(help="What the music should be at the start.")],
    name: Annotated[str, typer.Option(help="The name of the room.")] = "",
    offer: Annotated[list[str] | None, typer.Option(help="Id of a taste that all may use; may be repeated.")] = None,
    slider: Annotated[list[str] | None, typer.Option(help="NAME=POSITION of your own part; may be repeated.")] = None,
    bpm: Annotated[float | None, typer.Option(help="Tempo; changes then begin at bar lines.")] = None,
    keep: Annotated[bool, typer.Option(help="Keeps the first ten minutes as a take.")] = False,
    page: Annotated[str, typer.Option(help="Address of the gateway, for links.")] = "http://127.0.0.1:8000",
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Opens a room and prints its links. The music begins when somebody joins; the owner's link is yours alone."""
    opening = generate_pb2.PerformOpening(keep=keep, request_id=new_request_id())

    async def run() -> rooms_pb2.OpenRoomResponse:
        async with open_async_client(address) as client:
            return await client.rooms.open(opening, name=to_text(name, field="name"), offered_taste_ids=offer or [])

    with exit_on_error():
        opening.recipe.prompts.add(text=to_text(prompt, field="prompt"))
        for slider_name, position in parse_sliders(slider or []).items():
            setattr(opening.recipe.sliders, slider_name, position)
        if bpm is not None:
            opening.recipe.bpm = bpm
        room = asyncio.run(run())
    tokens = {"owner": room.owner_token, "play": room.play_token, "listen": room.listen_token}
    if as_json:
        print(json.dumps({"room_id": room.room_id, "request_id": room.request_id} | tokens))
        return
    for role, token in tokens.items():
        shared = f".{room.play_token}.{room.listen_token}" if role == "owner" else ""
        print(f"{role:<7} {page.rstrip('/')}/rooms/{room.room_id}#{token}{shared}")


@room_app.command("join")
def join_room(
    link: Annotated[str, typer.Argument(help="The link to a room, or ROOM#TOKEN.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The file to write; its ending is its format; - is standard output.")
    ] = Path("room.wav"),
    name: Annotated[str, typer.Option(help="Your name, as the others see it.")] = "",
    duration_s: Annotated[float, typer.Option(help="Leaves after so many seconds of sound.")] = 60.0,
    form: Annotated[str, typer.Option("--format", help=f"{NAMES}; without it the file's ending decides.")] = "",
    raw: Annotated[bool, typer.Option("--raw", help="The model's own samples to the bit; wav or flac.")] = False,
    level: Annotated[bool, typer.Option(help="Brings the music to the target loudness.")] = True,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Joins a room and writes what is heard. Lines on standard input play: slider NAME=POSITION, taste ID=STRENGTH, leave; for the
    owner also prompt WORDS, pause, play, stop."""
    with exit_on_error():
        choice, delivery = read_choice(out, name=form, raw=raw, level=level), Delivery(read_settings())
        member = RoomMember(link, to_text(name, field="name"), warn if is_stdout(out) else say, delivery, choice)

    async def run() -> None:
        async with open_async_client(address) as client:
            await member.play(client, out, sys.stdin, duration_s=duration_s)

    with exit_on_error():
        asyncio.run(run())
        (warn if is_stdout(out) else say)(f"{out}: written")

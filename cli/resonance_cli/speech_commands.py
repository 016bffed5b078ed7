"""Commands of speech: `say`, `narrate`, `transcribe`, `voices`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from google.protobuf import json_format

from resonance.any_text import to_text
from resonance.audio.delivery.delivery import Choice, Delivery
from resonance.audio.delivery.formats import NAMES
from resonance.audio.delivery.tags import Provenance
from resonance.audio.provenance import speech_texts
from resonance.client import AsyncClient
from resonance.client.client import DEFAULT_ADDRESS
from resonance.client.take_reader import read_take
from resonance.errors import NotFound
from resonance.ids import sha256_hex
from resonance.rpc.calls import stream_call
from resonance.settings import read_settings
from resonance.v1 import generate_pb2
from resonance_cli.clients import open_async_client
from resonance_cli.output import open_output
from resonance_cli.script_parts import parse_section
from resonance_cli.song_file import read_choice
from resonance_cli.terminal import Address, AsJson, console, exit_on_error, warn

app = typer.Typer()
Out = Annotated[
    Path, typer.Option("--out", "-o", help="The file to write; its ending is its format; - is standard output.")
]
Form = Annotated[str, typer.Option("--format", help=f"{NAMES}; without it the file's ending decides.")]
VoiceName = Annotated[str, typer.Option(help="One of `resonance voices`.")]
Speed = Annotated[float | None, typer.Option(help="Pace, from 0.5 to 2.")]
Result = TypeVar("Result")


@app.command()
def say(
    text: Annotated[str, typer.Argument(help="What is said.")],
    out: Out = Path("speech.wav"),
    voice: VoiceName = "",
    speed: Speed = None,
    form: Form = "",
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Speaks a text into a sound file."""
    with exit_on_error():
        words = to_text(text, field="text")
        choice = read_choice(out, name=form, raw=False, level=True)
        spoken = _ask(address, lambda client: client.speech.speak(words, voice=voice, speed=speed))
        texts = speech_texts(words, voice_id=spoken.voice.voice_id, terms=spoken.voice.license)
        provenance = Provenance(info=texts, recipe_id=sha256_hex(words.encode())[:16], model_id=spoken.voice.voice_id)
        seconds = len(spoken.pcm) / 2 / spoken.sample_rate_hz
        _write(out, spoken.pcm, provenance, choice, sample_rate_hz=spoken.sample_rate_hz, channel_count=1)
        console.print(f"{out}: {seconds:.1f} s, voice {spoken.voice.voice_id}")


@app.command()
def narrate(
    take: Annotated[str, typer.Argument(help="Id of a finished take.")],
    script: Annotated[
        list[str], typer.Argument(help="What is said over it; each part may begin with a time, as in '12: Rain falls.'")
    ],
    out: Out = Path("narrated.wav"),
    voice: VoiceName = "",
    speed: Speed = None,
    form: Form = "",
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Speaks a script over a take, which becomes a new take, and writes that one."""
    with exit_on_error():
        choice = read_choice(out, name=form, raw=False, level=True)
        sections = [parse_section(to_text(part, field="script")) for part in script]

        async def make(client: AsyncClient) -> tuple[generate_pb2.Take, bytes]:
            await _tell_estimate(client, voice, [text for text, _ in sections])
            made = await client.speech.narrate(take, sections, voice=voice, speed=speed)
            return made, await _read_pcm(client, made.request_id)

        made, pcm = _ask(address, make)
        for notice in made.notices:
            warn(notice)
        audio = made.format
        _write(
            out,
            pcm,
            Provenance.of(made),
            choice,
            sample_rate_hz=audio.sample_rate_hz,
            channel_count=max(1, audio.channel_count),
        )
        cost = f", about ${made.cost_usd:.4f}" if made.cost_usd else ""
        console.print(f"{out}: take {made.request_id}, {len(made.narration.sentences)} sentences{cost}")


@app.command()
def transcribe(
    file: Annotated[Path, typer.Argument(help="A recording of at most 30 seconds.")],
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Writes down what is said in a recording."""
    with exit_on_error():
        if not file.is_file():
            raise NotFound(f"{file} is not a file", reason="NO_SUCH_FILE")
        heard = _ask(address, lambda client: client.speech.transcribe(file))
        print(json_format.MessageToJson(heard, preserving_proto_field_name=True) if as_json else heard.text)


@app.command()
def voices(address: Address = DEFAULT_ADDRESS) -> None:
    """Lists the voices, the default one first."""
    with exit_on_error():
        for voice in _ask(address, lambda client: client.speech.voices()):
            where = "here" if voice.is_local else "at a server"
            print(f"{voice.voice_id}\t{voice.language or '-'}\t{where}\t{voice.description}")


def _ask(address: str, work: Callable[[AsyncClient], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        async with open_async_client(address) as client:
            return await work(client)

    return asyncio.run(run())


async def _tell_estimate(client: AsyncClient, voice_id: str, texts: list[str]) -> None:
    """Says what a script will cost before any of it is spoken, where its voice costs something."""
    if not voice_id:
        return
    found = [voice for voice in await client.speech.voices() if voice.voice_id == voice_id and voice.price_usd]
    for voice in found:
        usd = voice.price_usd * sum(map(len, texts)) / 1000
        console.print(f"about ${usd:.4f} (price of {voice.price_day}); the words leave this installation")


async def _read_pcm(client: AsyncClient, request_id: str) -> bytes:
    """The verified samples of a stored take."""
    asked = generate_pb2.StreamTakeRequest(request_id=request_id)
    parts: list[bytes] = []
    async with aclosing(stream_call(client.generate.StreamTake(asked))) as responses:
        async for response in read_take(responses):
            parts.append(response.chunk.data)
    return b"".join(parts)


def _write(
    out: Path, pcm: bytes, provenance: Provenance, choice: Choice, *, sample_rate_hz: int, channel_count: int
) -> None:
    file = Delivery(read_settings()).file(
        pcm, provenance, choice, sample_rate_hz=sample_rate_hz, channel_count=channel_count
    )
    with open_output(out) as output:
        output.file.write(file)

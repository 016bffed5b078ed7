"""Command `adopt`: makes a new model ready, exports and imports what was made."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf import json_format
from rich.progress import Progress, TaskID

from resonance.client.client import DEFAULT_ADDRESS
from resonance.errors import NotFound, invalid_field
from resonance.settings import read_settings
from resonance.v1 import extract_pb2
from resonance_cli.clients import open_async_client
from resonance_cli.terminal import Address, AsJson, console, exit_on_error, progress_bar

app = typer.Typer()
_RUNNING = extract_pb2.ADOPTION_STATE_RUNNING


@app.command()
def adopt(
    export: Annotated[
        Path | None, typer.Option("--export", help="Writes what was made to this file, when nothing is missing.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--import", help="Takes the file of another installation of the same model in.")
    ] = None,
    status: Annotated[bool, typer.Option("--status", help="Tells how far it is, and begins nothing.")] = False,
    as_json: AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Makes the loaded model ready: reference, sliders, safe ranges and layer scans. The work survives this command and restarts."""
    with exit_on_error(), progress_bar(as_json) as progress:
        if source is not None and (export is not None or status):
            raise invalid_field("import", "ONE_ACTION", "an import goes with no other action")
        adoption = asyncio.run(_adopt(address, progress, export, source, status))
    if as_json:
        print(json_format.MessageToJson(adoption, preserving_proto_field_name=True))
    else:
        _tell(adoption)


async def _adopt(
    address: str, progress: Progress, export: Path | None, source: Path | None, is_status: bool
) -> extract_pb2.Adoption:
    data = _read(source) if source is not None else b""
    async with open_async_client(address, service_key=read_settings().service_key) as client:
        if source is not None:
            taken = await client.adoption.take_in(data)
            console.print(f"{source}: {taken.object_count} objects taken in")
            return taken.adoption
        if is_status:
            return await client.adoption.get()
        bar = progress.add_task("looking", total=1.0)
        adoption = await client.adoption.run(on_change=lambda adoption: _show(adoption, progress, bar))
        if export is not None:
            data = await client.adoption.export()
            export.write_bytes(data)  # noqa: ASYNC240  nothing else runs in this process
            console.print(f"{export}: {len(data) / 2**20:.1f} MiB")
        return adoption


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise NotFound(f"{path} is not a file", reason="NO_SUCH_FILE")
    return path.read_bytes()


def _show(adoption: extract_pb2.Adoption, progress: Progress, bar: TaskID) -> None:
    """Moves the bar: parts that are done, and the share of the part in hand."""
    part = next((part for part in adoption.parts if part.state == _RUNNING), None)
    share = part.done / part.total if part is not None and part.total else 0.0
    words = [part.name if part is not None else "", _time_left(adoption)]
    if adoption.progress.waiting:
        words.append(f"waits for {adoption.progress.waiting}")
    progress.update(
        bar,
        completed=adoption.progress.done + share,
        total=adoption.progress.total,
        description=", ".join(word for word in words if word) or "ready",
    )


def _time_left(adoption: extract_pb2.Adoption) -> str:
    if not adoption.HasField("seconds_left"):
        return ""
    left_s = adoption.seconds_left
    return f"{left_s:.0f} s left" if left_s < 90 else f"{left_s / 60:.0f} min left"


def _tell(adoption: extract_pb2.Adoption) -> None:
    state = extract_pb2.AdoptionState.Name(adoption.state).removeprefix("ADOPTION_STATE_").lower()
    left = _time_left(adoption)
    print(f"{state}: {adoption.progress.done} of {adoption.progress.total} parts" + (f", {left}" if left else ""))
    for part in adoption.parts:
        if part.note:
            console.print(f"  {part.name}: {part.note}")

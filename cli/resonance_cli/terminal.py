"""What all commands share: the client, the bar, and how errors are told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from resonance.client.client import Client
from resonance.errors import ResonanceError
from resonance.settings import read_settings

console = Console(stderr=True)
AsJson = Annotated[bool, typer.Option("--json", help="Prints the result as JSON, for programs; no progress bar.")]
Address = Annotated[str, typer.Option(help="host:port of the services.", envvar="RESONANCE_GRPC_ADDR")]


def open_client(address: str) -> Client:
    """A client with the key of the settings."""
    return Client(address, api_key=read_settings().api_key)


def progress_bar(as_json: bool) -> Progress:
    """A bar for people on a terminal; nothing for programs."""
    return Progress(console=console, transient=True, disable=as_json or not console.is_terminal)


def say(text: str) -> None:
    """A line of what goes on."""
    print(f"resonance: {text}", flush=True)


def warn(text: str) -> None:
    """A line about what was changed, beside what programs read."""
    print(f"resonance: {text}", file=sys.stderr, flush=True)


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Ends with the error's sentence and code 1, without a traceback."""
    try:
        yield
    except (ResonanceError, OSError) as failure:
        reason = f" [{failure.reason}]" if isinstance(failure, ResonanceError) else ""
        print(f"resonance: {failure}{reason}", file=sys.stderr)
        raise typer.Exit(1) from None

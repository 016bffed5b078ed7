"""Client, progress bar, output and errors of all commands."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from resonance.client import Client
from resonance.errors import ResonanceError
from resonance.settings import read_settings

console = Console(stderr=True)
AsJson = Annotated[bool, typer.Option("--json", help="Prints the result as JSON, for programs; no progress bar.")]
Address = Annotated[str, typer.Option(help="host:port of the services.", envvar="RESONANCE_GRPC_ADDR")]


def open_client(address: str) -> Client:
    """A client with the API key of the settings."""
    return Client(address, api_key=read_settings().api_key)


def progress_bar(as_json: bool) -> Progress:
    """A progress bar on a terminal; disabled for JSON output and pipes."""
    return Progress(console=console, transient=True, disable=as_json or not console.is_terminal)


def say(text: str) -> None:
    """Prints a progress line."""
    print(f"resonance: {text}", flush=True)


def warn(text: str) -> None:
    """Prints a notice to standard error, so that standard output stays machine-readable."""
    print(f"resonance: {text}", file=sys.stderr, flush=True)


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Prints an error's message and exits with code 1, without a traceback."""
    try:
        yield
    except (ResonanceError, OSError) as failure:
        reason = f" [{failure.reason}]" if isinstance(failure, ResonanceError) else ""
        print(f"resonance: {failure}{reason}", file=sys.stderr)
        raise typer.Exit(1) from None

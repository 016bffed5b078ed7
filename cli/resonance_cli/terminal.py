"""Progress bar, output and errors of all commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from resonance.errors import ResonanceError
from resonance.v1 import generate_pb2

console = Console(stderr=True)
AsJson = Annotated[bool, typer.Option("--json", help="Prints the result as JSON, for programs; no progress bar.")]
Address = Annotated[str, typer.Option(help="host:port of the services.", envvar="RESONANCE_GRPC_ADDR")]


def progress_bar(as_json: bool) -> Progress:
    """A progress bar on a terminal; disabled for JSON output and pipes."""
    return Progress(console=console, transient=True, disable=as_json or not console.is_terminal)


def say(text: str) -> None:
    """Prints a progress line."""
    print(f"resonance: {text}", flush=True)


def warn(text: str) -> None:
    """Prints a notice to standard error, so that standard output stays machine-readable."""
    print(f"resonance: {text}", file=sys.stderr, flush=True)


def describe_wait(queued: generate_pb2.GenerationQueued) -> str:
    """The place of a request that waits, and about how long."""
    if queued.is_parked:
        return "waiting, with much music in hand"
    about = f", about {queued.wait_s:.0f} s" if queued.HasField("wait_s") else ""
    return f"waiting in line at place {queued.place}{about}"


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Prints an error's message and exits with code 1, without a traceback."""
    try:
        yield
    except BrokenPipeError:
        quiet_stdout()
        print("resonance: the reader of the output has closed it", file=sys.stderr)
        raise typer.Exit(1) from None
    except (ResonanceError, OSError) as failure:
        reason = f" [{failure.reason}]" if isinstance(failure, ResonanceError) else ""
        print(f"resonance: {failure}{reason}", file=sys.stderr)
        raise typer.Exit(1) from None


def quiet_stdout() -> None:
    """Lets the rest of standard output go nowhere, so that its last flush does not fail once more."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)

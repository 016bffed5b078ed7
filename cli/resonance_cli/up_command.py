"""Command `up`: everything in one process."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack

import typer

from resonance.extras import missing_extra_named
from resonance.process import run_process
from resonance.settings import Settings
from resonance_cli.terminal import say

app = typer.Typer()


@app.command()
def up() -> None:
    """Starts everything in one process; settings are RESONANCE_* variables; ends on SIGTERM or Ctrl-C."""
    quiet_libraries()
    with missing_extra_named("all"):
        from resonance_app.all_in_one import all_in_one

    async def start(settings: Settings, stack: AsyncExitStack) -> None:
        running = await stack.enter_async_context(all_in_one(settings, say))
        print(f"\n  Resonance is ready: {running.http_url}\n", flush=True)

    run_process("all-in-one", start)


def quiet_libraries() -> None:
    """Turns off the progress output of the model's libraries. Must be called before they are imported."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

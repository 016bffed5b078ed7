"""Operator commands `bench load`, `store check`."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from resonance.client.client import DEFAULT_ADDRESS
from resonance.settings import read_settings
from resonance.store import open_store
from resonance.store.check import check_store
from resonance_cli.clients import client_options
from resonance_cli.load_test import LoadPlan, bombard, summary
from resonance_cli.terminal import Address, exit_on_error, progress_bar

store_app = typer.Typer(help="Maintains the object store.", no_args_is_help=True)
bench_app = typer.Typer(help="Measures a running system.", no_args_is_help=True)


@bench_app.command("load")
def bench_load(
    rate_hz: Annotated[float, typer.Option(min=0.001, help="Arrivals a second, at random (Poisson).")] = 0.2,
    duration_s: Annotated[float, typer.Option(min=1, help="How long new listeners arrive, in seconds.")] = 60.0,
    take_s: Annotated[float, typer.Option(min=1, max=300, help="Length of every take, in seconds.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Repeats the arrivals.")] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also writes the figures of every listener, as JSON.")
    ] = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Load test: listeners arrive at random and play at once. Prints first sound, gaps, underruns and goodput as JSON."""
    plan = LoadPlan(rate_hz=rate_hz, duration_s=duration_s, take_s=take_s, seed=seed)
    with exit_on_error(), progress_bar(as_json=False) as progress:
        task = progress.add_task("listeners arrive", total=duration_s)
        load = bombard(address, plan, lambda done_s: progress.update(task, completed=done_s), **client_options())
        listeners = asyncio.run(load)
    figures = summary(plan, listeners)
    if out is not None:
        out.write_text(json.dumps({**figures, "listeners": [asdict(one) for one in listeners]}, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


@store_app.command("check")
def check_objects(
    prefix: Annotated[str, typer.Argument(help="Only objects whose key has this prefix.")] = "",
) -> None:
    """Verifies every stored object and names the damaged ones; exits with 1 if there are any. Settings are RESONANCE_* variables."""
    with exit_on_error():
        damaged = asyncio.run(_check_objects(prefix))
    if damaged:
        raise typer.Exit(1)


async def _check_objects(prefix: str) -> int:
    store = await open_store(read_settings())
    good = damaged = 0
    try:
        async with aclosing(check_store(store, prefix)) as objects:
            async for one in objects:
                good, damaged = good + (not one.damage), damaged + bool(one.damage)
                if one.damage:
                    print(f"{one.key}: {one.damage}")
    finally:
        await store.close()
    print(f"{good} objects are whole, {damaged} are damaged")
    return damaged

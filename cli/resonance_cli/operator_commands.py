"""Operator commands `bench load`, `keys`, `store check`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from resonance.api_keys import ApiKey, ApiKeys
from resonance.client.client import DEFAULT_ADDRESS
from resonance.settings import read_settings
from resonance.store import open_store
from resonance.store.check import check_store
from resonance_cli.clients import client_options
from resonance_cli.load_test import LoadPlan, bombard, summary
from resonance_cli.terminal import Address, console, exit_on_error, progress_bar

store_app = typer.Typer(help="Maintains the object store.", no_args_is_help=True)
bench_app = typer.Typer(help="Measures a running system.", no_args_is_help=True)
keys_app = typer.Typer(help="Manages API keys, for servers that require them.", no_args_is_help=True)
Result = TypeVar("Result")


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


@keys_app.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="A label for the key, such as its user.")],
    owner: Annotated[str, typer.Option(help="Owner id of an existing key; a new owner if absent.")] = "",
) -> None:
    """Creates an API key and prints it once; only its digest is stored."""
    text, key = _with_keys(lambda keys: keys.issue(name, owner))
    console.print(f"{key.key_id}  {key.name}, owner {key.owner}. Store the key: it cannot be shown again.")
    print(text)


@keys_app.command("list")
def list_keys() -> None:
    """Lists the valid keys."""

    async def list_all(keys: ApiKeys) -> list[ApiKey]:
        return [key async for key in keys.all()]

    for key in _with_keys(list_all):
        print(f"{key.key_id}  {key.owner}  {key.name}")


@keys_app.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="The id shown by `list`.")]) -> None:
    """Revokes a key within five seconds; its owner's data stays."""
    _with_keys(lambda keys: keys.revoke(key_id))


def _with_keys(work: Callable[[ApiKeys], Coroutine[Any, Any, Result]]) -> Result:
    async def run() -> Result:
        store = await open_store(read_settings())
        try:
            return await work(ApiKeys(store))
        finally:
            await store.close()

    with exit_on_error():
        return asyncio.run(run())
    raise AssertionError("errors end the process")


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

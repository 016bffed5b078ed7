"""Operator commands `owners`: list, find by a sign-in, delete."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Annotated, TypeVar

import typer

from resonance.api_keys import ApiKeys
from resonance.durable import Engine
from resonance.durable.erasing import cancel_work
from resonance.erasure import Erased, Erasure
from resonance.errors import NotFound, invalid_field
from resonance.rpc.oidc import owner_of
from resonance.settings import Settings, read_settings
from resonance.store import ObjectStore, open_store
from resonance.telemetry.audit import audit, configure_audit
from resonance.telemetry.logs import configure_logs
from resonance_cli.terminal import exit_on_error

owners_app = typer.Typer(help="Owners of tastes, takes and videos.", no_args_is_help=True)
Result = TypeVar("Result")


@owners_app.command("list")
def list_owners() -> None:
    """Lists the owners who had a key or signed in."""

    async def list_all(settings: Settings, store: ObjectStore) -> list[str]:
        return await ApiKeys(store).owners()

    for owner in _with_store(list_all):
        print(owner)


@owners_app.command("find")
def find_owner(subject: Annotated[str, typer.Argument(help="The value of the owner's claim in the token.")]) -> None:
    """Prints the owner id of somebody who signs in at RESONANCE_OIDC_ISSUER."""
    with exit_on_error():
        settings = read_settings()
        if not settings.oidc_issuer:
            raise invalid_field("RESONANCE_OIDC_ISSUER", "REQUIRED", "must name the issuer")
        print(owner_of(settings.oidc_issuer, subject))


@owners_app.command("delete")
def delete_owner(
    owner: Annotated[str, typer.Argument(help="The owner's id, as `owners list` or `keys list` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Asks no question.")] = False,
) -> None:
    """Deletes everything of an owner: keys, open work, and all that is stored."""
    if not yes:
        typer.confirm(f"Delete everything of {owner}? It cannot be taken back.", abort=True)

    async def erase(settings: Settings, store: ObjectStore) -> Erased:
        if owner not in await ApiKeys(store).owners():
            raise NotFound(f"there is no owner {owner}", reason="NO_SUCH_OWNER")
        async with AsyncExitStack() as stack:
            configure_audit(settings, stack)
            engine = Engine(settings)
            stack.push_async_callback(engine.close)
            erased = await Erasure(store, lambda who, work_ids: cancel_work(engine, who, work_ids)).erase(owner)
            audit("owner/delete", owner="", key_id="operator", outcome="OK", objects={"owner_id": owner})
        return erased

    erased = _with_store(erase)
    print(f"{erased.object_count} objects deleted, {erased.work_count} pieces of work cancelled")
    if not erased.is_complete:
        print("something is still ending; the hourly sweep of ingest deletes it")


def _with_store(work: Callable[[Settings, ObjectStore], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        settings = read_settings()
        configure_logs(log_format=settings.log_format, level="warning")
        store = await open_store(settings)
        try:
            return await work(settings, store)
        finally:
            await store.close()

    with exit_on_error():
        return asyncio.run(run())
    raise AssertionError("errors end the process")

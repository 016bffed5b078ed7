"""Operator commands `keys`: add, list, rotate, revoke."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import typer

from resonance.api_keys import USUAL_SCOPES, ApiKey, ApiKeys
from resonance.settings import read_settings
from resonance.store import open_store
from resonance.telemetry.audit import audit, configure_audit
from resonance_cli.terminal import console, exit_on_error

keys_app = typer.Typer(help="Manages API keys, for servers that require them.", no_args_is_help=True)
Days = Annotated[int, typer.Option(min=0, max=3650, help="Days until the key ends; 0 for never.")]
KeyId = Annotated[str, typer.Argument(help="The id shown by `list`.")]
Result = TypeVar("Result")
_DAY_S = 86_400


@keys_app.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="A label for the key, such as its user.")],
    owner: Annotated[str, typer.Option(help="Owner id of an existing key; a new owner if absent.")] = "",
    scope: Annotated[
        list[str] | None, typer.Option(help="listen, make or operate; repeatable. Without it: listen and make.")
    ] = None,
    days: Days = 0,
) -> None:
    """Creates an API key and prints it once; only its digest is stored."""
    scopes, lasts_s = scope or USUAL_SCOPES, days * _DAY_S
    text, key = _with_keys(lambda keys: keys.issue(name, owner, scopes=scopes, lasts_s=lasts_s))
    _audit("keys/add", key)
    _print_new(text, key)


@keys_app.command("list")
def list_keys() -> None:
    """Lists the keys: id, owner, scopes, end, last use (to within minutes), name."""

    async def list_all(keys: ApiKeys) -> list[tuple[ApiKey, int | None]]:
        return [(key, await keys.last_use_s(key.key_id)) async for key in keys.all()]

    for key, used_s in _with_keys(list_all):
        used = f"used {_day(used_s)}" if used_s else "never used"
        print(f"{key.key_id}  {key.owner}  {','.join(key.scopes)}  {_describe_end(key)}  {used}  {key.name}")


@keys_app.command("rotate")
def rotate_key(
    key_id: KeyId,
    keep_hours: Annotated[
        float, typer.Option(min=0, max=24 * 365, help="Hours for which the old key stays valid.")
    ] = 24.0,
    days: Days = 0,
) -> None:
    """Makes a new key with the owner, name and scopes of another one, which ends after some hours."""
    kept_s, lasts_s = round(keep_hours * 3600), days * _DAY_S
    text, key = _with_keys(lambda keys: keys.rotate(key_id, kept_s=kept_s, lasts_s=lasts_s))
    _audit("keys/rotate", key, rotated_key_id=key_id)
    _print_new(text, key)


@keys_app.command("revoke")
def revoke_key(key_id: KeyId) -> None:
    """Revokes a key within five seconds; its owner's data stays."""
    key = _with_keys(lambda keys: keys.revoke(key_id))
    if key is not None:
        _audit("keys/revoke", key)


def _audit(act: str, key: ApiKey, **more: str) -> None:
    """Writes the line of a change of keys. Who did it is the operator, and the user of the machine under `user_id`."""
    with ExitStack() as stack:
        configure_audit(read_settings(), stack)
        objects = {"key_id": key.key_id, "owner_id": key.owner, "user_id": str(os.getuid()), **more}
        audit(act, owner="", key_id="operator", outcome="OK", objects=objects)


def _print_new(text: str, key: ApiKey) -> None:
    about = f"{key.key_id}  {key.name}, owner {key.owner}, may {' and '.join(key.scopes)}, {_describe_end(key)}."
    console.print(f"{about} Store the key: it cannot be shown again.", soft_wrap=True)
    print(text)


def _describe_end(key: ApiKey) -> str:
    if not key.ends_s:
        return "never ends"
    return f"{'ended' if key.has_ended(datetime.now(UTC).timestamp()) else 'ends'} {_day(key.ends_s)}"


def _day(unix_s: int) -> str:
    return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d %H:%M} UTC"


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

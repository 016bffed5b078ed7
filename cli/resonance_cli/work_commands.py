"""Operator commands `work`: list, show, cancel, pause, resume, retry long work of all owners."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from resonance.durable import Engine, WorkFilter, WorkState
from resonance.errors import NotFound
from resonance.settings import read_settings
from resonance_cli.arguments import parse_age
from resonance_cli.terminal import exit_on_error

if TYPE_CHECKING:
    from resonance.durable.overview import WorkOverview

work_app = typer.Typer(
    help="Long work of all owners, such as playlists, calibrations and videos. Needs the settings of the process that does it.",
    no_args_is_help=True,
)
WorkId = Annotated[
    str,
    typer.Argument(
        help="Id of the work: the playlist's, the calibration job's (with .OWNER behind it) or the video's, or VIDEO/SHOT/VERSION."
    ),
]
Result = TypeVar("Result")


class Status(StrEnum):
    """Statuses to filter by."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@work_app.command("list")
def list_work(
    status: Annotated[Status | None, typer.Option(help="Only work of this status.")] = None,
    kind: Annotated[str, typer.Option(help="Only work of this kind, such as MakeVideo.")] = "",
    owner: Annotated[str, typer.Option(help="Only work of this owner.")] = "",
    reason: Annotated[str, typer.Option(help="Only work whose last failure has this reason, such as STORE_FULL.")] = "",
    older_than: Annotated[
        str | None, typer.Option(help="Only work that began longer ago, such as 90s, 15m, 2h or 3d.")
    ] = None,
    younger_than: Annotated[str | None, typer.Option(help="Only work that began later than that.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, newest first.")] = 50,
) -> None:
    """Lists work, newest first: id, kind, status, age, owner."""
    with exit_on_error():
        chosen = WorkFilter(
            kind=kind,
            owner=owner,
            status=status or "",
            reason=reason,
            older_than_s=None if older_than is None else parse_age("older-than", older_than),
            younger_than_s=None if younger_than is None else parse_age("younger-than", younger_than),
        )
    for state in _with_overview(lambda overview: overview.list(chosen, limit=limit)):
        print(
            f"{state.work_id}  {state.kind}  {state.status}  {_age(state)}  {state.owner or '-'}  {state.reason}".rstrip()
        )


@work_app.command("show")
def show_work(work_id: WorkId) -> None:
    """Shows one piece of work, with the tries and the last failure of its open steps."""
    state = _with_overview(lambda overview: overview.find(work_id))
    with exit_on_error():
        if state is None:
            raise NotFound(f"the workflow engine knows no work {work_id}", reason="NO_SUCH_WORK")
    for name in ("work_id", "kind", "status", "owner", "started", "ended", "attempts", "reason", "last_failure"):
        if (value := getattr(state, name)) not in ("", None, 0):
            print(f"{name}: {value}")


@work_app.command("cancel")
def cancel_work(work_id: WorkId) -> None:
    """Cancels work; what it started is killed, and its owner sees it as cancelled."""
    has_ended = _with_engine(lambda engine: engine.cancel(work_id))
    print("it has ended" if has_ended else "it is ending")


@work_app.command("pause")
def pause_work(work_id: WorkId) -> None:
    """Lets no further step of the work begin. Steps in hand go on to their end, and a cancel waits until the work goes on."""
    _with_overview(lambda overview: overview.pause(work_id))
    print("it is paused")


@work_app.command("resume")
def resume_work(work_id: WorkId) -> None:
    """Lets paused work go on."""
    _with_overview(lambda overview: overview.resume(work_id))
    print("it goes on")


@work_app.command("retry")
def retry_work(work_id: WorkId) -> None:
    """Runs failed work once more. What is finished is found and not made again."""
    _with_overview(lambda overview: overview.retry(work_id))
    print("it runs again")


def _with_overview(work: Callable[[WorkOverview], Awaitable[Result]]) -> Result:
    async def look(engine: Engine) -> Result:
        return await work(await engine.overview())

    return _with_engine(look)


def _with_engine(work: Callable[[Engine], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        engine = Engine(read_settings())
        try:
            return await work(engine)
        finally:
            await engine.close()

    with exit_on_error():
        return asyncio.run(run())
    raise AssertionError("errors end the process")


def _age(state: WorkState) -> str:
    seconds = int(((state.ended or datetime.now(UTC)) - state.started).total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"

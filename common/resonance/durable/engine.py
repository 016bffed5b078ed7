"""Workflow engine client: submits, cancels and lists durable work; connects on first use."""

from __future__ import annotations

import asyncio
import contextvars
import importlib.util
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from resonance.durable.address import EngineAddress, read_engine_address
from resonance.durable.dev_server import DevServer, find_program
from resonance.durable.work import Work, WorkState
from resonance.errors import Unsupported
from resonance.settings import Settings

if TYPE_CHECKING:
    from resonance.durable.session import Session

_FOLDER = "engine"
_CONNECTING_S_MAX = 5.0
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPlan:
    """Workflows and activities that this process runs for one task queue, and how many activities at once."""

    task_queue: str
    workflows: Sequence[type]
    activities: Sequence[Callable[..., Awaitable[Any]]]
    activities_running_max: int


class Engine:
    """Submits, cancels and lists work, and runs the workers of this process.

    Nothing is started, connected or imported before the first call of `start`, `submit`, `cancel` or `list`. Without
    `RESONANCE_ENGINE` the engine is a child process of this machine (`DevServer`).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._plans: list[Callable[[], Sequence[WorkerPlan]]] = []
        self._resumptions: list[Callable[[], Awaitable[None]]] = []
        self._starting = asyncio.Lock()
        self._connecting: asyncio.Task[Session] | None = None
        self._session: Session | None = None
        self._server: DevServer | None = None

    @property
    def is_started(self) -> bool:
        """True once the first use has opened the engine."""
        return self._session is not None

    @property
    def server_pid(self) -> int:
        """Process id of the engine's server where this process runs it, else 0."""
        return self._server.server_pid if self._server is not None else 0

    @property
    def is_remote(self) -> bool:
        """True where `RESONANCE_ENGINE` names a server: its workers must run from the start, because others submit too."""
        return bool(self._settings.engine)

    def find_obstacle(self) -> str:
        """The sentence that says why there is no engine for this installation; empty where there is one. Starts nothing."""
        try:
            if importlib.util.find_spec("temporalio") is None:
                raise _missing("temporalio")
            if not self.is_remote:
                find_program()
        except Unsupported as failure:
            return failure.message
        return ""

    def serve(self, plans: Callable[[], Sequence[WorkerPlan]], resume: Callable[[], Awaitable[None]]) -> None:
        """Registers the workers of a service, before the start.

        `plans` is called at the start, so that a service imports its workflows no earlier. `resume` submits the open work of the
        service again; it is called after every start of the engine, whose file may have been lost.
        """
        self._plans.append(plans)
        self._resumptions.append(resume)

    async def start(self) -> None:
        """Opens the engine once; later calls return at once.

        Raises:
            Unsupported: there is no engine for this installation (NO_ENGINE).
            Unavailable: it does not start or cannot be reached; the next call tries again.
        """
        await self._open()

    async def submit(self, work: Work) -> None:
        """Starts the work, or tells the running work of that id that something changed. Safe to repeat.

        Raises:
            Unsupported, Unavailable: as `start`.
        """
        await (await self._open()).submit(work)

    async def cancel(self, work_id: str, *, wait_s: float = 5.0) -> bool:
        """Cancels the work and waits for its end. True where it has ended or never ran, False where it is still ending.

        Raises:
            Unsupported, Unavailable: as `start`.
        """
        return await (await self._open()).cancel(work_id, wait_s=wait_s)

    async def retry(self, work_id: str) -> None:
        """Runs work that has ended once more, with the same argument. Raises NotFound where the engine knows none of that id."""
        await (await self._open()).retry(work_id)

    async def find(self, work_id: str) -> WorkState | None:
        """The newest work of that id, with the failures of its open activities; None where the engine knows none."""
        return await (await self._open()).find(work_id)

    async def list(self, *, kind: str = "", owner: str = "", status: str = "", limit: int = 100) -> list[WorkState]:
        """Work of all owners, newest first. Empty filters let everything pass."""
        return await (await self._open()).list(kind=kind, owner=owner, status=status, limit=limit)

    async def close(self) -> None:
        """Stops the workers, whose activities are cancelled and go on after the next start, and then the server."""
        async with self._starting:
            if self._connecting is not None:
                await asyncio.wait({self._connecting}, timeout=_CONNECTING_S_MAX)
                self._connecting.cancel()
                await asyncio.wait({self._connecting})
                with suppress(Exception, asyncio.CancelledError):  # its caller was told, or has left
                    self._take_session()
            session, self._session = self._session, None
            if session is not None:
                await session.close()
            server, self._server = self._server, None
            if server is not None:
                await server.stop()

    async def _open(self) -> Session:
        async with self._starting:
            if self._session is not None:
                return self._session
            # A task of its own, which goes on when this caller is cancelled: a session that nothing holds would keep its workers.
            # The next caller, or `close`, takes it.
            if self._connecting is None:
                self._connecting = _outside(self._connect())
            await asyncio.wait({self._connecting})
            session = self._take_session()
        await _outside(self._resume())
        return session

    def _take_session(self) -> Session:
        """The session that was being connected, or its failure."""
        assert self._connecting is not None
        connecting, self._connecting = self._connecting, None
        self._session = connecting.result()
        return self._session

    async def _connect(self) -> Session:
        module = await asyncio.to_thread(_import_session)
        session: Session = await module.open_session(await self._address())
        try:
            for plans in self._plans:
                for plan in await asyncio.to_thread(plans):
                    session.work_on(plan)
        except BaseException:
            await session.close()
            raise
        return session

    async def _address(self) -> EngineAddress:
        if self._settings.engine:
            return await asyncio.to_thread(read_engine_address, self._settings)
        if self._server is None:
            server = DevServer(self._settings.data_dir / _FOLDER, self._resume)
            try:
                await server.start()
            except BaseException:
                await server.stop()
                raise
            self._server = server
        return EngineAddress(target=self._server.target)

    async def _resume(self) -> None:
        for resume in self._resumptions:
            await resume()


def _outside(work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
    """Work in a context of its own: workers and their activities must not inherit the owner and the key of the first caller."""
    return asyncio.create_task(work, context=contextvars.Context())


def _import_session() -> Any:
    try:
        return importlib.import_module("resonance.durable.session")
    except ModuleNotFoundError as failure:
        if (failure.name or "").partition(".")[0] == "resonance":
            raise
        raise _missing(str(failure.name)) from None


def _missing(package: str) -> Unsupported:
    message = (
        f"this needs the package {package}, which is not installed: it comes with the extra 'video'; "
        "RESONANCE_ENGINE names a Temporal server where this machine shall run none"
    )
    return Unsupported(message, reason="NO_ENGINE")

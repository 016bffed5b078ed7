"""Workflow engine client: submits and cancels durable work; connects on first use."""

from __future__ import annotations

import asyncio
import contextvars
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from resonance.durable.address import EngineAddress, read_engine_address
from resonance.durable.dev_server import DevServer, find_program, is_running
from resonance.durable.work import Schedule, Work
from resonance.errors import ResonanceError, Unsupported
from resonance.settings import Settings

if TYPE_CHECKING:
    from resonance.durable.overview import WorkOverview
    from resonance.durable.session import Session

_FOLDER = "engine"
_CONNECTING_S_MAX = 5.0
_RETRY_S_FIRST, _RETRY_S_MAX = 1.0, 30.0
_log = structlog.get_logger("engine")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPlan:
    """Workflows and activities that this process runs for one task queue, and how many activities at once."""

    task_queue: str
    workflows: Sequence[type]
    activities: Sequence[Callable[..., Awaitable[Any]]]
    activities_running_max: int
    is_private: bool = False  # of a queue that this process alone polls


@dataclass(frozen=True, slots=True, kw_only=True)
class _Service:
    """What one service registers: its workers, its open work, its schedules."""

    plans: Callable[[], Sequence[WorkerPlan]]
    resume: Callable[[], Awaitable[None]]
    has_open_work: Callable[[], Awaitable[bool]]
    schedules: Sequence[Schedule]


async def _has_none() -> bool:
    return False


class Engine:
    """Submits and cancels work, and runs the workers of this process. The services of one process share one.

    Nothing is started, connected or imported before the first call of `start`, `submit`, `cancel` or `overview`, unless work is open
    already (`serve`). Without `RESONANCE_ENGINE` the engine is a child process of this machine (`DevServer`).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._services: list[_Service] = []
        self._unserved: list[_Service] = []
        self._tasks: set[asyncio.Task[None]] = set()
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

    def check(self) -> None:
        """Raises Unsupported (NO_ENGINE) where there is no engine for this installation. Starts nothing."""
        if importlib.util.find_spec("temporalio") is None:
            raise _missing("temporalio")
        if not self.is_remote:
            find_program()

    def find_obstacle(self) -> str:
        """The sentence that says why there is no engine for this installation; empty where there is one. Starts nothing."""
        try:
            self.check()
        except Unsupported as failure:
            return failure.message
        return ""

    def resume_later(self) -> None:
        """Submits the open work of all services again, as soon as the engine answers."""
        for service in self._services:
            self._keep(self._resume_service(service))

    def serve(
        self,
        plans: Callable[[], Sequence[WorkerPlan]],
        resume: Callable[[], Awaitable[None]],
        has_open_work: Callable[[], Awaitable[bool]] = _has_none,
        *,
        schedules: Sequence[Schedule] = (),
    ) -> None:
        """Registers the workers of a service. They run from the first use of the engine on.

        The engine is started by itself where `RESONANCE_ENGINE` names one, where `has_open_work` finds work of an earlier process,
        and where another process of the data folder runs one, whose work this process then shares.

        `plans` is called at the start, so that a service imports its workflows no earlier. `resume` submits the open work of the
        service again; it is called after every start of the engine, whose file may have been lost.
        """
        service = _Service(plans=plans, resume=resume, has_open_work=has_open_work, schedules=schedules)
        self._services.append(service)
        self._unserved.append(service)
        self._keep(self._attend(service))

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

    async def begin(self, work: Work) -> bool:
        """Starts the work, unless work of that id runs. False where it does.

        Raises:
            Unsupported, Unavailable: as `start`.
        """
        return await (await self._open()).begin(work)

    async def cancel(self, work_id: str, *, wait_s: float = 5.0) -> bool:
        """Cancels the work and waits for its end. True where it has ended or never ran, False where it is still ending.

        Raises:
            Unsupported, Unavailable: as `start`.
        """
        return await (await self._open()).cancel(work_id, wait_s=wait_s)

    async def overview(self) -> WorkOverview:
        """What operators see and do: list, find, pause, resume, retry.

        Raises:
            Unsupported, Unavailable: as `start`.
        """
        return (await self._open()).overview

    async def await_end(self, work_id: str, *, wait_s: float = 5.0) -> bool:
        """True once no work of that id runs; False where it still runs after `wait_s` seconds."""
        return await (await self._open()).await_end(work_id, wait_s=wait_s)

    async def find_mark(self, work_id: str) -> str:
        """A text that changes whenever an activity of the work ends or reports; empty where this engine is not started or away.

        For watchers of documents that another process writes: they read the document again when the mark has changed.
        """
        if self._session is None:
            return ""
        try:
            return await self._session.find_mark(work_id)
        except ResonanceError:
            return ""

    async def close(self) -> None:
        """Stops the workers, whose activities are cancelled and go on after the next start, and then the server."""
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with self._starting:
            if self._connecting is not None:
                await asyncio.wait({self._connecting}, timeout=_CONNECTING_S_MAX)
                self._connecting.cancel()
                await asyncio.wait({self._connecting})
                with suppress(Exception, asyncio.CancelledError):  # its caller was told, or has left
                    self._take_session()
            session, self._session = self._session, None
            self._unserved = list(self._services)
            if session is not None:
                await session.close()
            server, self._server = self._server, None
            if server is not None:
                await server.stop()

    async def _open(self) -> Session:
        if self._session is not None and not self._unserved:
            return self._session
        async with self._starting:
            if self._session is None:
                # A task of its own, which goes on when this caller is cancelled: a session that nothing holds would keep its workers.
                # The next caller, or `close`, takes it.
                if self._connecting is None:
                    self._connecting = _outside(self._connect())
                await asyncio.wait({self._connecting})
                self._take_session()
            session = self._session
            assert session is not None
            while self._unserved:
                await self._begin(session, self._unserved[0])
                self._keep(self._resume_service(self._unserved.pop(0)))
        return session

    async def _begin(self, session: Session, service: _Service) -> None:
        """Starts the workers of a service in a context without an owner."""

        async def begin() -> None:
            for plan in await asyncio.to_thread(service.plans):
                session.work_on(plan)

        await _outside(begin())

    def _take_session(self) -> Session:
        """The session that was being connected, or its failure."""
        assert self._connecting is not None
        connecting, self._connecting = self._connecting, None
        self._session = connecting.result()
        return self._session

    async def _connect(self) -> Session:
        importing = asyncio.create_task(asyncio.to_thread(_import_session))  # it takes as long as the server's start
        try:
            address = await self._address()
        finally:
            await asyncio.wait({importing})
        session: Session = await importing.result().open_session(
            address, build=self._settings.engine_build if self.is_remote else ""
        )
        return session

    async def _address(self) -> EngineAddress:
        if self._settings.engine:
            return await asyncio.to_thread(read_engine_address, self._settings)
        if self._server is None:
            server = DevServer(self._folder, self._resume, ui_port=self._settings.engine_ui_port)
            try:
                await server.start()
            except BaseException:
                await server.stop()
                raise
            self._server = server
        return EngineAddress(target=self._server.target)

    async def _resume(self) -> None:
        self.resume_later()

    async def _resume_service(self, service: _Service) -> None:
        """Submits the open work of a service; tries again while the engine or the store is away."""
        wait_s = _RETRY_S_FIRST
        while True:
            try:
                session = await self._open()
                for schedule in service.schedules:
                    await session.keep_schedule(schedule)
                return await service.resume()
            except ResonanceError as failure:
                _log.warning("open work waits to be submitted again", why=failure.message)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _RETRY_S_MAX)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs a task until it ends or the engine is closed, in a context without an owner."""
        task = _outside(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attend(self, service: _Service) -> None:
        """Starts the engine as soon as this process is needed; tries again while the engine or the store is away."""
        wait_s, is_looked_up = _RETRY_S_FIRST, False
        while not self.is_started or service in self._unserved:
            try:
                is_needed = self.is_remote or (not is_looked_up and await service.has_open_work())
                is_looked_up = True
                if is_needed or self.is_started or await is_running(self._folder):
                    is_looked_up = False  # where the start fails, the next round looks again
                    await self.start()
                wait_s = _RETRY_S_FIRST
            except Unsupported as failure:
                _log.warning("open work waits: there is no workflow engine", why=failure.message)
                return
            except ResonanceError as failure:
                _log.warning("open work waits for the workflow engine", why=failure.message)
                wait_s = min(2 * wait_s, _RETRY_S_MAX)
            await asyncio.sleep(wait_s)

    @property
    def _folder(self) -> Path:
        return self._settings.data_dir / _FOLDER


@asynccontextmanager
async def open_engine(settings: Settings, shared: Engine | None = None) -> AsyncIterator[Engine]:
    """The engine that the services of this process share, or where there is none an engine that ends with the context."""
    if shared is not None:
        yield shared
        return
    engine = Engine(settings)
    try:
        yield engine
    finally:
        await engine.close()


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
        f"this needs the package {package}, which is not installed: it comes with the extra 'engine'; "
        "RESONANCE_ENGINE names a Temporal server where this machine shall run none"
    )
    return Unsupported(message, reason="NO_ENGINE")

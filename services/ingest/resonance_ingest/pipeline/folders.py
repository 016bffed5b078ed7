"""Folders of jobs: what the activities of one job keep on the disk of this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from resonance.identity import acting_as, current_owner
from resonance.workspace import Workspace
from resonance_ingest.jobs.job_writer import JobStopped

# Decoded samples are kept until the extraction for so many jobs; those of a longer queue would fill the disk.
JOBS_KEPT_MAX = 8
_LOOK_S = 30.0


@dataclass(slots=True)
class _JobFolder:
    path: Path
    stack: ExitStack
    users: int = 0
    is_stopped: bool = False
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class JobFolders:
    """One folder for all activities of a job in this process. It is removed when the job has ended.

    An activity that ends elsewhere may leave a folder here, so folders that nobody uses are looked after every half minute.
    """

    def __init__(self, workspace: Workspace, has_ended: Callable[[str], Awaitable[bool]]) -> None:
        """`has_ended` tells of a job of the current owner."""
        self._workspace = workspace
        self._has_ended = has_ended
        self._folders: dict[tuple[str, str], _JobFolder] = {}

    @property
    def is_full(self) -> bool:
        """True where samples of no further job may be kept."""
        return len(self._folders) > JOBS_KEPT_MAX

    @asynccontextmanager
    async def open(self, job_id: str) -> AsyncIterator[Path]:
        """The folder of a job, for one activity, whose task `stop` cancels."""
        name = (current_owner(), job_id)
        if name not in self._folders:
            stack = ExitStack()
            self._folders[name] = _JobFolder(path=stack.enter_context(self._workspace.folder(job_id)), stack=stack)
        folder, task = self._folders[name], asyncio.current_task()
        assert task is not None, "activities are tasks"
        folder.users += 1
        folder.tasks.add(task)
        try:
            yield folder.path
        except asyncio.CancelledError:
            if (
                folder.is_stopped
            ):  # by `stop` and not by the engine, which would take a cancellation of its own for a failure
                raise JobStopped(f"job {job_id} was cancelled") from None
            raise
        finally:
            folder.users -= 1
            folder.tasks.discard(task)

    async def stop(self, job_id: str, *, within_s: float) -> bool:
        """Cancels the activities of a job in this process, waits until they have ended, and removes the folder.

        True where there was one.
        """
        folder = self._folders.get((current_owner(), job_id))
        was_running = folder is not None and bool(folder.tasks)
        if folder is not None and folder.tasks:
            folder.is_stopped = True
            for task in (tasks := set(folder.tasks)):
                task.cancel()
            await asyncio.wait(tasks, timeout=within_s)
        await self.remove(job_id)
        return was_running

    async def remove(self, job_id: str) -> None:
        """Removes the folder of a job that has ended, unless an activity still uses it."""
        name = (current_owner(), job_id)
        folder = self._folders.get(name)
        if folder is not None and not folder.users:
            del self._folders[name]
            await asyncio.to_thread(folder.stack.close)

    async def tidy(self) -> None:
        """Removes folders of jobs that ended elsewhere, for ever. It reads nothing while there are none."""
        while True:
            await asyncio.sleep(_LOOK_S)
            for (owner, job_id), folder in list(self._folders.items()):
                if not folder.users:
                    with acting_as(owner):
                        if await self._has_ended(job_id):
                            await self.remove(job_id)

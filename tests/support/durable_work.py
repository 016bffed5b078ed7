"""Workflow and activities of the tests of the engine's door."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from resonance.durable import WorkerPlan
    from resonance.durable.activities import durable_activity, read_failure
    from resonance.durable.policies import activity_options
    from resonance.errors import Conflict, Unavailable
    from resonance.telemetry.traces import current_request_id

from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception


@workflow.defn(name="TwoSteps", sandboxed=False)  # the sandbox would import pytest for each run
class TwoSteps:
    """A quick step, then a step that ends when a file exists."""

    @workflow.run
    async def run(self, argument: dict[str, str]) -> None:
        options = activity_options(one_try_s=60.0)
        try:
            await workflow.execute_activity("quick", argument, **options)
            await workflow.execute_activity("gate", argument, **options)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            failure = read_failure(error)
            raise ApplicationError(failure.message, type=failure.reason) from error

    @workflow.signal
    def changed(self) -> None:
        """Nothing changes here."""


class Steps:
    """Activities that count their tries in a folder, where another process sees them too."""

    def __init__(self, folder: Path, task_queue: str, *, running_max: int = 4) -> None:
        self._folder = folder
        self.task_queue = task_queue
        self.running_max = running_max
        self.cancelled = asyncio.Event()
        self.request_ids: dict[str, str] = {}  # of each work's first step: whose request it works for

    def counts(self) -> Counter[str]:
        """Tries that began and ends that were reached, by `name` and `name-done`."""
        return Counter(path.name.rsplit(".", 2)[0] for path in self._folder.glob("*.*.mark"))

    def begun_between(self, since_s: float, until_s: float) -> Counter[str]:
        """Tries that began between two times of the clock (seconds since 1970), by `name`."""
        began = (path for path in self._folder.glob("*.*.mark") if since_s < path.stat().st_mtime < until_s)
        return Counter(path.name.rsplit(".", 2)[0] for path in began)

    def began_s(self, name: str, work_id: str) -> float:
        """When the first try of a step began, in seconds since 1970."""
        return (self._folder / f"{name}.{work_id}.0.mark").stat().st_mtime

    def open_gate(self, work_id: str) -> None:
        (self._folder / f"{work_id}.open").touch()

    @durable_activity("quick")
    async def quick(self, argument: dict[str, str]) -> None:
        self._mark("quick", argument)
        self.request_ids[argument["id"]] = current_request_id()
        if argument.get("fails") == "slow":
            await asyncio.sleep(0.5)
            self._mark("quick-done", argument)
        kind = argument.get("fails", "")
        tries = self.counts()[f"quick.{argument['id']}"]
        if kind == "away" and tries < 3:
            raise Unavailable("the service is away", retry_after_s=0.05)
        if kind == "away for long":
            raise Unavailable("the service is away", reason="AWAY", retry_after_s=60.0)
        if kind == "wrong":
            raise Conflict("it cannot be so", reason="WRONG_FOR_GOOD")

    @durable_activity("gate")
    async def gate(self, argument: dict[str, str]) -> None:
        self._mark("gate", argument)
        try:
            while not (self._folder / f"{argument['id']}.open").exists():
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        self._mark("gate-done", argument)

    def plans(self) -> Sequence[WorkerPlan]:
        activities = [self.quick, self.gate]
        plan = WorkerPlan(
            task_queue=self.task_queue,
            workflows=[TwoSteps],
            activities=activities,
            activities_running_max=self.running_max,
        )
        return [plan]

    def _mark(self, name: str, argument: dict[str, str]) -> None:
        number = len(list(self._folder.glob(f"{name}.{argument['id']}.*.mark")))
        (self._folder / f"{name}.{argument['id']}.{number}.mark").touch()

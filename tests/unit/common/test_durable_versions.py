"""Versions of workflow code side by side: work that the old version began ends, and work of the new one too."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.durable_work import Steps, TwoSteps
from support.engine_server import engine_url, own_engine  # noqa: F401  (fixtures)
from support.polling import eventually
from temporalio import workflow
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from resonance.durable import Engine, Work, WorkerPlan
from resonance.durable.policies import activity_options
from resonance.durable.session import DEPLOYMENT
from resonance.durable.work import WorkStatus
from resonance.ids import new_request_id
from resonance.settings import Settings

_EACH = 4


@workflow.defn(name="TwoSteps", sandboxed=False)
class ThreeSteps:
    """The workflow after a change: a second quick step before the gate, behind `patched` as every change of ours."""

    @workflow.run
    async def run(self, argument: dict[str, str]) -> None:
        options = activity_options(one_try_s=60.0)
        await workflow.execute_activity("quick", argument, **options)
        if workflow.patched("a-second-quick-step"):
            await workflow.execute_activity("quick", argument, **options)
        await workflow.execute_activity("gate", argument, **options)

    @workflow.signal
    def changed(self) -> None:
        """Nothing changes here."""


class Replica:
    """A process with one version of the workflow."""

    def __init__(self, url: str, steps: Steps, version: type, build: str = "") -> None:
        self.engine = Engine(Settings(engine=url, engine_build=build))

        async def nothing_is_open() -> None:
            """The test submits by itself."""

        def plans() -> Sequence[WorkerPlan]:
            return [dataclasses.replace(plan, workflows=[version]) for plan in steps.plans()]

        self.engine.serve(plans, nothing_is_open)

    async def submit(self, steps: Steps, prefix: str) -> list[str]:
        ids = [f"{prefix}-{number}-{new_request_id()}" for number in range(_EACH)]
        for work_id in ids:
            argument = {"id": work_id, "fails": ""}
            await self.engine.submit(
                Work(kind="TwoSteps", work_id=work_id, owner="", task_queue=steps.task_queue, argument=argument)
            )
        return ids


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path, task_queue=new_request_id(), running_max=40)


async def all_at_the_gate(steps: Steps, ids: list[str]) -> None:
    await eventually(lambda: all(steps.counts()[f"gate.{one}"] for one in ids))


async def all_end_well(replica: Replica, steps: Steps, ids: list[str]) -> None:
    for one in ids:
        steps.open_gate(one)
        assert await replica.engine.await_end(one, wait_s=60.0)
        state = await (await replica.engine.overview()).find(one)
        assert state is not None
        assert state.status == WorkStatus.COMPLETED


async def test_work_of_the_old_version_ends_beside_the_new_one_and_after_it(engine_url: str, steps: Steps) -> None:  # noqa: F811
    """A rolling update: both run, then the new one alone."""
    old = Replica(engine_url, steps, TwoSteps)
    of_old = await old.submit(steps, "old")
    await all_at_the_gate(steps, of_old)
    new = Replica(engine_url, steps, ThreeSteps)
    beside = of_old[: _EACH // 2]
    await all_end_well(new, steps, beside)
    await old.engine.close()
    of_new = await new.submit(steps, "new")
    await all_end_well(new, steps, [*of_old[_EACH // 2 :], *of_new])
    assert {steps.counts()[f"quick.{one}"] for one in of_old} == {1}, "old work takes the old way to its end"
    assert {steps.counts()[f"quick.{one}"] for one in of_new} == {2}
    await new.engine.close()


async def test_work_of_the_new_version_waits_for_it_where_a_roll_is_taken_back(engine_url: str, steps: Steps) -> None:  # noqa: F811
    """Back to the old version: what the new one began is not lost, does not end wrongly, and ends once the new one is there."""
    new = Replica(engine_url, steps, ThreeSteps)
    of_new = await new.submit(steps, "new")
    await all_at_the_gate(steps, of_new)
    await new.engine.close()
    old = Replica(engine_url, steps, TwoSteps)
    of_old = await old.submit(steps, "old")
    for one in of_new:
        steps.open_gate(one)
    await all_end_well(old, steps, of_old)
    for one in of_new:
        state = await (await old.engine.overview()).find(one)
        assert state is not None
        assert state.status == WorkStatus.RUNNING, "the old version must not decide about it"
    await old.engine.close()
    again = Replica(engine_url, steps, ThreeSteps)
    await all_end_well(again, steps, of_new)
    assert {steps.counts()[f"quick.{one}"] for one in of_new} == {2}
    await again.engine.close()


@workflow.defn(name="TwoSteps", sandboxed=False)
class GateAlone:
    """The workflow after a change that replays no older history: it has no quick step."""

    @workflow.run
    async def run(self, argument: dict[str, str]) -> None:
        await workflow.execute_activity("gate", argument, **activity_options(one_try_s=60.0))

    @workflow.signal
    def changed(self) -> None:
        """Nothing changes here."""


async def make_current(url: str, build: str) -> None:
    """What an operator does with `temporal worker deployment set-current-version`."""
    target, _, namespace = url.removeprefix("temporal://").partition("/")
    client = await Client.connect(target, namespace=namespace)
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=namespace,
        deployment_name=DEPLOYMENT,
        build_id=build,
        ignore_missing_task_queues=True,
        identity="test",
    )

    async def is_set() -> bool:
        try:  # a build is known once one of its workers has polled
            await client.workflow_service.set_worker_deployment_current_version(request)
        except RPCError as failure:
            assert failure.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION), failure
            return False
        return True

    await eventually(is_set)


@pytest.mark.slow
async def test_with_builds_each_version_ends_what_it_began_side_by_side(own_engine: str, steps: Steps) -> None:  # noqa: F811
    """Worker versioning on: a change without `patched`, whose code cannot replay the old one's history."""
    old = Replica(own_engine, steps, TwoSteps, "one")
    await old.engine.start()
    await make_current(own_engine, "one")
    of_old = await old.submit(steps, "old")
    await all_at_the_gate(steps, of_old)
    new = Replica(own_engine, steps, GateAlone, "two")
    await new.engine.start()
    await make_current(own_engine, "two")
    of_new = await new.submit(steps, "new")
    await all_at_the_gate(steps, of_new)
    await all_end_well(new, steps, [*of_new, *of_old])
    assert {steps.counts()[f"quick.{one}"] for one in of_old} == {1}
    assert {steps.counts()[f"quick.{one}"] for one in of_new} == {0}
    assert {steps.counts()[f"gate.{one}"] for one in [*of_old, *of_new]} == {1}
    await old.engine.close()
    await new.engine.close()

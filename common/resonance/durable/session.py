"""Session with a workflow engine: client, workers, submitted work."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import structlog
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import (
    Client,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleSpec,
    WorkflowFailureError,
)
from temporalio.client import Schedule as EngineSchedule
from temporalio.common import (
    Priority,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    VersioningBehavior,
    WorkerDeploymentVersion,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RetryConfig, RPCError, RPCStatusCode, TLSConfig
from temporalio.worker import Worker, WorkerDeploymentConfig

from resonance.durable.address import EngineAddress
from resonance.durable.calls import CALL_S_MAX, NotThere, describe, engine_errors
from resonance.durable.dev_server import OWNER_ATTRIBUTE
from resonance.durable.engine import WorkerPlan
from resonance.durable.overview import WorkOverview
from resonance.durable.queues import watch_queues
from resonance.durable.tracing import TraceInterceptor
from resonance.durable.work import Schedule, Work
from resonance.errors import FailedPrecondition, Unavailable

CHANGED_SIGNAL = "changed"
DEPLOYMENT = (
    "resonance"  # name of the worker deployment that all services form, where versions of workers are told apart
)
_CONNECT_S_MAX = 15.0
_RETRY_S = 0.05
_PAUSED_LOOK_S = 0.25
_CLOSE_S_MAX = 10.0
_OWNER = SearchAttributeKey.for_keyword(OWNER_ATTRIBUTE)
_NOBODY = TypedSearchAttributes([SearchAttributePair(_OWNER, "")])
_FAIRNESS_KEY_LENGTH_MAX = 64
# Another worker takes a workflow over after this time; the library's own default is ten seconds.
_STICKY_S = timedelta(seconds=1)
# A worker that is killed while it runs workflow code, which takes milliseconds, is given up after this time (default ten seconds).
_WORKFLOW_TASK_S = timedelta(seconds=5)
# A cancellation travels in the answer to a heartbeat, so it is heard within this time.
_HEARTBEAT_THROTTLE_S = timedelta(seconds=0.2)
# A server that was started again is found within a second, and an activity's result is not given up meanwhile.
_RETRIES = RetryConfig(
    initial_interval_millis=100, max_interval_millis=1000, max_elapsed_time_millis=60_000, max_retries=100
)
_log = structlog.get_logger("engine")


async def open_session(address: EngineAddress, *, build: str = "") -> Session:
    """Connects, and waits until the namespace answers. The `build` of the workers, if any, turns the engine's worker versioning on.

    Raises:
        FailedPrecondition: the server refuses the namespace or the credentials (ENGINE_REFUSES).
        Unavailable: nothing answers within 15 s (ENGINE_AWAY).
    """
    client = await _connect(address)
    with suppress(RPCError):  # it exists already, or the operator has registered it and lets no one else do so
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=address.namespace,
                search_attributes={OWNER_ATTRIBUTE: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD},
            ),
            timeout=CALL_S_MAX,
        )
    return Session(client, build)


async def _connect(address: EngineAddress) -> Client:
    until_s = asyncio.get_running_loop().time() + _CONNECT_S_MAX
    while True:
        try:
            client = await Client.connect(
                address.target,
                namespace=address.namespace,
                api_key=address.api_key,
                tls=_tls(address),
                retry_config=_RETRIES,
                interceptors=[TraceInterceptor()],
                connect_timeout=timedelta(seconds=5),
            )
            await client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace=address.namespace), timeout=CALL_S_MAX
            )
            return client
        except (RPCError, RuntimeError) as failure:
            is_refused = isinstance(failure, RPCError) and failure.status in (
                RPCStatusCode.PERMISSION_DENIED,
                RPCStatusCode.UNAUTHENTICATED,
            )
            if is_refused:
                message = f"the workflow engine at {address.target} refuses this process: {failure}"
                raise FailedPrecondition(message, reason="ENGINE_REFUSES") from failure
            if asyncio.get_running_loop().time() > until_s:
                message = f"the workflow engine at {address.target} (namespace {address.namespace}) does not answer"
                raise Unavailable(message, reason="ENGINE_AWAY", retry_after_s=5.0) from failure
        await asyncio.sleep(_RETRY_S)


def _tls(address: EngineAddress) -> TLSConfig | bool:
    if not (address.root_certificates or address.certificate):
        return address.is_tls
    return TLSConfig(
        server_root_ca_cert=address.root_certificates,
        client_cert=address.certificate,
        client_private_key=address.private_key,
    )


class Session:
    """An open connection, and the workers that poll through it."""

    def __init__(self, client: Client, build: str) -> None:
        self.client = client
        self.overview = WorkOverview(client, self.submit)
        self._build = build
        self._plans: list[WorkerPlan] = []
        self._working = [asyncio.create_task(watch_queues(client, self._plans), name="watch of the task queues")]
        self._workers: dict[asyncio.Task[None], Worker] = {}

    def work_on(self, plan: WorkerPlan) -> None:
        """Starts a worker; it runs until `close`, and is made anew where the library gives it up."""
        self._plans.append(plan)
        self._working.append(asyncio.create_task(self._keep_working(plan), name=f"worker of {plan.task_queue}"))

    async def submit(self, work: Work) -> None:
        """Starts the work, or signals `changed` to the running one of that id."""
        with engine_errors():
            await self._start(work, start_signal=CHANGED_SIGNAL)

    async def begin(self, work: Work) -> bool:
        """Starts the work. False where work of that id runs."""
        try:
            with engine_errors():
                await self._start(work)
        except WorkflowAlreadyStartedError:
            return False
        return True

    async def _start(self, work: Work, *, start_signal: str | None = None) -> None:
        await self.client.start_workflow(
            work.kind,
            dict(work.argument),
            id=work.work_id,
            task_queue=work.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            start_signal=start_signal,
            task_timeout=_WORKFLOW_TASK_S,
            search_attributes=TypedSearchAttributes([SearchAttributePair(_OWNER, work.owner)]),
            priority=Priority(fairness_key=work.owner[:_FAIRNESS_KEY_LENGTH_MAX] or None),
            rpc_timeout=CALL_S_MAX,
        )

    async def cancel(self, work_id: str, *, wait_s: float) -> bool:
        """Cancels, and waits for the end. True where nothing of that id runs any more."""
        try:
            with engine_errors():
                await self.client.get_workflow_handle(work_id).cancel(rpc_timeout=CALL_S_MAX)
        except NotThere:
            return True
        return wait_s > 0 and await self.await_end(work_id, wait_s=wait_s)

    async def keep_schedule(self, schedule: Schedule) -> None:
        """Has the engine start a workflow again and again. One that is there already stays as it is."""
        action = ScheduleActionStartWorkflow(
            schedule.kind, {}, id=schedule.kind, task_queue=schedule.task_queue, typed_search_attributes=_NOBODY
        )
        every = ScheduleIntervalSpec(every=timedelta(seconds=schedule.every_s))
        with engine_errors(), suppress(ScheduleAlreadyRunningError):
            await self.client.create_schedule(
                schedule.kind,
                EngineSchedule(action=action, spec=ScheduleSpec(intervals=[every])),
                rpc_timeout=CALL_S_MAX,
            )

    async def await_end(self, work_id: str, *, wait_s: float) -> bool:
        """True once no work of that id runs."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while True:
                    try:
                        with engine_errors():
                            await self.client.get_workflow_handle(work_id).result(follow_runs=False)
                        return True
                    except (NotThere, WorkflowFailureError):
                        return True
                    except RuntimeError:  # of the library, for work that is paused
                        await asyncio.sleep(_PAUSED_LOOK_S)
        return False

    async def find_mark(self, work_id: str) -> str:
        """Run, length of its history, and what its open activities last reported."""
        try:
            described = await describe(self.client, work_id)
        except NotThere:
            return ""
        info = described.workflow_execution_info
        reports = [
            payload.data.decode(errors="replace")
            for one in described.pending_activities
            for payload in one.heartbeat_details.payloads
        ]
        return " ".join([info.execution.run_id, str(info.history_length), *reports])

    async def close(self) -> None:
        """Stops the workers."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S_MAX):
                await asyncio.gather(*(worker.shutdown() for worker in self._workers.values()), return_exceptions=True)
        for task in self._working:
            task.cancel()
        if self._working:
            await asyncio.wait(self._working)
        self._working = []

    @property
    def _deployment(self) -> WorkerDeploymentConfig | None:
        """With a build, work stays on the version of the workers that began it, and begins on the one that the operator made current."""
        if not self._build:
            return None
        version = WorkerDeploymentVersion(deployment_name=DEPLOYMENT, build_id=self._build)
        return WorkerDeploymentConfig(
            version=version, use_worker_versioning=True, default_versioning_behavior=VersioningBehavior.PINNED
        )

    async def _keep_working(self, plan: WorkerPlan) -> None:
        task = asyncio.current_task()
        assert task is not None
        while True:
            self._workers[task] = Worker(
                self.client,
                task_queue=plan.task_queue,
                workflows=plan.workflows,
                activities=plan.activities,
                max_concurrent_activities=plan.activities_running_max,
                sticky_queue_schedule_to_start_timeout=_STICKY_S,
                max_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE_S,
                default_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE_S,
                deployment_config=None if plan.is_private else self._deployment,
                disable_eager_activity_execution=True,  # an eager activity would pass by the queue and its fairness
            )
            try:
                await self._workers[task].run()
                return
            except RuntimeError as failure:
                _log.error("a worker ended; another one begins", task_queue=plan.task_queue, why=str(failure))
            await asyncio.sleep(1.0)

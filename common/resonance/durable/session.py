"""Session with a workflow engine: client, workers, submitted work."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import IndexedValueType, WorkflowExecutionStatus
from temporalio.api.failure.v1 import Failure
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
    ListWorkflowExecutionsRequest,
    PauseWorkflowExecutionRequest,
    UnpauseWorkflowExecutionRequest,
)
from temporalio.client import (
    Client,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleSpec,
    WorkflowFailureError,
    WorkflowHistoryEventFilterType,
)
from temporalio.client import Schedule as EngineSchedule
from temporalio.common import (
    Priority,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RetryConfig, RPCError, RPCStatusCode, TLSConfig
from temporalio.worker import Worker

from resonance.durable.address import EngineAddress
from resonance.durable.dev_server import OWNER_ATTRIBUTE
from resonance.durable.engine import WorkerPlan
from resonance.durable.tracing import TraceInterceptor
from resonance.durable.work import Schedule, Work, WorkFilter, WorkState, WorkStatus
from resonance.errors import FailedPrecondition, NotFound, Unavailable

CHANGED_SIGNAL = "changed"
_CONNECT_S_MAX = 15.0
_RETRY_S = 0.05
_PAGE_SIZE = 100
_PAUSED_LOOK_S = 0.25
_CLOSE_S_MAX = 10.0
_RPC_S_MAX = timedelta(seconds=10)
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
_STATUSES = {
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING: WorkStatus.RUNNING,
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_PAUSED: WorkStatus.PAUSED,
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED: WorkStatus.COMPLETED,
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CANCELED: WorkStatus.CANCELLED,
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED: WorkStatus.CANCELLED,
}
_ENGINE_STATUSES = {
    "running": "Running",
    "paused": "Paused",
    "completed": "Completed",
    "failed": "Failed",
    "cancelled": "Canceled",
}
_log = structlog.get_logger("engine")


async def open_session(address: EngineAddress) -> Session:
    """Connects, and waits until the namespace answers.

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
            timeout=_RPC_S_MAX,
        )
    return Session(client)


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
                DescribeNamespaceRequest(namespace=address.namespace), timeout=_RPC_S_MAX
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

    def __init__(self, client: Client) -> None:
        self._client = client
        self._working: list[asyncio.Task[None]] = []
        self._workers: dict[asyncio.Task[None], Worker] = {}

    def work_on(self, plan: WorkerPlan) -> None:
        """Starts a worker; it runs until `close`, and is made anew where the library gives it up."""
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
        await self._client.start_workflow(
            work.kind,
            dict(work.argument),
            id=work.work_id,
            task_queue=work.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            start_signal=start_signal,
            task_timeout=_WORKFLOW_TASK_S,
            search_attributes=TypedSearchAttributes([SearchAttributePair(_OWNER, work.owner)]),
            priority=Priority(fairness_key=work.owner[:_FAIRNESS_KEY_LENGTH_MAX] or None),
            rpc_timeout=_RPC_S_MAX,
        )

    async def cancel(self, work_id: str, *, wait_s: float) -> bool:
        """Cancels, and waits for the end. True where nothing of that id runs any more."""
        try:
            with engine_errors():
                await self._client.get_workflow_handle(work_id).cancel(rpc_timeout=_RPC_S_MAX)
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
            await self._client.create_schedule(
                schedule.kind,
                EngineSchedule(action=action, spec=ScheduleSpec(intervals=[every])),
                rpc_timeout=_RPC_S_MAX,
            )

    async def await_end(self, work_id: str, *, wait_s: float) -> bool:
        """True once no work of that id runs."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while True:
                    try:
                        with engine_errors():
                            await self._client.get_workflow_handle(work_id).result(follow_runs=False)
                        return True
                    except (NotThere, WorkflowFailureError):
                        return True
                    except RuntimeError:  # of the library, for work that is paused
                        await asyncio.sleep(_PAUSED_LOOK_S)
        return False

    async def find_mark(self, work_id: str) -> str:
        """Run, length of its history, and what its open activities last reported."""
        try:
            described = await self._describe(work_id)
        except NotThere:
            return ""
        info = described.workflow_execution_info
        reports = [
            payload.data.decode(errors="replace")
            for one in described.pending_activities
            for payload in one.heartbeat_details.payloads
        ]
        return " ".join([info.execution.run_id, str(info.history_length), *reports])

    async def retry(self, work_id: str) -> None:
        """Runs the newest work of that id once more, with the same argument. Work that runs is only signalled."""
        handle, described = self._client.get_workflow_handle(work_id), await self._describe(work_id)
        with engine_errors():
            first = await anext(aiter(handle.fetch_history_events(page_size=1)))
        started = first.workflow_execution_started_event_attributes
        (argument,) = self._client.data_converter.payload_converter.from_payloads(started.input.payloads)
        info = described.workflow_execution_info
        kind, queue = info.type.name, info.task_queue
        await self.submit(
            Work(kind=kind, work_id=work_id, owner=_read_owner(info), task_queue=queue, argument=argument)
        )

    async def pause(self, work_id: str) -> None:
        """Lets no further step of the work begin. Steps in hand go on to their end."""
        request = PauseWorkflowExecutionRequest(
            namespace=self._client.namespace, workflow_id=work_id, reason="an operator paused it"
        )
        with engine_errors():
            await self._client.workflow_service.pause_workflow_execution(request, timeout=_RPC_S_MAX)

    async def resume(self, work_id: str) -> None:
        """Lets paused work go on."""
        request = UnpauseWorkflowExecutionRequest(
            namespace=self._client.namespace, workflow_id=work_id, reason="an operator resumed it"
        )
        with engine_errors():
            await self._client.workflow_service.unpause_workflow_execution(request, timeout=_RPC_S_MAX)

    async def find(self, work_id: str) -> WorkState | None:
        """The newest run of that id."""
        try:
            described = await self._describe(work_id)
        except NotThere:
            return None
        info, pending = described.workflow_execution_info, described.pending_activities
        failures = [one.last_failure for one in pending if one.HasField("last_failure")]
        if not failures and info.status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_FAILED:
            failures = await self._find_final_failure(info.execution)
        last = failures[-1] if failures else Failure()
        return replace(
            _to_state(info),
            attempts=max((one.attempt for one in pending), default=0),
            last_failure=last.message,
            reason=last.application_failure_info.type,
        )

    async def _find_final_failure(self, execution: WorkflowExecution) -> list[Failure]:
        """The failure with which a run ended."""
        handle = self._client.get_workflow_handle(execution.workflow_id, run_id=execution.run_id)
        events = handle.fetch_history_events(
            event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT, rpc_timeout=_RPC_S_MAX
        )
        with engine_errors():
            return [event.workflow_execution_failed_event_attributes.failure async for event in events]

    async def list(self, chosen: WorkFilter, *, limit: int) -> list[WorkState]:
        """Newest runs first, of top-level work alone."""
        found: list[WorkState] = []
        request = ListWorkflowExecutionsRequest(
            namespace=self._client.namespace, query=_to_query(chosen), page_size=_PAGE_SIZE
        )
        while True:
            with engine_errors():
                page = await self._client.workflow_service.list_workflow_executions(request, timeout=_RPC_S_MAX)
            states = [_to_state(info) for info in page.executions if not info.parent_execution.workflow_id]
            if chosen.reason:
                looked_at = [await self.find(state.work_id) for state in states]
                states = [state for state in looked_at if state is not None and state.reason == chosen.reason]
            found += states
            if len(found) >= limit or not page.next_page_token:
                return found[:limit]
            request.next_page_token = page.next_page_token

    async def _describe(self, work_id: str) -> DescribeWorkflowExecutionResponse:
        """The engine's own answer: the library's wrapper cannot read that work is paused (temporalio 1.35)."""
        execution = WorkflowExecution(workflow_id=work_id)
        request = DescribeWorkflowExecutionRequest(namespace=self._client.namespace, execution=execution)
        with engine_errors():
            return await self._client.workflow_service.describe_workflow_execution(request, timeout=_RPC_S_MAX)

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

    async def _keep_working(self, plan: WorkerPlan) -> None:
        task = asyncio.current_task()
        assert task is not None
        while True:
            self._workers[task] = Worker(
                self._client,
                task_queue=plan.task_queue,
                workflows=plan.workflows,
                activities=plan.activities,
                max_concurrent_activities=plan.activities_running_max,
                sticky_queue_schedule_to_start_timeout=_STICKY_S,
                max_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE_S,
                default_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE_S,
                disable_eager_activity_execution=True,  # an eager activity would pass by the queue and its fairness
            )
            try:
                await self._workers[task].run()
                return
            except RuntimeError as failure:
                _log.error("a worker ended; another one begins", task_queue=plan.task_queue, why=str(failure))
            await asyncio.sleep(1.0)


class NotThere(NotFound):
    """The engine knows no work of that id, or it has ended."""

    default_reason = "NO_SUCH_WORK"


@contextmanager
def engine_errors() -> Iterator[None]:
    """Raises domain errors instead of the engine's own."""
    try:
        yield
    except RPCError as failure:
        if failure.status == RPCStatusCode.NOT_FOUND:
            raise NotThere("the workflow engine knows no such work, or it has ended") from failure
        if failure.status in (RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.PERMISSION_DENIED):
            raise FailedPrecondition(f"the workflow engine refuses: {failure}", reason="ENGINE_REFUSES") from failure
        message = "the workflow engine cannot be reached at the moment; nothing was lost, try again soon"
        raise Unavailable(message, reason="ENGINE_AWAY", retry_after_s=2.0) from failure


def _to_query(chosen: WorkFilter) -> str:
    """The engine's query for a filter, but for its reason, which the engine does not index."""
    filters = {
        "WorkflowType": chosen.kind,
        OWNER_ATTRIBUTE: chosen.owner,
        "ExecutionStatus": _ENGINE_STATUSES.get(chosen.status, chosen.status),
    }
    terms = [f"{name} = {_quoted(value)}" for name, value in filters.items() if value]
    for sign, age_s in (("<", chosen.older_than_s), (">", chosen.younger_than_s)):
        if age_s is not None:
            terms.append(f"StartTime {sign} '{(datetime.now(UTC) - timedelta(seconds=age_s)).isoformat()}'")
    return " AND ".join(terms)


def _to_state(info: WorkflowExecutionInfo) -> WorkState:
    return WorkState(
        kind=info.type.name,
        work_id=info.execution.workflow_id,
        owner=_read_owner(info),
        status=_STATUSES.get(info.status, WorkStatus.FAILED),
        started=info.start_time.ToDatetime(tzinfo=UTC),
        ended=info.close_time.ToDatetime(tzinfo=UTC) if info.HasField("close_time") else None,
    )


def _read_owner(info: WorkflowExecutionInfo) -> str:
    fields = info.search_attributes.indexed_fields
    return str(json.loads(fields[OWNER_ATTRIBUTE].data)) if OWNER_ATTRIBUTE in fields else ""


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

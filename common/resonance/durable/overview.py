"""Overview of work for operators: of all owners, by state, kind, owner, age and reason; paused, resumed, run once more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.failure.v1 import Failure
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    ListWorkflowExecutionsRequest,
    PauseWorkflowExecutionRequest,
    UnpauseWorkflowExecutionRequest,
)
from temporalio.client import Client, WorkflowHistoryEventFilterType

from resonance.durable.calls import CALL_S_MAX, NotThere, describe, engine_errors
from resonance.durable.dev_server import OWNER_ATTRIBUTE
from resonance.durable.work import Work, WorkFilter, WorkState, WorkStatus

_PAGE_SIZE = 100
EVERYTHING = WorkFilter()
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


class WorkOverview:
    """Work of all owners as the engine knows it."""

    def __init__(self, client: Client, submit: Callable[[Work], Awaitable[None]]) -> None:
        self._client = client
        self._submit = submit

    async def retry(self, work_id: str) -> None:
        """Runs the newest work of that id once more, with the same argument. Work that runs is only signalled."""
        handle, described = self._client.get_workflow_handle(work_id), await describe(self._client, work_id)
        with engine_errors():
            first = await anext(aiter(handle.fetch_history_events(page_size=1)))
        started = first.workflow_execution_started_event_attributes
        (argument,) = self._client.data_converter.payload_converter.from_payloads(started.input.payloads)
        info = described.workflow_execution_info
        kind, queue = info.type.name, info.task_queue
        await self._submit(
            Work(kind=kind, work_id=work_id, owner=_read_owner(info), task_queue=queue, argument=argument)
        )

    async def pause(self, work_id: str) -> None:
        """Lets no further step of the work begin. Steps in hand go on to their end."""
        request = PauseWorkflowExecutionRequest(
            namespace=self._client.namespace, workflow_id=work_id, reason="an operator paused it"
        )
        with engine_errors():
            await self._client.workflow_service.pause_workflow_execution(request, timeout=CALL_S_MAX)

    async def resume(self, work_id: str) -> None:
        """Lets paused work go on."""
        request = UnpauseWorkflowExecutionRequest(
            namespace=self._client.namespace, workflow_id=work_id, reason="an operator resumed it"
        )
        with engine_errors():
            await self._client.workflow_service.unpause_workflow_execution(request, timeout=CALL_S_MAX)

    async def find(self, work_id: str) -> WorkState | None:
        """The newest run of that id."""
        try:
            described = await describe(self._client, work_id)
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
            event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT, rpc_timeout=CALL_S_MAX
        )
        with engine_errors():
            return [event.workflow_execution_failed_event_attributes.failure async for event in events]

    async def list(self, chosen: WorkFilter = EVERYTHING, *, limit: int = 100) -> list[WorkState]:
        """Newest runs first, of top-level work alone."""
        found: list[WorkState] = []
        request = ListWorkflowExecutionsRequest(
            namespace=self._client.namespace, query=_to_query(chosen), page_size=_PAGE_SIZE
        )
        while True:
            with engine_errors():
                page = await self._client.workflow_service.list_workflow_executions(request, timeout=CALL_S_MAX)
            states = [_to_state(info) for info in page.executions if not info.parent_execution.workflow_id]
            if chosen.reason:
                looked_at = await asyncio.gather(*(self.find(state.work_id) for state in states))
                states = [state for state in looked_at if state is not None and state.reason == chosen.reason]
            found += states
            if len(found) >= limit or not page.next_page_token:
                return found[:limit]
            request.next_page_token = page.next_page_token


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

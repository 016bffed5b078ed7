"""Calls of the engine's own API: errors as domain errors, one description of work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from resonance.errors import FailedPrecondition, NotFound, Unavailable

CALL_S_MAX = timedelta(seconds=10)


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


async def describe(client: Client, work_id: str) -> DescribeWorkflowExecutionResponse:
    """The newest run of that id: the engine's own answer, because the library's cannot read that work is paused (temporalio 1.35).

    Raises:
        NotThere, Unavailable: as `engine_errors`.
    """
    request = DescribeWorkflowExecutionRequest(
        namespace=client.namespace, execution=WorkflowExecution(workflow_id=work_id)
    )
    with engine_errors():
        return await client.workflow_service.describe_workflow_execution(request, timeout=CALL_S_MAX)

"""Trace and request id of whoever submitted work: they go with the workflow into each of its steps, and from there with every call."""

from __future__ import annotations

from typing import Any

from temporalio import activity, workflow
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.client import OutboundInterceptor, StartWorkflowInput, WorkflowHandle
from temporalio.converter import PayloadConverter
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    StartActivityInput,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)
from temporalio.worker import Interceptor as WorkerInterceptor

from resonance.telemetry.traces import step_span, trace_metadata

_HEADER = "resonance-trace"  # of the engine: a mapping with `traceparent` and `x-request-id`


class TraceInterceptor(ClientInterceptor, WorkerInterceptor):
    """Of a client, and by it of its workers."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Submitting(next)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Acting(next)

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        return _Planning


class _Submitting(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        if carrier := dict(trace_metadata()):
            input.headers = {**input.headers, _HEADER: PayloadConverter.default.to_payload(carrier)}
        return await super().start_workflow(input)


class _Planning(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Ordering(outbound))


class _Ordering(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        _carry_on(input)
        return super().start_activity(input)

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> workflow.ChildWorkflowHandle[Any, Any]:
        _carry_on(input)
        return await super().start_child_workflow(input)


def _carry_on(input: StartActivityInput | StartChildWorkflowInput) -> None:
    if (carried := workflow.info().headers.get(_HEADER)) is not None:
        input.headers = {**input.headers, _HEADER: carried}


class _Acting(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        if (carried := input.headers.get(_HEADER)) is None:
            return await super().execute_activity(input)
        carrier: dict[str, str] = PayloadConverter.default.from_payload(carried, dict)
        with step_span(carrier, activity.info().activity_type):
            return await super().execute_activity(input)

"""Traces: one trace through HTTP, gRPC and the logs of all services (W3C Trace Context), sent by OTLP where a collector is named.

The spans are made here and not by OpenTelemetry's own gRPC instrumentation, which takes a stream that its listener left for an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import AsyncExitStack, contextmanager
from typing import Any

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from resonance.settings import Settings

TRACE_HEADER, REQUEST_HEADER = "traceparent", "x-request-id"
_PROPAGATOR = TraceContextTextMapPropagator()
# Codes that are the service's fault. A caller that leaves, and a request that is refused, are none.
_FAULTS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
_request_id_key = context.create_key("resonance-request-id")


def configure_traces(settings: Settings, stack: AsyncExitStack, *, service: str) -> None:
    """Makes the spans of this process, and sends them to `settings.otlp_endpoint` where one is set. Called once.

    The stack's end sends what is left. Without a collector spans still have ids, which stand in the logs.
    """
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: f"resonance-{service}"}))
    if settings.otlp_endpoint:
        provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint}/v1/traces"))
        )
    trace.set_tracer_provider(provider)
    stack.callback(provider.shutdown)


def begin_call_span(method: str, metadata: Iterable[Any]) -> Span:
    """The span of a gRPC call at its server, current in this task, below the caller's span; `end_call_span` ends it.

    Every call is a task of its own, so that nothing is put back.
    """
    sent = {str(name): value for name, value in metadata if isinstance(value, str)}
    _enter(sent)
    span = trace.get_tracer("resonance").start_span(method.lstrip("/"), kind=SpanKind.SERVER)
    span.set_attribute("rpc.system", "grpc")
    context.attach(trace.set_span_in_context(span))
    return span


def end_call_span(span: Span, code: str) -> None:
    """Ends the span of a call with its gRPC code."""
    span.set_attribute("rpc.response.status_code", code)
    if code in _FAULTS:
        span.set_status(StatusCode.ERROR, code)
    span.end()


@contextmanager
def request_span(headers: Mapping[str, str], *, method: str, request_id: str) -> Iterator[Span]:
    """The span of an HTTP request at the gateway, below the client's span where its headers name one.

    Its request id and trace go with every call that the request makes.
    """
    before = context.get_current()
    _enter({**headers, REQUEST_HEADER: request_id})
    span = trace.get_tracer("resonance").start_span(method, kind=SpanKind.SERVER)
    span.set_attribute("http.request.method", method)
    context.attach(trace.set_span_in_context(span))
    try:
        yield span
    finally:
        span.end()
        context.attach(before)


@contextmanager
def step_span(carrier: Mapping[str, str], step: str) -> Iterator[None]:
    """The span of a step of long work, below the request that submitted it; `carrier` is what `trace_metadata` gave there.

    A step that raises is an error; one that is cancelled is none.
    """
    before = context.get_current()
    _enter(carrier)
    span = trace.get_tracer("resonance").start_span(step, kind=SpanKind.CONSUMER)
    context.attach(trace.set_span_in_context(span))
    try:
        yield
    except Exception:
        span.set_status(StatusCode.ERROR)
        raise
    finally:
        span.end()
        context.attach(before)


def describe_response(span: Span, *, method: str, route: str, status: int) -> None:
    """Names the span by the route and gives it the response's status; a 5xx is an error."""
    span.update_name(f"{method} {route}")
    span.set_attributes({"http.route": route, "http.response.status_code": status})
    if status >= 500:
        span.set_status(StatusCode.ERROR)


def trace_metadata() -> list[tuple[str, str]]:
    """Metadata by which a call carries the current trace and request id; empty outside of a request."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    found = [(TRACE_HEADER, carrier[TRACE_HEADER])] if TRACE_HEADER in carrier else []
    return [*found, (REQUEST_HEADER, current_request_id())] if current_request_id() else found


def current_request_id() -> str:
    """The id of the request that this task works for; empty outside of one."""
    return str(context.get_value(_request_id_key) or "")


def current_trace_id() -> str:
    """The current trace as 32 hexadecimal digits; empty outside of one."""
    spans = trace.get_current_span().get_span_context()
    return trace.format_trace_id(spans.trace_id) if spans.is_valid else ""


def add_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Processor of structlog: every line of a request has its ids."""
    for name, value in (("request_id", current_request_id()), ("trace_id", current_trace_id())):
        if value:
            event.setdefault(name, value)
    return event


def _enter(carrier: Mapping[str, str]) -> None:
    entered = _PROPAGATOR.extract(carrier)
    if request_id := carrier.get(REQUEST_HEADER, ""):
        entered = context.set_value(_request_id_key, request_id, entered)
    context.attach(entered)

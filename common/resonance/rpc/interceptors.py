"""Server interceptor: authentication, validation, error mapping, logs, metrics and spans of calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
import structlog
from google.protobuf.message import Message

from resonance.errors import INTERNAL_MESSAGE, ResonanceError
from resonance.identity import set_owner
from resonance.rpc import status
from resonance.rpc.auth import Authenticator
from resonance.rpc.validation import validate
from resonance.telemetry.metrics import RPC_SECONDS
from resonance.telemetry.traces import begin_call_span, end_call_span

# The token of a share link is the only credential here.
_PUBLIC = frozenset({"/resonance.v1.ShareService/ReadShareLink"})
# The token of a room lets in callers without a key too. They act for an owner who has nothing of their own.
_GUESTS = frozenset({"/resonance.v1.RoomService/JoinPerformance"})
_log = structlog.get_logger("rpc")


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every handler of our own services; gRPC's own (health, reflection) pass through.

    A streaming handler is rebuilt and iterated inside our own `try`, because gRPC calls it once and iterates it later.
    """

    def __init__(self, authenticator: Authenticator | None = None) -> None:
        self._authenticator = authenticator

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        details = handler_call_details
        handler = await continuation(details)
        if handler is None or not details.method.startswith("/resonance."):
            return handler
        kind, inner = _find_kind(handler)
        wrap = _wrap_stream if handler.response_streaming else _wrap_unary
        return getattr(grpc, f"{kind}_rpc_method_handler")(
            wrap(inner, details.method, handler.request_streaming, self._authenticator),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def _find_kind(handler: grpc.RpcMethodHandler[Any, Any]) -> tuple[str, Callable[..., Any]]:
    for kind in ("unary_unary", "unary_stream", "stream_unary", "stream_stream"):
        inner = getattr(handler, kind)
        if inner is not None:
            return kind, inner
    raise AssertionError("a handler has one of four kinds")


def _wrap_unary(
    inner: Callable[..., Awaitable[Any]], method: str, is_streamed: bool, authenticator: Authenticator | None
) -> Callable[..., Awaitable[Any]]:
    async def handle(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        call = _Call(method, context)
        try:
            await _enter(authenticator, method, context)
            _check(request, is_streamed)
            response = await inner(request, context)
        except (Exception, asyncio.CancelledError) as failure:
            await _fail(call, failure, context)
            raise
        call.end("OK")
        return response

    return handle


def _wrap_stream(
    inner: Callable[..., AsyncIterator[Any]], method: str, is_streamed: bool, authenticator: Authenticator | None
) -> Callable[..., AsyncIterator[Any]]:
    async def handle(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        call = _Call(method, context)
        try:
            await _enter(authenticator, method, context)
            _check(request, is_streamed)
            async with aclosing(inner(request, context)) as responses:  # type: ignore[type-var]
                async for response in responses:
                    yield response
        except (Exception, asyncio.CancelledError, GeneratorExit) as failure:
            await _fail(call, failure, context)
            raise
        call.end("OK")

    return handle


async def _enter(authenticator: Authenticator | None, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
    """Sets the owner of the call. Every call is a task of its own, so that the owner need not be unset."""
    if authenticator is not None and method not in _PUBLIC:
        caller = await authenticator.authenticate(context.invocation_metadata() or (), admits_guests=method in _GUESTS)
        set_owner(caller.owner, is_vouched_for=caller.is_service)


def _check(request: Any, is_streamed: bool) -> None:
    """Validates the request. Handlers of streamed requests validate message by message with `rpc.validate`."""
    if not is_streamed and isinstance(request, Message):
        validate(request)


async def _fail(call: _Call, failure: BaseException, context: grpc.aio.ServicerContext[Any, Any]) -> None:
    if isinstance(failure, asyncio.CancelledError | GeneratorExit):
        call.end("CANCELLED")
        return
    if isinstance(failure, grpc.aio.AbortError):
        return
    if isinstance(failure, grpc.aio.AioRpcError):
        failure = status.to_domain_error(failure)  # a failure of another service keeps its reason
    if not isinstance(failure, ResonanceError):
        _log.error("unexpected error", method=call.method, exc_info=failure)
        failure = ResonanceError(INTERNAL_MESSAGE, reason="INTERNAL")
    call.end(status.to_rpc_code(failure).name, reason=failure.reason)
    await status.abort(context, failure)


class _Call:
    """Span, time and log line of one call."""

    def __init__(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        self.method = method
        self._started_s = time.perf_counter()
        self._span = begin_call_span(method, context.invocation_metadata() or ())

    def end(self, code: str, **extra: str) -> None:
        """Records the call's code, once."""
        took_s = time.perf_counter() - self._started_s
        RPC_SECONDS.labels(method=self.method, code=code).observe(took_s)
        _log.info("call", method=self.method, code=code, took_ms=round(took_s * 1000, 1), **extra)
        end_call_span(self._span, code)

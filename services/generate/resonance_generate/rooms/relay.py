"""Relay: a room that plays in another replica, joined through this one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from resonance.errors import Unavailable
from resonance.rpc import STREAM_S_MAX, open_channel
from resonance.rpc.calls import stream_call
from resonance.rpc.tls import open_tls
from resonance.settings import Settings
from resonance.v1 import rooms_pb2, rooms_pb2_grpc

# A call with this header was relayed once. It is not relayed again, so that two replicas never send it back and forth.
RELAYED_HEADER = "x-resonance-relayed"


async def relay(
    address: str,
    joining: rooms_pb2.JoinPerformanceRequest,
    requests: AsyncIterator[rooms_pb2.JoinPerformanceRequest],
    settings: Settings,
) -> AsyncGenerator[rooms_pb2.JoinPerformanceResponse, None]:
    """The messages of the room at `address`, for the caller's own account. Raises what that replica raises."""

    async def chained() -> AsyncGenerator[rooms_pb2.JoinPerformanceRequest, None]:
        yield joining
        async for request in requests:
            yield request

    channel = open_channel(
        address,
        service_key=settings.service_key,
        tls=open_tls(settings),
        tls_server_name=settings.tls_server_name,
    )
    try:
        stub = rooms_pb2_grpc.RoomServiceStub(channel)
        call = stub.JoinPerformance(chained(), metadata=((RELAYED_HEADER, "1"),), timeout=STREAM_S_MAX)
        async with aclosing(stream_call(call, service="generate")) as responses:
            async for response in responses:
                yield response
    except Unavailable as failure:
        if failure.reason != Unavailable.default_reason:
            raise
        lost = "the process that plays this room cannot be reached; where it has stopped, the room has ended"
        raise Unavailable(lost, reason="ROOM_UNREACHABLE", retry_after_s=failure.retry_after_s) from failure
    finally:
        await channel.close()

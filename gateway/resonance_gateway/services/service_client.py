"""ServiceClient: unary and streaming calls to one service, with deadlines and errors in the words of REST."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from resonance.errors import DeadlineExceeded, ResonanceError, Unavailable
from resonance.rpc.calls import stream_call, unary_call
from resonance_gateway.schema.rest_names import to_rest_violations

UNARY_S_MAX = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceClient:
    """The rpcs of one gRPC service, called by their proto names.

    Every method raises the domain error that the service sent, with its faults under REST field names.
    """

    name: str
    stub: Any
    stream_s_max: float

    async def ask(self, rpc: str, request: Message, *, timeout_s: float = UNARY_S_MAX) -> Any:
        """The response of a unary call."""
        with rest_errors(self.name):
            return await unary_call(getattr(self.stub, rpc)(request, timeout=timeout_s))

    async def listen(self, rpc: str, request: Message) -> AsyncGenerator[Any, None]:
        """The responses of a streaming call. Closing the generator cancels the call."""
        call = getattr(self.stub, rpc)(request, timeout=self.stream_s_max)
        with rest_errors(self.name):
            async with aclosing(stream_call(call)) as responses:
                async for response in responses:
                    yield response


@contextmanager
def rest_errors(service: str) -> Iterator[None]:
    """Renames the fields of a domain error for REST, and replaces gRPC's own texts about the transport."""
    try:
        yield
    except ResonanceError as error:
        translated = to_rest_violations(_without_transport_text(service, error))
        if translated is error:
            raise
        raise translated from error


def _without_transport_text(service: str, error: ResonanceError) -> ResonanceError:
    if isinstance(error, Unavailable) and error.reason == Unavailable.default_reason:
        detail = f"the {service} service cannot be reached at the moment; nothing was lost, try again soon"
        return Unavailable(detail, retry_after_s=error.retry_after_s)
    if isinstance(error, DeadlineExceeded) and error.reason == DeadlineExceeded.default_reason:
        return DeadlineExceeded(f"the {service} service exceeded its time limit; try again", retry_after_s=5.0)
    return error

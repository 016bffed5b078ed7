"""Unary and streaming calls to one service."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from resonance.errors import ResonanceError
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
        with rest_errors():
            return await unary_call(getattr(self.stub, rpc)(request, timeout=timeout_s), service=self.name)

    async def listen(self, rpc: str, request: Message) -> AsyncGenerator[Any, None]:
        """The responses of a streaming call. Closing the generator cancels the call."""
        call = getattr(self.stub, rpc)(request, timeout=self.stream_s_max)
        with rest_errors():
            async with aclosing(stream_call(call, service=self.name)) as responses:
                async for response in responses:
                    yield response


@contextmanager
def rest_errors() -> Iterator[None]:
    """Renames the fields of a domain error's violations to the names that the REST client sent."""
    try:
        yield
    except ResonanceError as error:
        to_rest_violations(error)
        raise

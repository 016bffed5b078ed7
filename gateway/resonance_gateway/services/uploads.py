"""How the gateway calls: a stream is cancelled when its reader leaves, a failure becomes the domain error that it carries."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from google.protobuf.message import Message
from starlette.requests import ClientDisconnect

from resonance.errors import ResonanceError
from resonance.rpc import calls
from resonance.v1 import ingest_pb2
from resonance_gateway import messages
from resonance_gateway.http.multipart import FileOpening, FilePiece

T = TypeVar("T")

_PIECE_BYTES = 256 * 1024


async def ask(service: str, call: Awaitable[T]) -> T:
    """The answer of a unary call. Raises the domain error that the service domain_errors."""
    with domain_errors(service):
        return await call


async def listen(service: str, call: Any) -> AsyncGenerator[Any, None]:
    """The responses of a streaming call, which ends when its reader leaves. Raises the domain error that the service domain_errors."""
    # A stream that is dropped but not cancelled lives on at the server (10 of 10 did, for seconds).
    try:
        with domain_errors(service):
            async for response in call:
                yield response
    finally:
        call.cancel()


async def write_upload(
    call: Any, header: ingest_pb2.UploadPlaylistRequest, files: AsyncIterator[FileOpening | FilePiece]
) -> None:
    """Writes until the files end or the service has answered early; then awaiting the call tells what it answered."""
    await call.wait_for_connection()
    await wrote(call, header)
    async for part in files:
        if not await wrote(call, _upload_message(part)):
            return
    if await wrote(call, messages.upload_end()):
        await call.done_writing()


async def write_bytes(
    call: Any, position: ingest_pb2.WriteUploadRequest, chunks: AsyncIterator[bytes]
) -> ClientDisconnect | None:
    """Writes until the bytes end or the service has answered early. Returns the caller's leaving, where it left."""
    await call.wait_for_connection()
    await wrote(call, position)
    try:
        async for chunk in chunks:
            for at in range(0, len(chunk), _PIECE_BYTES):
                if not await wrote(call, ingest_pb2.WriteUploadRequest(data=chunk[at : at + _PIECE_BYTES])):
                    return None
    except ClientDisconnect as left:
        await call.done_writing()
        return left
    await call.done_writing()
    return None


async def wrote(call: Any, message: Message) -> bool:
    """Whether the message could be written; False means that the service has answered already. One write at a time.

    This goes below `call.write`, which replaces the service's answer by INTERNAL where the two cross: on loopback a
    refusal in the middle of an upload was lost in 3 of 60 to 5 of 5 tries, and in 0 of 300 this way.
    """
    if call.done():
        return False
    try:
        await call._cython_call.send_serialized_message(message.SerializeToString())
    except Exception:  # grpc's core has a private type for it
        return False
    return True


def _upload_message(part: FileOpening | FilePiece) -> ingest_pb2.UploadPlaylistRequest:
    if isinstance(part, FileOpening):
        return messages.upload_track(part.filename)
    return messages.upload_data(part.data)


@contextmanager
def domain_errors(service: str) -> Iterator[None]:
    """`resonance.rpc.calls.domain_errors` with each field under its REST name."""
    try:
        with calls.domain_errors(service):
            yield
    except ResonanceError as error:
        messages.to_rest_violations(error)
        raise

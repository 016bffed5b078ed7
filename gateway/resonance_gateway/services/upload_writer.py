"""Writing of upload streams.

Messages are written one by one, until the body ends or the service answers early.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.message import Message
from starlette.requests import ClientDisconnect

from resonance.rpc.calls import unary_call
from resonance.v1 import ingest_pb2, jobs_pb2
from resonance_gateway.services.service_client import ServiceClient, rest_errors

_BLOCK_BYTES = 256 * 1024


async def upload_playlist(
    ingest: ServiceClient, messages: AsyncIterator[ingest_pb2.UploadPlaylistRequest]
) -> jobs_pb2.Job:
    """Sends a playlist's files while they arrive; returns the accepted job. `messages` end with the end mark."""
    call = ingest.stub.UploadPlaylist(timeout=ingest.stream_s_max)
    try:
        with rest_errors():
            await unary_call(call.wait_for_connection(), service=ingest.name)
            async for message in messages:
                if not await write_message(call, message):
                    break
            else:
                await call.done_writing()
            job: jobs_pb2.Job = (await unary_call(call, service=ingest.name)).job
            return job
    finally:
        call.cancel()


async def write_upload(
    ingest: ServiceClient, upload_id: str, offset: int, chunks: AsyncIterator[bytes]
) -> ingest_pb2.ResumableUpload:
    """Appends bytes to a resumable upload; returns the upload afterwards.

    Raises:
        ClientDisconnect: the client disconnected. The bytes that arrived before are stored.
    """
    call = ingest.stub.WriteUpload(timeout=ingest.stream_s_max)
    position = ingest_pb2.UploadPosition(upload_id=upload_id, offset=offset)
    try:
        with rest_errors():
            await unary_call(call.wait_for_connection(), service=ingest.name)
            await write_message(call, ingest_pb2.WriteUploadRequest(position=position))
            disconnect = await _write_blocks(call, chunks)
            upload: ingest_pb2.ResumableUpload = (await unary_call(call, service=ingest.name)).upload
    finally:
        call.cancel()
    if disconnect is not None:
        raise disconnect
    return upload


async def _write_blocks(call: Any, chunks: AsyncIterator[bytes]) -> ClientDisconnect | None:
    """Writes until the bytes end or the service has answered. Returns the client's disconnect, if it disconnected."""
    try:
        async for chunk in chunks:
            for start in range(0, len(chunk), _BLOCK_BYTES):
                block = chunk[start : start + _BLOCK_BYTES]
                if not await write_message(call, ingest_pb2.WriteUploadRequest(data=block)):
                    return None
    except ClientDisconnect as disconnect:
        await call.done_writing()
        return disconnect
    await call.done_writing()
    return None


async def write_message(call: Any, message: Message) -> bool:
    """Writes one message; False if the service has already answered. One write at a time.

    grpcio's public `call.write` replaces the service's answer by INTERNAL where the two cross, so this calls the private
    method beneath it. Refusals in the middle of an upload on loopback, grpcio 1.85.3: 3 of 200 lost with `call.write`,
    0 of 200 this way. `tests/unit/gateway/test_upload_writer.py` fails where grpcio changes the private method.
    """
    if call.done():
        return False
    send = call._cython_call.send_serialized_message  # outside the try: a missing attribute is a bug, not an answer
    try:
        await send(message.SerializeToString())
    except Exception:  # the exception type of grpc's core is private
        return False
    return True

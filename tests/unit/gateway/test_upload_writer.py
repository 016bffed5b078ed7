"""Upload writes, and grpcio's private method beneath them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest

from resonance.errors import Overloaded
from resonance.v1 import ingest_pb2, ingest_pb2_grpc
from resonance_gateway.services.service_client import ServiceClient
from resonance_gateway.services.upload_writer import upload_playlist, write_message

BLOCK = ingest_pb2.UploadPlaylistRequest(data=b"x" * 64_000)


class FullIngest(ingest_pb2_grpc.IngestServiceServicer):
    """Refuses every upload after its fifth message."""

    async def UploadPlaylist(self, requests, context):
        for _ in range(5):
            await anext(requests)
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "the queue is full")


@pytest.fixture
async def ingest() -> AsyncIterator[ServiceClient]:
    server = grpc.aio.server()
    ingest_pb2_grpc.add_IngestServiceServicer_to_server(FullIngest(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield ServiceClient(name="ingest", stub=ingest_pb2_grpc.IngestServiceStub(channel), stream_s_max=10)
    await server.stop(0)


async def blocks() -> AsyncIterator[ingest_pb2.UploadPlaylistRequest]:
    for _ in range(100):
        yield BLOCK


async def test_a_refusal_in_the_middle_of_an_upload_is_never_lost(ingest: ServiceClient) -> None:
    for _ in range(40):
        with pytest.raises(Overloaded, match="the queue is full"):
            await upload_playlist(ingest, blocks())


async def test_grpcio_has_the_private_write_that_uploads_and_performances_use(ingest: ServiceClient) -> None:
    call = ingest.stub.UploadPlaylist(timeout=10)
    await call.wait_for_connection()
    send = getattr(getattr(call, "_cython_call", None), "send_serialized_message", None)
    assert callable(send), (
        f"grpcio {grpc.__version__} has no call._cython_call.send_serialized_message: measure whether call.write still "
        "loses refusals (see write_message in services/upload_writer.py), and use it if not"
    )
    assert await write_message(call, BLOCK) is True
    call.cancel()
    assert await write_message(call, BLOCK) is False

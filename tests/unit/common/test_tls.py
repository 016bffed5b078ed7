"""Mutual TLS between a server and a channel of ours: refusals, rotation while a stream goes on, files that are wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.certificates import write_tls

from resonance.errors import InvalidInput, Unavailable
from resonance.rpc import RpcServer, open_channel
from resonance.rpc.calls import unary_call
from resonance.rpc.tls import TlsFolder
from resonance.v1 import generate_pb2, generate_pb2_grpc

CHUNKS = 40
LOOKED_S = 1.1  # the files are looked at once a second


class Streaming(generate_pb2_grpc.GenerateServiceServicer):
    """Answers at once, and streams a take for four seconds."""

    async def GetModel(self, request: Any, context: Any) -> Any:
        return generate_pb2.GetModelResponse()

    async def StreamTake(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for _ in range(CHUNKS):
            yield generate_pb2.StreamTakeResponse()
            await asyncio.sleep(0.1)


class Served:
    """A server whose certificate is in `folder`."""

    def __init__(self, folder: Path, server: RpcServer, authority: trustme.CA) -> None:
        self.folder, self.server, self.authority = folder, server, authority

    def channel(self, folder: Path | None) -> grpc.aio.Channel:
        return open_channel(self.server.address, tls=TlsFolder(folder) if folder else None)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    authority = trustme.CA()
    folder = write_tls(tmp_path / "server", authority)
    server = RpcServer("127.0.0.1:0", tls=TlsFolder(folder), health_address="127.0.0.1:0")
    server.add(
        "resonance.v1.GenerateService",
        lambda inner: generate_pb2_grpc.add_GenerateServiceServicer_to_server(Streaming(), inner),
    )
    await server.start()
    yield Served(folder, server, authority)
    await server.stop(0)


async def ask(channel: grpc.aio.Channel) -> None:
    stub = generate_pb2_grpc.GenerateServiceStub(channel)
    await unary_call(stub.GetModel(generate_pb2.GetModelRequest(), timeout=5))


async def refusal(channel: grpc.aio.Channel) -> Unavailable:
    async with channel:
        with pytest.raises(Unavailable) as caught:
            await ask(channel)
    return caught.value


async def test_a_client_with_a_certificate_of_the_authority_is_served(served: Served, tmp_path: Path) -> None:
    async with served.channel(write_tls(tmp_path / "client", served.authority)) as channel:
        await ask(channel)


async def test_a_client_without_a_certificate_is_refused(served: Served) -> None:
    trusting = grpc.ssl_channel_credentials(served.authority.cert_pem.bytes())
    async with grpc.aio.secure_channel(served.server.address, trusting) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await generate_pb2_grpc.GenerateServiceStub(channel).GetModel(generate_pb2.GetModelRequest(), timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_client_that_speaks_no_tls_is_refused(served: Served) -> None:
    await refusal(served.channel(None))


async def test_a_client_of_another_authority_is_refused(served: Served, tmp_path: Path) -> None:
    """It trusts the server, and the server does not trust it."""
    await refusal(served.channel(write_tls(tmp_path / "client", trustme.CA(), trusted=served.authority)))


async def test_a_server_of_another_authority_is_told_in_a_sentence(served: Served, tmp_path: Path) -> None:
    told = await refusal(served.channel(write_tls(tmp_path / "client", trustme.CA())))
    assert told.reason == "TLS_FAILED"
    assert "not of the authority in ca.crt of RESONANCE_TLS_DIR" in told.message


async def test_a_name_that_the_certificate_lacks_is_told_and_can_be_given(served: Served, tmp_path: Path) -> None:
    client = write_tls(tmp_path / "client", served.authority)
    write_tls(served.folder, served.authority, "generate")
    await asyncio.sleep(LOOKED_S)
    told = await refusal(served.channel(client))
    assert "does not carry the name" in told.message
    async with open_channel(served.server.address, tls=TlsFolder(client), tls_server_name="generate") as channel:
        await ask(channel)


async def test_a_server_without_tls_is_told_in_a_sentence(tmp_path: Path) -> None:
    server = RpcServer("127.0.0.1:0")
    await server.start()
    folder = TlsFolder(write_tls(tmp_path / "client", trustme.CA()))
    told = await refusal(open_channel(server.address, tls=folder))
    await server.stop(0)
    assert "speaks no TLS" in told.message


async def test_a_certificate_that_ended_on_a_running_server_is_told(tmp_path: Path) -> None:
    authority = trustme.CA()
    folder = TlsFolder(write_tls(tmp_path / "server", authority, ends_in=timedelta(seconds=1)))
    server = RpcServer("127.0.0.1:0", tls=folder)
    await server.start()
    await asyncio.sleep(2)
    told = await refusal(open_channel(server.address, tls=TlsFolder(write_tls(tmp_path / "client", authority))))
    await server.stop(0)
    assert "not valid now (certificate has expired): renew it" in told.message


async def test_new_certificates_of_a_new_authority_are_taken_over_while_a_stream_goes_on(
    served: Served, tmp_path: Path
) -> None:
    mine = write_tls(tmp_path / "client", served.authority)
    late = write_tls(tmp_path / "late", served.authority)
    async with served.channel(mine) as channel:
        stub = generate_pb2_grpc.GenerateServiceStub(channel)
        stream = stub.StreamTake(generate_pb2.StreamTakeRequest(request_id="x"), timeout=20)
        heard = 0
        async for _ in stream:
            heard += 1
            if heard == 5:
                renewed = trustme.CA()
                write_tls(served.folder, renewed)
                write_tls(mine, renewed)
                await asyncio.sleep(LOOKED_S)
                await ask(channel)
                assert not stream.done(), "the call went on while the stream did"
                await refusal(served.channel(late))
        assert heard == CHUNKS
        assert await stream.code() is grpc.StatusCode.OK
        await ask(channel)


async def test_files_that_do_not_fit_together_leave_the_ones_before_in_force(served: Served, tmp_path: Path) -> None:
    client = write_tls(tmp_path / "client", served.authority)
    (served.folder / "tls.key").write_bytes((client / "tls.key").read_bytes())
    await asyncio.sleep(LOOKED_S)
    async with served.channel(client) as channel:
        await ask(channel)


async def test_the_health_port_is_plain_and_has_nothing_else(served: Served) -> None:
    async with open_channel(served.server.health_address) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await generate_pb2_grpc.GenerateServiceStub(channel).GetModel(generate_pb2.GetModelRequest(), timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("missing", ["tls.crt", "tls.key", "ca.crt"])
def test_a_half_present_folder_is_refused_in_a_sentence(tmp_path: Path, missing: str) -> None:
    folder = write_tls(tmp_path / "tls", trustme.CA())
    (folder / missing).unlink()
    with pytest.raises(InvalidInput) as caught:
        TlsFolder(folder)
    assert f"{missing} cannot be read (No such file or directory)" in caught.value.message
    assert "it must hold tls.crt, tls.key and ca.crt" in caught.value.message


def test_another_certificates_key_a_broken_file_and_an_ended_certificate_are_refused(tmp_path: Path) -> None:
    authority = trustme.CA()
    ended = write_tls(tmp_path / "ended", authority, ends_in=timedelta(hours=-1))
    mixed, broken = write_tls(tmp_path / "mixed", authority), write_tls(tmp_path / "broken", authority)
    (mixed / "tls.key").write_bytes((ended / "tls.key").read_bytes())
    (broken / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\nx\n")
    for folder, sentence in (
        (ended, "renew it"),
        (mixed, "tls.key is not the key of the certificate tls.crt"),
        (broken, "ca.crt holds no certificate in PEM"),
    ):
        with pytest.raises(InvalidInput, match="RESONANCE_TLS_DIR") as caught:
            TlsFolder(folder)
        assert sentence in caught.value.message

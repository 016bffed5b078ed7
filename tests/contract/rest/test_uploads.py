"""Resumable uploads by tus and by plain HTTP."""

from __future__ import annotations

import asyncio
import base64

import httpx
import pytest
from tests.contract.rest.conftest import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")
BYTES = {"Content-Type": "application/offset+octet-stream"}


async def opened(gateway: Gateway, size: int) -> str:
    metadata = "filename " + base64.b64encode("größe.mp3".encode()).decode() + ",type YXVkaW8="
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(size), "Upload-Metadata": metadata}
    answer = await gateway.http.post("/v1/uploads", headers=headers)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "0")
    assert answer.json()["filename"] == "größe.mp3"
    return answer.headers["location"]


async def test_a_tus_client_learns_what_the_server_can(gateway: Gateway) -> None:
    answer = await gateway.http.options("/v1/uploads")
    assert (answer.status_code, answer.headers["tus-version"]) == (204, "1.0.0")
    assert answer.headers["tus-extension"] == "creation,termination,expiration"
    assert int(answer.headers["tus-max-size"]) > 0


async def test_a_file_in_two_pieces_becomes_a_taste(gateway: Gateway) -> None:
    place = await opened(gateway, 10)
    first = await gateway.http.patch(place, content=b"01234", headers=BYTES | {"Upload-Offset": "0"})
    assert (first.status_code, first.headers["upload-offset"]) == (204, "5")
    stands = await gateway.http.head(place)
    assert (stands.headers["upload-offset"], stands.headers["upload-length"]) == ("5", "10")
    assert stands.headers["cache-control"] == "no-store"
    second = await gateway.http.patch(place, content=b"56789", headers=BYTES | {"Upload-Offset": "5"})
    assert second.headers["upload-offset"] == "10"
    answer = await gateway.http.post("/v1/tastes", json={"uploads": [place.rsplit("/", 1)[1]], "title": "Evening"})
    assert (answer.status_code, answer.json()["title"]) == (202, "Evening")
    assert (await gateway.http.delete(place)).json()["reason"] == "UPLOAD_IN_USE"


async def test_bytes_at_the_wrong_place_are_refused_and_the_place_is_told(gateway: Gateway) -> None:
    place = await opened(gateway, 10)
    answer = await gateway.http.patch(place, content=b"x", headers=BYTES | {"Upload-Offset": "3"})
    assert (answer.status_code, answer.json()["reason"]) == (409, "UPLOAD_OFFSET_WRONG")
    assert "byte 0" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain", "Upload-Offset": "0"}, 415),
        (BYTES, 422),
        (BYTES | {"Upload-Offset": "-1"}, 422),
        (BYTES | {"Upload-Offset": "0", "Tus-Resumable": "0.2.2"}, 412),
        (BYTES | {"Upload-Offset": "0"}, 413),
    ],
)
async def test_a_wrong_patch_is_told_apart(gateway: Gateway, headers: dict[str, str], status: int) -> None:
    place = await opened(gateway, 10)
    answer = await gateway.http.patch(place, content=b"x" * (4_200_000 if status == 413 else 1), headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("metadata", [b"filename \xe9", b"filename %%%", b"filename /w=="])
async def test_metadata_that_cannot_be_read_is_a_named_fault(gateway: Gateway, metadata: bytes) -> None:
    headers = [(b"Upload-Length", b"4"), (b"Upload-Metadata", metadata)]
    answer = await gateway.http.post("/v1/uploads", headers=headers)
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == ["Upload-Metadata"]


async def test_what_arrived_before_the_caller_left_is_kept(gateway: Gateway) -> None:
    place = await opened(gateway, 3_000_000)

    async def broken():
        yield b"x" * 1_000_000
        await asyncio.sleep(0.2)
        raise httpx.WriteError("the connection broke")

    with pytest.raises(httpx.WriteError):
        await gateway.http.patch(place, content=broken(), headers=BYTES | {"Upload-Offset": "0"})
    for _ in range(50):
        offset = int((await gateway.http.head(place)).headers["upload-offset"])
        if offset:
            break
        await asyncio.sleep(0.1)
    assert offset == 1_000_000
    rest = await gateway.http.patch(place, content=b"x" * 2_000_000, headers=BYTES | {"Upload-Offset": str(offset)})
    assert (rest.status_code, rest.headers["upload-offset"]) == (204, "3000000")


async def test_an_unknown_upload_is_not_found(gateway: Gateway) -> None:
    for method in ("HEAD", "GET", "DELETE"):
        assert (await gateway.http.request(method, "/v1/uploads/none")).status_code == 404


@pytest.mark.parametrize("body", [{}, {"url": "https://youtu.be/x", "uploads": ["a"]}])
async def test_a_taste_is_made_of_one_of_the_two(gateway: Gateway, body: dict) -> None:
    answer = await gateway.http.post("/v1/tastes", json=body)
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == ["url"]


async def test_a_final_taste_is_gone_on_with_as_a_new_one(gateway: Gateway) -> None:
    old = (await gateway.http.post("/v1/tastes", json={"url": "https://youtu.be/x"})).json()
    async with gateway.http.stream("GET", f"/v1/tastes/{old['id']}/events") as events:
        async for _ in events.aiter_lines():
            pass
    answer = await gateway.http.post(f"/v1/tastes/{old['id']}/retry")
    assert answer.status_code == 202
    assert answer.json()["id"] != old["id"]
    assert answer.headers["location"] == f"/v1/tastes/{answer.json()['id']}"

"""The library over REST: list, describe, stream, delete."""

from __future__ import annotations

import pytest
import pytest_asyncio
from tests.contract.rest.conftest import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def audio(gateway: Gateway) -> bytes:
    body = {"prompt": "calm piano", "duration_s": 2, "request_id": "one"}
    return (await gateway.http.post("/v1/generations", json=body)).content


async def test_a_finished_take_is_listed_and_described(gateway: Gateway, audio: bytes) -> None:
    (listed,) = (await gateway.http.get("/v1/takes")).json()["takes"]
    take = (await gateway.http.get("/v1/takes/one")).json()
    assert listed == take
    assert (take["request_id"], take["duration_s"], take["bpm"]) == ("one", 2.0, 92.0)
    assert take["recipe"]["prompts"][0]["text"] == "calm piano"


async def test_its_audio_is_the_bytes_that_were_streamed(gateway: Gateway, audio: bytes) -> None:
    answer = await gateway.http.get("/v1/takes/one/audio")
    assert answer.content == audio
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-43", 0, 44),
        ("bytes=44-", 44, None),
        ("bytes=1000-1999", 1000, 2000),
        ("bytes=128040-999999", 128040, None),
    ],
)
async def test_a_range_is_cut_from_the_same_file(
    gateway: Gateway, audio: bytes, asked: str, start: int, end: int | None
) -> None:
    answer = await gateway.http.get("/v1/takes/one/audio", headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == audio[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{start + len(answer.content) - 1}/{len(audio)}"


async def test_a_range_beyond_the_end_is_416(gateway: Gateway, audio: bytes) -> None:
    answer = await gateway.http.get("/v1/takes/one/audio", headers={"Range": "bytes=999999-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(audio)}"


async def test_head_tells_the_length_and_stops_the_take(gateway: Gateway, audio: bytes) -> None:
    answer = await gateway.http.head("/v1/takes/one/audio")
    assert int(answer.headers["content-length"]) == len(audio)
    assert gateway.script.streams_open == 0


async def test_a_deleted_take_is_gone(gateway: Gateway, audio: bytes) -> None:
    assert (await gateway.http.delete("/v1/takes/one")).status_code == 204
    for path in ("/v1/takes/one", "/v1/takes/one/audio"):
        assert (await gateway.http.get(path)).status_code == 404


@pytest.mark.parametrize("query", ["page_size=201", "page_size=-1", "page_size=x", "page_token=" + "x" * 201, "foo=1"])
async def test_a_bad_page_is_422(gateway: Gateway, query: str) -> None:
    assert (await gateway.http.get(f"/v1/takes?{query}")).status_code == 422

"""The library over REST: list, describe, stream, delete."""

from __future__ import annotations

import pytest
import pytest_asyncio
from tests.contract.rest.conftest import Gateway

from resonance.audio.wav import pcm_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def audio(gateway: Gateway) -> bytes:
    body = {"prompt": "calm piano", "duration_s": 2, "request_id": "one"}
    assert (await gateway.http.post("/v1/generations", json=body)).status_code == 200
    return (await gateway.http.get("/v1/takes/one/audio")).content


async def test_a_finished_take_is_listed_and_described(gateway: Gateway, audio: bytes) -> None:
    (listed,) = (await gateway.http.get("/v1/takes")).json()["takes"]
    take = (await gateway.http.get("/v1/takes/one")).json()
    assert listed == take
    assert (take["request_id"], take["duration_s"], take["bpm"]) == ("one", 2.0, 92.0)
    assert take["recipe"]["prompts"][0]["text"] == "calm piano"


async def test_its_audio_is_one_file_however_often_it_is_read(gateway: Gateway, audio: bytes) -> None:
    answer = await gateway.http.get("/v1/takes/one/audio")
    assert answer.content == audio
    assert answer.headers["accept-ranges"] == "bytes"


async def test_its_raw_audio_has_the_samples_that_were_streamed_raw(gateway: Gateway, audio: bytes) -> None:
    body = {"prompt": "calm piano", "duration_s": 2, "request_id": "one", "raw": True}
    streamed = await gateway.http.post("/v1/generations", json=body)
    answer = await gateway.http.get("/v1/takes/one/audio?raw=true")
    assert pcm_in(answer.content) == pcm_in(streamed.content) != pcm_in(audio)


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-43", 0, 44),
        ("bytes=0-1", 0, 2),
        ("bytes=0-", 0, None),
        ("bytes=0-999999", 0, None),
        ("bytes=44-", 44, None),
        ("bytes=-100", -100, None),
        ("bytes=-999999", 0, None),
        ("bytes=1000-1999", 1000, 2000),
        ("bytes=64040-999999", 64040, None),
    ],
)
async def test_a_range_is_cut_from_the_same_file(
    gateway: Gateway, audio: bytes, asked: str, start: int, end: int | None
) -> None:
    """206 wherever a range was asked for, also for one of the whole file: players refuse a 200."""
    for method in ("GET", "HEAD"):
        answer = await gateway.http.request(method, "/v1/takes/one/audio", headers={"Range": asked})
        expected, first = audio[start:end], start % len(audio)
        assert answer.status_code == 206
        assert answer.content == (expected if method == "GET" else b"")
        assert answer.headers["content-range"] == f"bytes {first}-{first + len(expected) - 1}/{len(audio)}"
        assert answer.headers["content-length"] == str(len(expected))
    assert gateway.script.streams_open == 0


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=abc", "items=0-1", "bytes=0-1,5-9", "bytes=", "bytes=-0"])
async def test_a_range_that_is_not_served_gives_the_whole_file(gateway: Gateway, audio: bytes, asked: str) -> None:
    answer = await gateway.http.get("/v1/takes/one/audio", headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, audio)
    assert "content-range" not in answer.headers


async def test_a_range_beyond_the_end_is_416(gateway: Gateway, audio: bytes) -> None:
    answer = await gateway.http.get("/v1/takes/one/audio", headers={"Range": "bytes=999999-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(audio)}"
    assert gateway.script.streams_open == 0


async def test_a_part_is_sent_only_of_the_bytes_that_the_client_has(gateway: Gateway, audio: bytes) -> None:
    tag = (await gateway.http.head("/v1/takes/one/audio")).headers["etag"]
    for asked, status in ((tag, 206), ('"other"', 200), (f"W/{tag}", 200), ("Mon, 30 Nov 2026 08:00:00 GMT", 200)):
        headers = {"Range": "bytes=0-9", "If-Range": asked}
        answer = await gateway.http.get("/v1/takes/one/audio", headers=headers)
        assert (answer.status_code, len(answer.content)) == (status, 10 if status == 206 else len(audio))


async def test_conditions_on_the_tag_hold(gateway: Gateway, audio: bytes) -> None:
    tag = (await gateway.http.head("/v1/takes/one/audio")).headers["etag"]
    for headers, status in (
        ({"If-None-Match": tag}, 304),
        ({"If-None-Match": f'"a", W/{tag}'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-Match": tag}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"other"'}, 412),
    ):
        answer = await gateway.http.get("/v1/takes/one/audio", headers=headers)
        assert answer.status_code == status, headers
    assert gateway.script.streams_open == 0


async def test_a_shared_sound_may_be_played_by_any_page(gateway: Gateway, audio: bytes) -> None:
    link = (await gateway.http.post("/v1/takes/one/link", json={})).json()
    answer = await gateway.http.get(link["url"] + "?utm_source=somewhere", headers={"Range": "bytes=0-"})
    assert (answer.status_code, answer.content) == (206, audio)
    bad = await gateway.http.get(link["url"] + "?format=wma")
    assert (bad.status_code, bad.json()["errors"][0]["reason"]) == (422, "UNKNOWN_FORMAT")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-disposition"].startswith("inline")
    other = await gateway.http.get("/v1/takes/one/audio")
    assert other.headers["cross-origin-resource-policy"] == "same-origin"


async def test_head_tells_the_length_and_stops_the_take(gateway: Gateway, audio: bytes) -> None:
    answer = await gateway.http.head("/v1/takes/one/audio")
    assert int(answer.headers["content-length"]) == len(audio)
    assert gateway.script.streams_open == 0


async def test_a_deleted_take_is_gone(gateway: Gateway, audio: bytes) -> None:
    assert (await gateway.http.delete("/v1/takes/one")).status_code == 204
    for path in ("/v1/takes/one", "/v1/takes/one/audio"):
        assert (await gateway.http.get(path)).status_code == 404


@pytest.mark.parametrize(
    "query",
    ["page_size=201", "page_size=-1", "page_size=x", "page_token=" + "x" * 201, "foo=1", "page_size=1&page_size=2"],
)
async def test_a_bad_page_is_422(gateway: Gateway, query: str) -> None:
    assert (await gateway.http.get(f"/v1/takes?{query}")).status_code == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/takes/one/audio?tone=loud"),
        ("GET", "/v1/takes/one?tone=loud"),
        ("GET", "/v1/models?tone=loud"),
        ("POST", "/v1/generations?tone=loud"),
        ("GET", "/v1/takes?page_size=1&page_size=1"),
    ],
)
async def test_an_unknown_or_repeated_query_parameter_is_named(gateway: Gateway, method: str, path: str) -> None:
    answer = await gateway.http.request(method, path)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] in {"tone", "page_size"}

"""Tastes over REST: links, uploads, states, events."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from tests.contract.rest.conftest import Gateway
from tests.contract.rest.script import Script
from tests.contract.rest.scripted import start_services

from resonance.settings import Settings
from resonance_gateway.build import open_gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")

FINAL_STATES = {"completed", "failed", "cancelled"}


async def test_a_link_is_accepted_with_a_place_to_follow_it(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/tastes", json={"url": "https://youtu.be/x", "title": "Evening"})
    taste = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/tastes/{taste['id']}"
    assert (taste["state"], taste["progress"], taste["title"]) == ("queued", 0.0, "Evening")
    assert taste["tracks"][0] | {"title": "One", "state": "queued", "error": None} == taste["tracks"][0]


async def test_the_same_key_gives_the_same_taste(gateway: Gateway) -> None:
    ids = set()
    for _ in range(2):
        answer = await gateway.http.post(
            "/v1/tastes", json={"url": "https://youtu.be/x"}, headers={"Idempotency-Key": '"key-1"'}
        )
        ids.add(answer.json()["id"])
    assert len(ids) == 1


async def test_two_different_ids_in_one_request_are_refused(gateway: Gateway) -> None:
    body = {"url": "https://youtu.be/x", "request_id": "a"}
    answer = await gateway.http.post("/v1/tastes", json=body, headers={"Idempotency-Key": "b"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "request_id"


async def test_files_are_passed_on_whole_and_in_order(gateway: Gateway) -> None:
    files = [("files", ("a.mp3", b"a" * 1_500_000)), ("files", ("dir\\b.flac", b"b" * 10)), ("files", ("c.wav", b""))]
    data = {"title": "Mine", "request_id": "up-1", "options": '{"mix_mode": "attention_weighted"}'}
    answer = await gateway.http.post("/v1/tastes", data=data, files=files)
    assert answer.status_code == 202
    assert [track["title"] for track in answer.json()["tracks"]] == ["a.mp3", "b.flac", "c.wav"]
    assert gateway.script.uploads == [("a.mp3", 1_500_000), ("b.flac", 10), ("c.wav", 0)]
    assert gateway.script.upload_messages_max <= 1_048_576
    (header,) = gateway.script.upload_headers
    assert (header.request_id, header.title, header.options.mix_mode) == ("up-1", "Mine", 3)


async def test_a_file_is_on_its_way_before_the_body_has_ended(gateway: Gateway) -> None:
    passed_on = asyncio.Event()

    async def body():
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.mp3"\r\n\r\n' + b"a" * 300_000
        for _ in range(200):
            if gateway.script.uploads and gateway.script.uploads[0][1] > 200_000:
                passed_on.set()
                break
            await asyncio.sleep(0.01)
        yield b"\r\n--b--\r\n"

    answer = await gateway.http.post(
        "/v1/tastes", content=body(), headers={"content-type": "multipart/form-data; boundary=b"}
    )
    assert answer.status_code == 202
    assert passed_on.is_set()


async def test_the_services_refusal_reaches_a_caller_who_is_still_sending(gateway: Gateway) -> None:
    files = [("files", ("a.mp3", b"refuse me" + b"a" * 3_000_000))]
    for _ in range(10):
        answer = await gateway.http.post("/v1/tastes", files=files)
        assert answer.status_code == 422
        assert "refused by the script" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("parts", "field", "reason"),
    [
        ([("title", None, b"x")], "files", "REQUIRED"),
        ([("files", "", b"")], "files", "REQUIRED"),
        ([("songs", "a.mp3", b"x")], "songs", "UNKNOWN_FIELD"),
        ([("mood", None, b"x"), ("files", "a.mp3", b"x")], "mood", "UNKNOWN_FIELD"),
        ([("files", "a.mp3", b"x"), ("title", None, b"x")], "title", "TOO_LATE"),
        ([("options", None, b'{"mix_mode": "loud"}'), ("files", "a.mp3", b"x")], "options.mix_mode", "UNKNOWN_VALUE"),
        ([("title", None, b"x" * 201), ("files", "a.mp3", b"x")], "title", "TOO_LONG"),
        ([("title", None, b"x" * 40_000), ("files", "a.mp3", b"x")], "title", "TOO_LONG"),
    ],
)
async def test_a_fault_of_an_upload_names_its_field(gateway: Gateway, parts: list, field: str, reason: str) -> None:
    answer = await _post_parts(gateway, parts)
    assert answer.status_code == 422
    assert [(fault["field"], fault["reason"]) for fault in answer.json()["errors"]] == [(field, reason)]


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"nothing", "multipart/form-data; boundary=b"),
        (b"--b\r\nno header\r\n\r\nx\r\n--b--", "multipart/form-data; boundary=b"),
        (
            b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nx',
            "multipart/form-data; boundary=b",
        ),
        (b"--b--", "multipart/form-data"),
        (b"--b--", 'multipart/form-data; boundary=""'),
        (
            b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\n\xff\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
        ),
    ],
)
async def test_a_broken_multipart_body_is_refused_and_leaves_no_taste(
    gateway: Gateway, content: bytes, content_type: str
) -> None:
    answer = await gateway.http.post("/v1/tastes", content=content, headers={"content-type": content_type})
    assert answer.status_code in (400, 422)
    assert (await gateway.http.get("/v1/tastes")).json()["tastes"] == []


async def test_an_upload_beyond_the_limit_is_413(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/tastes", files=[("files", ("a.mp3", b"a" * 4_100_000))])
    assert answer.status_code == 413


async def test_events_tell_every_state_and_end_with_the_last(gateway: Gateway) -> None:
    taste = (await gateway.http.post("/v1/tastes", json={"url": "https://youtu.be/x"})).json()
    events = await _events(gateway, taste["id"])
    states = [json.loads(event["data"])["state"] for event in events]
    assert states[-1] == "completed"
    assert [int(event["id"]) for event in events] == sorted({int(event["id"]) for event in events})


async def test_a_watcher_who_comes_back_misses_and_repeats_nothing(gateway: Gateway) -> None:
    gateway.script.job_wait_s = 0.05
    taste = (await gateway.http.post("/v1/tastes", json={"url": "https://youtu.be/x"})).json()
    seen = taste["revision"] + 1
    events = await _events(gateway, taste["id"], headers={"Last-Event-ID": str(seen)})
    ids = [int(event["id"]) for event in events]
    assert min(ids) > seen
    again = await gateway.http.get(f"/v1/tastes/{taste['id']}/events", headers={"Last-Event-ID": str(max(ids))})
    assert again.status_code == 204


async def test_a_stream_whose_time_is_up_ends_quietly_and_the_next_one_goes_on() -> None:
    services = await start_services(script := Script(job_wait_s=0.4))
    settings = Settings(http_addr="127.0.0.1:0", grpc_addr=services.address, request_s_max=1.0)
    async with open_gateway(settings) as url, httpx.AsyncClient(base_url=url, timeout=20) as http:
        taste = (await http.post("/v1/tastes", json={"url": "https://youtu.be/x"})).json()
        gateway = Gateway(url, http, script)
        streams = [await _events(gateway, taste["id"])]
        while json.loads(streams[-1][-1]["data"])["state"] != "completed":
            streams.append(await _events(gateway, taste["id"], headers={"Last-Event-ID": streams[-1][-1]["id"]}))
    await services.stop(0)
    events = [event for stream in streams for event in stream]
    assert len(streams) > 1
    assert {event["event"] for event in events} == {"taste"}
    assert [int(event["id"]) for event in events] == sorted({int(event["id"]) for event in events})


async def test_one_bad_track_leaves_the_others_unharmed(gateway: Gateway) -> None:
    files = [("files", ("bad.mp3", b"x")), ("files", ("good.mp3", b"y"))]
    taste = (await gateway.http.post("/v1/tastes", files=files)).json()
    last = json.loads((await _events(gateway, taste["id"]))[-1]["data"])
    assert last["state"] == "completed"
    assert [track["state"] for track in last["tracks"]] == ["failed", "completed"]
    assert last["tracks"][0]["error"] == {"reason": "NOT_AUDIO", "message": "this file is not audio that we can read"}
    assert last["taste"]["tracks"][0]["clip_weights"] == [0.25] * 4


async def test_a_taste_can_be_cancelled_listed_and_deleted(gateway: Gateway) -> None:
    gateway.script.job_wait_s = 5
    taste = (await gateway.http.post("/v1/tastes", json={"url": "https://youtu.be/x"})).json()
    assert (await gateway.http.post(f"/v1/tastes/{taste['id']}/cancel")).json()["state"] == "cancelled"
    assert [one["id"] for one in (await gateway.http.get("/v1/tastes")).json()["tastes"]] == [taste["id"]]
    assert (await gateway.http.delete(f"/v1/tastes/{taste['id']}")).status_code == 204
    assert (await gateway.http.get(f"/v1/tastes/{taste['id']}")).status_code == 404


@pytest.mark.parametrize("path", ["unknown", "UPPER", "a.b", "%00", "x" * 65, "%E2%82%AC"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_an_unknown_id_is_404_however_odd_it_is(gateway: Gateway, path: str, method: str) -> None:
    assert (await gateway.http.request(method, f"/v1/tastes/{path}")).status_code == 404


async def _post_parts(gateway: Gateway, parts: list[tuple[str, str | None, bytes]]) -> httpx.Response:
    body = b""
    for name, filename, value in parts:
        file = f'; filename="{filename}"' if filename is not None else ""
        body += f'--b\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + value + b"\r\n"
    headers = {"content-type": "multipart/form-data; boundary=b"}
    return await gateway.http.post("/v1/tastes", content=body + b"--b--\r\n", headers=headers)


async def _events(gateway: Gateway, taste_id: str, headers: dict[str, str] | None = None) -> list[dict[str, str]]:
    answer = await gateway.http.get(f"/v1/tastes/{taste_id}/events", headers=headers)
    assert answer.headers["content-type"].startswith("text/event-stream")
    blocks = [block for block in answer.text.split("\n\n") if "data:" in block]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]

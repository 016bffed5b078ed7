"""Waiting over REST: place and estimate, a warm line, takes that are made in the background."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.contract.rest.conftest import Gateway
from tests.contract.rest.script import CUT_FOR_GOOD

from resonance.audio.wav import pcm_in
from resonance_gateway.services import takes

pytestmark = pytest.mark.asyncio(loop_scope="session")

BODY = {"prompt": "calm piano", "duration_s": 2, "seed": 5}


def states(text: str) -> list[dict[str, Any]]:
    """The data of all events `generation` of an event stream."""
    events = [block.split("\n") for block in text.split("\n\n") if "event: generation" in block]
    return [json.loads(line.removeprefix("data: ")) for lines in events for line in lines if line.startswith("data: ")]


async def test_a_take_that_waits_long_sends_its_headers_and_keeps_the_line_warm(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes are the same as without a wait: what keeps the line warm is the file's own header, byte by byte."""
    expected = (await gateway.http.post("/v1/generations", json=BODY)).content
    monkeypatch.setattr(takes, "WAIT_S_MAX", 0.0)
    gateway.script.places, gateway.script.place_wait_s = [3, 2, 1], 0.05
    async with gateway.http.stream("POST", "/v1/generations", json=BODY) as answer:
        assert (answer.headers["x-queue-place"], answer.headers["x-queue-wait-s"]) == ("3", "8")
        blocks = [block async for block in answer.aiter_raw()]
    assert [len(block) for block in blocks[:3]] == [1, 1, 1]
    assert pcm_in(b"".join(blocks)) == pcm_in(expected)


async def test_a_take_that_waits_a_moment_has_no_place_in_its_headers(gateway: Gateway) -> None:
    gateway.script.places = [1]
    answer = await gateway.http.post("/v1/generations", json=BODY)
    assert "x-queue-place" not in answer.headers


async def test_a_client_that_does_not_wait_gets_a_place_and_follows_it(gateway: Gateway) -> None:
    gateway.script.places, gateway.script.place_wait_s = [2, 1], 0.05
    body = BODY | {"request_id": "later"}
    answer = await gateway.http.post("/v1/generations", json=body, headers={"Prefer": "respond-async, wait=5"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "respond-async")
    begun = answer.json()
    assert (begun["state"], begun["place"], begun["wait_s"]) == ("queued", 2, 5.0)
    followed = states((await gateway.http.get(f"{answer.headers['location']}/events")).text)
    assert followed[-1]["state"] == "finished"
    assert {state["place"] for state in followed} <= {2, 1, None}
    end = (await gateway.http.get(answer.headers["location"])).json()
    assert (end["state"], end["take"]["request_id"], end["sample_count"]) == ("finished", "later", 32_000)
    assert (await gateway.http.get(end["audio_url"])).status_code == 200


async def test_the_same_request_again_is_the_same_take_and_another_one_is_refused(gateway: Gateway) -> None:
    headers = {"Prefer": "respond-async"}
    gateway.script.chunk_wait_s = 0.05
    body = BODY | {"request_id": "twice"}
    for _ in range(2):
        assert (await gateway.http.post("/v1/generations", json=body, headers=headers)).status_code == 202
    assert len(gateway.script.generate_requests) == 1
    other = await gateway.http.post("/v1/generations", json=body | {"prompt": "rock"}, headers=headers)
    assert (other.status_code, other.json()["reason"]) == (409, "REQUEST_ID_REUSED")
    assert (await gateway.http.delete("/v1/generations/twice")).status_code == 204


async def test_events_tell_of_the_wait_and_a_client_that_leaves_stops_the_take(gateway: Gateway) -> None:
    headers = {"Accept": "text/event-stream"}
    gateway.script.places, gateway.script.place_wait_s = [1], 0.1
    told = await gateway.http.post("/v1/generations", json=BODY | {"request_id": "told"}, headers=headers)
    assert [state["state"] for state in states(told.text)][-1] == "finished"
    assert states(told.text)[0]["place"] == 1
    gateway.script.places, gateway.script.place_wait_s = [1], 30.0
    body = BODY | {"request_id": "left"}
    async with gateway.http.stream("POST", "/v1/generations", json=body, headers=headers) as answer:
        assert answer.status_code == 200
        await gateway.script.until_streams_open(1)
    await gateway.script.until_streams_open(0)


async def test_a_take_in_the_background_can_be_stopped(gateway: Gateway) -> None:
    gateway.script.places, gateway.script.place_wait_s = [1], 5.0
    body = BODY | {"request_id": "stopped"}
    await gateway.http.post("/v1/generations", json=body, headers={"Prefer": "respond-async"})
    assert (await gateway.http.delete("/v1/generations/stopped")).status_code == 204
    assert (await gateway.http.get("/v1/generations/stopped")).json()["state"] == "cancelled"
    await gateway.script.until_streams_open(0)


async def test_a_take_that_is_cut_in_the_background_says_so(gateway: Gateway) -> None:
    gateway.script.cuts = [1, *CUT_FOR_GOOD]
    body = BODY | {"request_id": "cut"}
    answer = await gateway.http.post("/v1/generations", json=body, headers={"Prefer": "respond-async"})
    last = states((await gateway.http.get(f"{answer.headers['location']}/events")).text)[-1]
    assert (last["state"], last["problem"]["reason"]) == ("failed", "STREAM_CUT")


async def test_what_is_refused_is_refused_at_once(gateway: Gateway) -> None:
    gateway.script.is_full = True
    for headers in ({"Prefer": "respond-async"}, {"Accept": "text/event-stream"}):
        assert (await gateway.http.post("/v1/generations", json=BODY, headers=headers)).status_code == 429
        transient = await gateway.http.post("/v1/generations", json=BODY | {"is_transient": True}, headers=headers)
        assert transient.status_code == 422
    assert (await gateway.http.get("/v1/generations/unknown")).status_code == 404
    assert (await gateway.http.get("/v1/generations/unknown/events")).status_code == 404

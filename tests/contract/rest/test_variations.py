"""`n` takes of one request over REST: told together, made side by side."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.contract.rest.conftest import Gateway

from resonance.errors import NotFound, Overloaded

pytestmark = pytest.mark.asyncio(loop_scope="session")
BODY = {"prompt": "calm piano", "duration_s": 1, "seed": 5, "n": 3, "request_id": "mine"}


async def test_the_answer_has_each_take_with_its_sound(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/generations", json=BODY)
    variations = answer.json()["variations"]
    assert answer.status_code == 200
    assert [one["request_id"] for one in variations] == ["mine-1", "mine-2", "mine-3"]
    assert {one["state"] for one in variations} == {"finished"}
    assert (variations[0]["seed"], len({one["seed"] for one in variations})) == (5, 3)
    sounds = [await gateway.http.get(one["audio_url"]) for one in variations]
    assert [sound.status_code for sound in sounds] == [200, 200, 200]
    assert len({sound.content for sound in sounds}) == 3
    again = await gateway.http.post("/v1/generations", json=BODY)
    assert [one["seed"] for one in again.json()["variations"]] == [one["seed"] for one in variations]


async def test_events_tell_of_all_variations_until_they_are_final(gateway: Gateway) -> None:
    gateway.script.chunk_wait_s = 0.05
    answer = await gateway.http.post("/v1/generations", json=BODY, headers={"Accept": "text/event-stream"})
    last: dict[int, dict[str, Any]] = {}
    for line in answer.text.split("\n"):
        if line.startswith("data: "):
            state = json.loads(line.removeprefix("data: "))
            last[state["variation"]] = state
    assert {number: (one["state"], one["request_id"]) for number, one in last.items()} == {
        number: ("finished", f"mine-{number}") for number in (1, 2, 3)
    }


async def test_a_client_that_does_not_wait_follows_each_one(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/generations", json=BODY, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    for one in answer.json()["variations"]:
        events = (await gateway.http.get(f"{one['url']}/events")).text
        assert '"state":"finished"' in events


async def test_one_that_cannot_begin_is_told_as_failed_beside_the_others(gateway: Gateway) -> None:
    gateway.script.refused_ids["partly-2"] = Overloaded("every place is taken", reason="QUEUE_FULL", retry_after_s=3.0)
    answer = await gateway.http.post("/v1/generations", json=BODY | {"request_id": "partly"})
    states = [(one["state"], one["problem"] and one["problem"]["reason"]) for one in answer.json()["variations"]]
    assert (answer.status_code, states) == (200, [("finished", None), ("failed", "QUEUE_FULL"), ("finished", None)])


async def test_where_none_can_begin_the_request_fails(gateway: Gateway) -> None:
    gateway.script.refusals["Generate"] = NotFound("there is no such taste", reason="NO_SUCH_TASTE")
    answer = await gateway.http.post("/v1/generations", json=BODY | {"request_id": "none"})
    assert (answer.status_code, answer.json()["reason"]) == (404, "NO_SUCH_TASTE")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"n": 9}, "n"),
        ({"n": 0}, "n"),
        ({"format": "mp3"}, "format"),
        ({"raw": True}, "format"),
        ({"is_transient": True}, "is_transient"),
        ({"resume_sample_offset": 4}, "resume_sample_offset"),
        ({"request_id": "x" * 63}, "request_id"),
    ],
)
async def test_what_does_not_go_with_variations_is_a_fault(
    gateway: Gateway, change: dict[str, Any], field: str
) -> None:
    answer = await gateway.http.post("/v1/generations", json=BODY | change)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert gateway.script.generate_requests == []

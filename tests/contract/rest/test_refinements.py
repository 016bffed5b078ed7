"""Refinements over REST."""

from __future__ import annotations

import pytest
from tests.contract.rest.conftest import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_words_become_slider_positions(gateway: Gateway) -> None:
    body = {"text": "more bass, a touch less tense", "sliders": {"emotional_tension": 0.5}}
    answer = await gateway.http.post("/v1/refinements", json=body)
    assert answer.status_code == 200
    found = answer.json()
    assert found["sliders"]["bass_resonance"] == 0.3
    assert found["sliders"]["emotional_tension"] == 0.4
    assert [change["slider"] for change in found["changes"]] == ["bass_resonance", "emotional_tension"]
    assert found["changes"][1]["before"] == 0.5
    assert "bass from 0 to 0.3" in found["explanation"]
    assert found["source"] == "grammar"


async def test_the_answer_can_be_sent_to_generations_as_it_is(gateway: Gateway) -> None:
    sliders = (await gateway.http.post("/v1/refinements", json={"text": "no vocals"})).json()["sliders"]
    made = await gateway.http.post("/v1/generations", json={"prompt": "jazz", "duration_s": 1, "sliders": sliders})
    assert made.status_code == 200
    assert gateway.script.generate_requests[-1].recipe.sliders.vocal_presence == -1.0


async def test_a_phrase_becomes_a_concept_at_a_position_which_generations_accept_as_it_is(gateway: Gateway) -> None:
    body = {"text": "a bit more like a rainy night, more bass", "prompt": "calm piano"}
    answer = await gateway.http.post("/v1/refinements", json=body)
    assert answer.status_code == 200
    found = answer.json()
    (concept,) = found["concepts"]
    assert (concept["label"], concept["position"], concept["is_calibrated"]) == ("rainy night", 0.15, False)
    assert found["concept_changes"][0]["slider"] == concept["name"]
    assert "rainy night from 0 to 0.15" in found["explanation"]
    used = {"name": concept["name"], "position": concept["position"]}
    made = await gateway.http.post("/v1/generations", json={"prompt": "jazz", "duration_s": 1, "concepts": [used]})
    assert made.status_code == 200
    (weight,) = gateway.script.generate_requests[-1].recipe.concepts
    assert (weight.name, weight.position, weight.strength) == (concept["name"], 0.15, 0.0)
    undone = {"text": "undo", "concepts": [used], "previous": {}, "previous_concepts": []}
    assert (await gateway.http.post("/v1/refinements", json=undone)).json()["concepts"][0]["position"] == 0.0


async def test_a_concept_needs_a_strength_or_a_position(gateway: Gateway) -> None:
    body = {"prompt": "jazz", "duration_s": 1, "concepts": [{"name": "rush"}]}
    answer = await gateway.http.post("/v1/generations", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "concepts[0]"


async def test_undo_goes_back_to_what_is_sent_as_previous(gateway: Gateway) -> None:
    body = {"text": "undo", "sliders": {"energy": 0.3}, "previous": {"energy": -0.2}}
    assert (await gateway.http.post("/v1/refinements", json=body)).json()["sliders"]["energy"] == -0.2


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        ({"text": "keep the elephants"}, "NOT_UNDERSTOOD", "text"),
        ({"text": "purple elephants"}, "PHRASE_UNKNOWN", "text"),
        ({"text": "like a " + "long " * 20 + "rainy night"}, "PHRASE_TOO_LONG", "text"),
        ({"text": "add rain, thunder, wind and snow"}, "TOO_MANY_PHRASES", "text"),
        ({"text": "more bass", "concepts": [{"name": "x", "position": 2}]}, "INVALID_INPUT", "concepts[0].position"),
        ({"text": ""}, "INVALID_INPUT", "text"),
        ({}, "INVALID_INPUT", "text"),
        ({"text": "more bass", "sliders": {"energy": 2}}, "INVALID_INPUT", "sliders.energy"),
        ({"text": "more bass", "sliders": {"loudness": 0}}, "INVALID_INPUT", "sliders.loudness"),
    ],
)
async def test_what_cannot_be_done_is_refused_by_name(
    gateway: Gateway, body: dict[str, object], reason: str, field: str
) -> None:
    answer = await gateway.http.post("/v1/refinements", json=body)
    assert answer.status_code == 422
    assert answer.json()["reason"] == reason
    assert answer.json()["errors"][0]["field"] == field


async def test_undo_with_nothing_before_is_refused(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/refinements", json={"text": "back to before"})
    assert (answer.status_code, answer.json()["reason"]) == (422, "NOTHING_TO_UNDO")

"""Lanes over REST: the file of a take, its music, and files that are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import pytest_asyncio
from tests.contract.rest.conftest import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def lanes(gateway: Gateway) -> dict[str, Any]:
    changes = [{"start_s": 1.0, "sliders": {"energy": 0.5}}, {"start_s": 1.5, "prompt": "slow drums"}]
    body = {"prompt": "calm piano", "duration_s": 2, "request_id": "lanes", "seed": 7, "recipe_changes": changes}
    assert (await gateway.http.post("/v1/generations", json=body)).status_code == 200
    answer = await gateway.http.get("/v1/takes/lanes/lanes")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="resonance-lanes.resonance.json"'
    known: dict[str, Any] = answer.json()
    return known


async def test_the_file_has_curves_words_seed_and_digests(lanes: dict[str, Any]) -> None:
    assert lanes["curves"] == [{"kind": "slider", "name": "energy", "points": [[1.0, 0.5]]}]
    assert [(item["at_s"], item["recipe"]["prompts"][0]["text"]) for item in lanes["recipes"]] == [
        (0.0, "calm piano"),
        (1.5, "slow drums"),
    ]
    assert (lanes["seed"], lanes["duration_s"]) == (7, 2.0)
    assert lanes["model"]["digest"]


async def test_the_file_makes_a_take_and_says_what_it_asks_for(gateway: Gateway, lanes: dict[str, Any]) -> None:
    made = await gateway.http.post("/v1/lanes", json=lanes, headers={"Idempotency-Key": "lanes-again"})
    assert (made.status_code, made.headers["x-request-id"], made.headers["x-seed"]) == (200, "lanes-again", "7")
    assert made.content[:4] == b"RIFF"
    asked = (await gateway.http.post("/v1/lanes/request", json=lanes)).json()
    assert asked["notices"] == []
    assert asked["generation"]["recipe_changes"] == [
        {"start_s": 1.0, "sliders": asked["generation"]["recipe_changes"][0]["sliders"]},
        {"start_s": 1.5, "prompts": [{"text": "slow drums", "weight": 1.0}]},
    ]
    again = await gateway.http.post("/v1/generations", json=asked["generation"])
    assert again.status_code == 200


async def test_another_model_is_told_before_and_with_the_music(gateway: Gateway, lanes: dict[str, Any]) -> None:
    other = lanes | {"model": {"model_id": "some-other", "digest": "11" * 32}}
    (notice,) = (await gateway.http.post("/v1/lanes/request", json=other)).json()["notices"]
    assert "some-other" in notice
    made = await gateway.http.post("/v1/lanes", json=other)
    assert made.status_code == 200
    assert notice in json.loads(made.headers["x-notices"])


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"version": 9}, "UNKNOWN_VERSION", "version"),
        ({"colour": "blue"}, "UNKNOWN_FIELD", "colour"),
        ({"format": "midi"}, "NOT_A_LANES_FILE", "format"),
        ({"recipes": [{"at_s": 0, "recipe": {}}]}, "TOO_FEW", "recipe.prompts"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/lanes", "/v1/lanes/request"])
async def test_a_file_with_a_fault_is_refused(
    gateway: Gateway, lanes: dict[str, Any], path: str, fields: dict[str, Any], reason: str, field: str
) -> None:
    answer = await gateway.http.post(path, json=lanes | fields)
    assert (answer.status_code, answer.json()["errors"][0]["reason"]) == (422, reason)
    assert answer.json()["errors"][0]["field"] == field


async def test_what_is_no_json_is_a_bad_request(gateway: Gateway) -> None:
    headers = {"Content-Type": "application/json"}
    assert (await gateway.http.post("/v1/lanes", content=b"RIFF", headers=headers)).status_code == 400
    assert (await gateway.http.post("/v1/lanes", content=b"{}")).status_code == 415


async def test_a_path_of_tastes_turns_at_bar_lines(gateway: Gateway) -> None:
    tastes = [{"taste_id": "t-scripted", "strength": 1.0}, {"taste_id": "u-scripted", "strength": -0.5}]
    path = {"tastes": [{"taste_id": "v-scripted"}]}
    body = {"prompt": "calm", "bpm": 240, "duration_s": 4, "request_id": "path", "tastes": tastes, "taste_path": path}
    answer = await gateway.http.post("/v1/generations", json=body)
    assert answer.status_code == 200, answer.text
    curves = {
        curve["name"]: curve["points"] for curve in (await gateway.http.get("/v1/takes/path/lanes")).json()["curves"]
    }
    assert curves == {
        "t-scripted": [[0.0, 1.0], [1.0, 0.75], [2.0, 0.5], [3.0, 0.25]],
        "u-scripted": [[0.0, -0.5], [1.0, -0.375], [2.0, -0.25], [3.0, -0.125]],
        "v-scripted": [[1.0, 0.25], [2.0, 0.5], [3.0, 0.75]],
    }

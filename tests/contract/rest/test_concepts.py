"""Concepts over REST: as one answer, or as events."""

from __future__ import annotations

import pytest
from tests.contract.rest.conftest import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAIRS = [{"positive": "fast drums", "negative": "slow drums"}]


async def test_a_concept_is_made_and_listed(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/concepts", json={"name": "rush", "pairs": PAIRS})
    assert answer.status_code == 201
    assert answer.headers["location"] == "/v1/concepts/rush/calibration"
    assert answer.json()["pairs"] == PAIRS
    names = [concept["name"] for concept in (await gateway.http.get("/v1/concepts")).json()["concepts"]]
    assert "rush" in names
    assert "energy" in names


async def test_a_concept_may_be_made_of_music(gateway: Gateway) -> None:
    pairs = [{"positive": {"taste_id": "t-fast", "track_indices": [0, 2]}, "negative": {"take_id": "slow-1"}}]
    answer = await gateway.http.post("/v1/concepts", json={"name": "rush", "music_pairs": pairs})
    assert answer.status_code == 201
    (pair,) = answer.json()["music_pairs"]
    assert pair["positive"] == {"taste_id": "t-fast", "track_indices": [0, 2], "take_id": ""}
    assert pair["negative"]["take_id"] == "slow-1"


async def test_a_concept_of_nothing_and_music_without_a_name_are_refused(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/concepts", json={"name": "rush"})
    assert answer.status_code == 422
    assert {fault["field"] for fault in answer.json()["errors"]} == {"pairs"}
    both = {"taste_id": "t-one", "take_id": "two"}
    answer = await gateway.http.post(
        "/v1/concepts", json={"name": "rush", "music_pairs": [{"positive": both, "negative": {}}]}
    )
    assert {fault["field"] for fault in answer.json()["errors"]} == {
        "music_pairs[0].positive",
        "music_pairs[0].negative",
    }


async def test_its_making_can_be_followed(gateway: Gateway) -> None:
    answer = await gateway.http.post(
        "/v1/concepts", json={"name": "rush", "pairs": PAIRS}, headers={"Accept": "text/event-stream"}
    )
    names = [line.removeprefix("event: ") for line in answer.text.splitlines() if line.startswith("event: ")]
    assert names == ["progress", "progress", "progress", "concept"]


async def test_it_is_calibrated(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/concepts/energy/calibration", json={"strengths": [-1, 1], "clip_s": 2})
    assert answer.status_code == 200
    assert answer.json()["calibration"]["strength_max"] == 3
    again = await gateway.http.get("/v1/concepts/energy/calibration")
    assert again.json()["calibration"]["strength_min"] == -2


async def test_calibration_needs_no_body(gateway: Gateway) -> None:
    assert (await gateway.http.post("/v1/concepts/energy/calibration")).status_code == 200


async def test_its_layers_are_scored(gateway: Gateway) -> None:
    assert (await gateway.http.get("/v1/concepts/energy/layers")).json()["best_layers"] == [5, 4, 3]


async def test_an_unknown_concept_is_404_everywhere(gateway: Gateway) -> None:
    for path in ("calibration", "layers"):
        assert (await gateway.http.get(f"/v1/concepts/nothing/{path}")).status_code == 404
    assert (await gateway.http.post("/v1/concepts/nothing/calibration")).status_code == 404


async def test_faults_of_pairs_are_named_by_their_place(gateway: Gateway) -> None:
    pairs = [*PAIRS, {"positive": "", "negative": "x" * 501}]
    answer = await gateway.http.post("/v1/concepts", json={"name": "1st", "pairs": pairs})
    assert {fault["field"] for fault in answer.json()["errors"]} == {"name", "pairs[1].positive", "pairs[1].negative"}

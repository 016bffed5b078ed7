"""Videos over REST: the whole way of a video, ranges, events, refusals."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from support.filming import TAKE_ID

from resonance_gateway.build import open_gateway
from resonance_gateway.routes.generations import GenerationBody, to_generate_request


@pytest.fixture
async def rest(studio: Any) -> AsyncIterator[httpx.AsyncClient]:
    address = studio.address
    settings = studio.settings.model_copy(
        update={"http_addr": "127.0.0.1:0", "grpc_addr": address, "video_addr": address, "ingest_addr": address}
    )
    async with open_gateway(settings) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        yield client


async def made(rest: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """A video that was created and followed to its end."""
    body = {"take_id": TAKE_ID, "concept": "a forest at dawn", "seed": 3} | fields
    created = await rest.post("/v1/videos", json=body)
    assert created.status_code == 202, created.text
    assert created.headers["location"] == f"/v1/videos/{created.json()['id']}"
    return (await followed(rest, created.json()["id"]))[-1]


async def followed(rest: httpx.AsyncClient, video_id: str) -> list[dict[str, Any]]:
    """The states that the events tell."""
    states = []
    async with rest.stream("GET", f"/v1/videos/{video_id}/events") as events:
        assert events.status_code == 200
        async for line in events.aiter_lines():
            if line.startswith("data: "):
                states.append(json.loads(line.removeprefix("data: ")))
    return states


async def test_a_video_is_made_read_and_redone(rest: httpx.AsyncClient, studio: Any) -> None:
    video = await made(rest, aspects=["9:16", "16:9"])
    assert (video["state"], video["progress"]) == ("completed", 1.0)
    path = f"/v1/videos/{video['id']}"
    assert (await rest.get(path)).json() == video
    assert [each["id"] for each in (await rest.get("/v1/videos")).json()["videos"]] == [video["id"]]

    whole = await rest.get(f"{path}/file", params={"aspect": "16:9"})
    assert (whole.status_code, whole.headers["content-type"]) == (200, "video/mp4")
    tag = whole.headers["etag"]
    part = await rest.get(f"{path}/file", params={"aspect": "16:9"}, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    head = await rest.head(f"{path}/file", params={"aspect": "16:9"})
    assert (head.headers["content-length"], head.headers["etag"]) == (str(len(whole.content)), tag)
    same = await rest.get(f"{path}/file", params={"aspect": "16:9"}, headers={"If-None-Match": tag})
    assert same.status_code == 304
    past = await rest.get(f"{path}/file", headers={"Range": "bytes=999999999-"})
    assert past.status_code == 416

    shot = video["shots"][0]
    scene = await rest.get(f"{path}/shots/{shot['id']}/versions/1", params={"kind": "still"})
    assert (scene.status_code, scene.headers["content-type"]) == (200, "image/png")
    redone = await rest.post(f"{path}/shots/{shot['id']}/versions", json={"instruction": "slower"})
    assert redone.status_code == 202
    after = (await followed(rest, video["id"]))[-1]
    assert (after["state"], after["shots"][0]["chosen"]) == ("completed", 2)
    assert after["shots"][1:] == video["shots"][1:]
    back = await rest.patch(f"{path}/shots/{shot['id']}", json={"chosen": 1})
    assert back.status_code == 202
    assert (await followed(rest, video["id"]))[-1]["files"] == video["files"]

    assert (await rest.delete(path)).status_code == 204
    assert (await rest.get(path)).status_code == 404


async def test_a_plan_is_reviewed_changed_and_accepted(rest: httpx.AsyncClient) -> None:
    video = await made(rest, review=True)
    assert (video["state"], video["awaits_review"]) == ("directing", True)
    path = f"/v1/videos/{video['id']}"
    early = await rest.get(f"{path}/file")
    assert (early.status_code, early.json()["reason"]) == (409, "NOT_READY")
    plan = (await rest.get(f"{path}/plan")).json()
    assert plan["treatment"]["theme"]
    shot = plan["plan"]["shots"][0]
    changed = await rest.patch(
        f"{path}/plan", json={"shots": [{"id": shot["id"], "changes": {"summary": "Nobody is there."}}], "accept": True}
    )
    assert changed.status_code == 202, changed.text
    assert changed.json()["invalidated_shot_ids"] == [shot["id"]]
    after = (await followed(rest, video["id"]))[-1]
    assert (after["state"], after["shots"][0]["summary"]) == ("completed", "Nobody is there.")
    wrong = await rest.patch(f"{path}/plan", json={"shots": [{"id": "nobody", "changes": {"summary": "x"}}]})
    assert (wrong.status_code, wrong.json()["reason"]) == (404, "NO_SUCH_SHOT")


async def test_cancel_and_capabilities(rest: httpx.AsyncClient, studio: Any) -> None:
    studio.scenes.set("hold")
    body = {"take_id": TAKE_ID, "concept": "the sea", "request_id": "again"}
    first, second = [await rest.post("/v1/videos", json=body) for _ in range(2)]
    assert first.json()["id"] == second.json()["id"]
    await studio.begun()
    cancelled = await rest.post(f"/v1/videos/{first.json()['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    able = (await rest.get("/v1/video-capabilities")).json()
    assert (able["providers"][0]["name"], able["unavailable"]) == ("plain", "")


async def test_the_plan_of_a_video_gives_curves_that_a_generation_takes(rest: httpx.AsyncClient) -> None:
    video = await made(rest)
    answer = await rest.post("/v1/video-curves", json={"video_id": video["id"]})
    assert answer.status_code == 200, answer.text
    curves = answer.json()
    assert [step["start_s"] for step in curves["steps"]] == [round(shot["start_s"], 3) for shot in video["shots"]]
    assert curves["recipe_changes"][0]["start_s"] == curves["steps"][1]["start_s"]
    body = {"prompt": "strings", "duration_s": 12, "sliders": curves["sliders"]}
    checked = GenerationBody.model_validate(body | {"recipe_changes": curves["recipe_changes"]})
    request = to_generate_request(checked, "r")
    assert request.recipe_changes[0].recipe.prompts[0].text == "strings"
    assert request.recipe_changes[0].recipe.sliders.energy == curves["steps"][1]["energy"]
    for body, status in (({}, 422), ({"video_id": "v-unknown"}, 404), ({"upload_id": "unknown"}, 404)):
        assert (await rest.post("/v1/video-curves", json=body)).status_code == status


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"concept": "x"}, 422, "take_id"),
        ({"concept": "x", "take_id": "a", "upload_id": "b"}, 422, "take_id"),
        ({"take_id": TAKE_ID}, 422, "concept"),
        ({"take_id": TAKE_ID, "concept": "x", "aspects": ["4:3"]}, 422, "aspects[0]"),
        ({"take_id": TAKE_ID, "concept": "x", "more": 1}, 422, "more"),
        ({"take_id": "unknown", "concept": "x"}, 404, ""),
    ],
)
async def test_wrong_bodies_are_refused(rest: httpx.AsyncClient, body: dict[str, Any], status: int, field: str) -> None:
    answer = await rest.post("/v1/videos", json=body)
    assert answer.status_code == status, answer.text
    assert not field or field in [fault["field"] for fault in answer.json()["errors"]]


@pytest.mark.parametrize(
    "path", ["", "/file", "/plan", "/events", "/captions.vtt", "/shots/s/versions/1", "/shots/s/versions/0"]
)
async def test_unknown_videos_are_not_found(rest: httpx.AsyncClient, path: str) -> None:
    assert (await rest.get(f"/v1/videos/v-unknown{path}")).status_code == 404

"""Veo on Vertex AI over a loopback server: tokens of a service account, operations, faults, and operations that a later process finds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.google import ACCESS_TOKEN, KEY, GoogleServer, service_account
from unit.google.test_google_scenes import TREATMENT, request_of

from resonance.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    InvalidInput,
    Overloaded,
    PermissionDenied,
    ResonanceError,
    Unavailable,
)
from resonance.google.door import MediaAnswer, open_google
from resonance.google.spending import spending_on
from resonance.google.vertex import VertexDoor, open_vertex
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance_video.fitting import SceneSpec, is_alike
from resonance_video.scenes.veo_scenes import VeoScenes


@pytest.fixture
def settings(server: GoogleServer, tmp_path: Path) -> Settings:
    return Settings(
        gemini_api_key=KEY,
        gemini_url=server.url,
        vertex_project="a-project",
        vertex_url=server.url,
        vertex_credentials_file=service_account(tmp_path, server.url),
        google_prices="image=0.05,veo_s=0.1@2026-12-01",
        google_media_s_max=120,
        google_usd_request_max=50,
        google_usd_owner_day_max=50,
        google_usd_day_max=50,
    )


@pytest.fixture
async def vertex(settings: Settings) -> AsyncIterator[VertexDoor]:
    door = open_quick(settings, MemoryStore())
    yield door
    await door.close()


def open_quick(settings: Settings, store: MemoryStore) -> VertexDoor:
    door = open_vertex(settings, store)
    assert door is not None
    door._poll_s = 0.01
    return door


async def clip(door: VertexDoor, **more: Any) -> MediaAnswer:
    known: dict[str, Any] = {"aspect": "9:16", "seconds": 4, "seed": 3, "digest": "d"}
    with spending_on("video"):
        return await door.make_clip("veo-model", "a red disc", (), **known | more)


async def test_a_clip_comes_by_an_operation_with_a_token_of_the_account(
    vertex: VertexDoor, server: GoogleServer
) -> None:
    made = await clip(vertex)
    assert (made.media_type, made.cost_usd) == ("video/mp4", 0.4)
    assert made.data[4:8] == b"ftyp"
    assert server.asked[0]["instances"] == [{"prompt": "a red disc"}]
    wanted = {"durationSeconds": 4, "aspectRatio": "9:16", "generateAudio": False, "seed": 3, "sampleCount": 1}
    assert wanted.items() <= server.asked[0]["parameters"].items()
    assert server.calls == {"token": 1, "predictLongRunning": 1, "fetchPredictOperation": 2}
    (name,) = server.operations
    assert name == "projects/a-project/locations/us-central1/publishers/google/models/veo-model/operations/0"
    assert (await vertex.spending.spent(owner="", request_id="video")).request_usd == 0.4


@pytest.mark.parametrize(
    ("fault", "kind", "reason", "is_charged"),
    [
        ("429", Overloaded, "GOOGLE_BUSY", False),
        ("500", Unavailable, "GOOGLE_AWAY", True),
        ("refusal", InvalidInput, "GOOGLE_FILTERED", False),
        ("filtered", InvalidInput, "GOOGLE_FILTERED", False),
        ("failed", InvalidInput, "GOOGLE_FILTERED", False),
        ("exhausted", Overloaded, "GOOGLE_BUSY", False),
        ("empty", Unavailable, "GOOGLE_WRONG_ANSWER", True),
        ("wrong_type", Unavailable, "GOOGLE_WRONG_ANSWER", True),
        ("no_token", PermissionDenied, "GOOGLE_KEY_REFUSED", False),
    ],
)
async def test_each_fault_is_a_typed_error_and_another_call_succeeds(
    vertex: VertexDoor, server: GoogleServer, fault: str, kind: type[ResonanceError], reason: str, is_charged: bool
) -> None:
    server.faults = [fault]
    with pytest.raises(kind) as failure:
        await clip(vertex)
    assert failure.value.reason == reason
    assert ACCESS_TOKEN not in f"{failure.value!r} {failure.value.message} {failure.value.__cause__!r}"
    assert ((await vertex.spending.spent(owner="")).day_usd > 0) == is_charged
    assert (await clip(vertex)).data[4:8] == b"ftyp"


async def test_an_operation_of_a_process_that_ended_is_found_and_not_paid_for_again(
    settings: Settings, server: GoogleServer
) -> None:
    store = MemoryStore()
    server.polls = 1_000_000
    first = open_quick(settings, store)
    making = asyncio.create_task(clip(first))
    while not server.calls["fetchPredictOperation"]:
        await asyncio.sleep(0.01)
    making.cancel()
    await asyncio.wait({making})
    await first.close()
    (name,) = server.operations
    server.operations[name], server.polls = (*server.operations[name][:2], 0), 0
    second = open_quick(settings, store)
    made = await clip(second)
    assert (made.cost_usd, server.calls["predictLongRunning"]) == (0.4, 1)
    assert (await second.spending.spent(owner="")).day_usd == 0.4
    await clip(second)
    assert server.calls["predictLongRunning"] == 2, "a finished operation is forgotten"
    await second.close()


async def test_a_forgotten_operation_is_begun_again_and_a_slow_one_is_told(
    settings: Settings, server: GoogleServer
) -> None:
    server.faults, store = ["slow"], MemoryStore()
    hasty = open_quick(settings.model_copy(update={"google_media_s_max": 2.0}), store)
    with pytest.raises(DeadlineExceeded):
        await clip(hasty)
    await hasty.close()
    door = open_quick(settings, store)
    server.operations.clear()
    with pytest.raises(FailedPrecondition):
        await clip(door)
    assert (await clip(door)).data
    await door.close()


@pytest.mark.parametrize("has_key", [True, False])
async def test_a_shot_becomes_a_scene_with_references_where_there_is_a_key(
    settings: Settings, vertex: VertexDoor, server: GoogleServer, tmp_path: Path, has_key: bool
) -> None:
    door = open_google(settings, MemoryStore()) if has_key else None
    provider = VeoScenes(vertex, door, model="veo-model", image_model="image-model")
    request = request_of("1:1")
    references = ()
    if has_key:
        references = (await provider.cast(TREATMENT.characters[0], TREATMENT.style, tmp_path),)
    assert provider.capabilities().references_max == (3 if has_key else 0)
    scene = await provider.make(request, references, tmp_path)
    spec = SceneSpec(width=request.size[0], height=request.size[1], fps=24, frame_count=request.shot.frame_count)
    assert is_alike(scene.video, spec)
    asked = server.asked[-1]
    assert asked["parameters"]["aspectRatio"] == "16:9"
    assert ("referenceImages" in json.dumps(asked)) == has_key
    assert asked["parameters"]["durationSeconds"] in ((8,) if has_key else (4, 6, 8))
    assert scene.made_with == "veo veo-model"
    if door is not None:
        await door.close()


async def test_without_a_project_there_is_no_door_and_wrong_credentials_name_their_setting(tmp_path: Path) -> None:
    assert open_vertex(Settings(), MemoryStore()) is None
    (tmp_path / "wrong.json").write_text("{}")
    for file in (tmp_path / "wrong.json", tmp_path / "missing.json"):
        with pytest.raises(InvalidInput, match="RESONANCE_VERTEX_CREDENTIALS_FILE"):
            open_vertex(Settings(vertex_project="p", vertex_credentials_file=file), MemoryStore())

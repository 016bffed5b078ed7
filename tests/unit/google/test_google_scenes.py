"""Scenes and treatments by Google's models: fitted to their shots, repaired once, and replaced by our own where Google refuses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import pytest
from support.google import KEY, GoogleServer, google_server
from support.video import song_map

from resonance.durable import Changes, Engine
from resonance.errors import InvalidInput, Unavailable
from resonance.google.door import GoogleDoor, open_google
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.workspace import Workspace
from resonance_video.directing import direct, find_faults, scene_request
from resonance_video.documents import VideoStore
from resonance_video.files import VideoFiles
from resonance_video.fitting import SceneSpec, is_alike
from resonance_video.models import Aspect, SceneRequest, ShotMove
from resonance_video.scene_making import ATTEMPTS_MAX, SceneMaking
from resonance_video.scenes.foreign_worker import camera_window
from resonance_video.scenes.google_scenes import OmniScenes, StillScenes
from resonance_video.scenes.procedural.provider import ProceduralScenes
from resonance_video.treatment import GeminiWriter, read_concept

MAP = song_map(16.0)
CONCEPT = "a woman in a red coat walks in the city at night"
TREATMENT = read_concept(CONCEPT, MAP, seed=2)
PLAN = direct(MAP, TREATMENT, seed=2)
WRITTEN = {
    "theme": "leaving",
    "arc_start": "lonely",
    "arc_end": "free",
    "person": {
        "physical_description": "a tall woman",
        "wardrobe": "a long green coat",
        "coat": "#1f6f3a",
        "hair": "#20140f",
    },
    "places": ["shore", "sky"],
    "hour_start": "night",
    "hour_end": "dawn",
    "weather_start": "rain",
    "weather_end": "clear",
    "palette": [
        {"name": "deep blue", "hex": "#101a33"},
        {"name": "pale gold", "hex": "#f2dca0"},
        {"name": "coral", "hex": "#ff7f6a"},
    ],
    "lighting": "low and soft",
    "camera": "slow",
    "poses": ["walk", "look_up"],
    "instrument": "",
    "ending": "she stands in the light",
}


@pytest.fixture
async def server() -> AsyncIterator[GoogleServer]:
    async with google_server() as server:
        yield server


@pytest.fixture
async def door(server: GoogleServer) -> AsyncIterator[GoogleDoor]:
    settings = Settings(
        gemini_api_key=KEY,
        gemini_url=server.url,
        google_prices="image=0.05,video_s=0.1@2026-11-30",
        google_usd_request_max=50,
        google_usd_owner_day_max=50,
        google_usd_day_max=50,
    )
    door = open_google(settings, MemoryStore())
    assert door is not None
    yield door
    await door.close()


def request_of(aspect: Aspect = "9:16", number: int = 0) -> SceneRequest:
    width, height = {"9:16": (144, 256), "1:1": (144, 144), "16:9": (256, 144)}[aspect]
    shot = PLAN.shots[number]
    return scene_request(PLAN, shot, MAP, TREATMENT, aspect=aspect, width=width, height=height)


@pytest.mark.parametrize("aspect", ["9:16", "1:1", "16:9"])
async def test_clips_and_stills_become_scenes_like_ours(
    door: GoogleDoor, server: GoogleServer, tmp_path: Path, aspect: Aspect
) -> None:
    request = request_of(aspect)
    spec = SceneSpec(width=request.size[0], height=request.size[1], fps=24, frame_count=request.shot.frame_count)
    for provider in (
        OmniScenes(door, model="omni-model", image_model="image-model"),
        StillScenes(door, model="image-model", image_model="image-model"),
    ):
        reference = await provider.cast(TREATMENT.characters[0], TREATMENT.style, tmp_path)
        scene = await provider.make(request, (reference,), tmp_path)
        assert is_alike(scene.video, spec)
        with av.open(str(scene.video)) as container:
            assert not container.streams.audio
        assert scene.still.read_bytes().startswith(b"\x89PNG")
        assert scene.cost > 0
        asked = server.asked[-1]
        assert "red" in json.dumps(asked["input"])
        assert '"type": "image"' in json.dumps(asked["input"]), [str(part)[:80] for part in asked["input"]]
    clip = next(body for body in server.asked if body["model"] == "omni-model")
    form = clip["response_format"]
    assert form["aspect_ratio"] == ("16:9" if aspect == "1:1" else aspect)
    assert 3 <= int(form["duration"].rstrip("s")) <= 10


@pytest.mark.parametrize("fault", ["wrong_type", "truncated", "empty", "500"])
async def test_a_wrong_file_may_be_asked_for_again_and_leaves_nothing(
    door: GoogleDoor, server: GoogleServer, tmp_path: Path, fault: str
) -> None:
    provider = OmniScenes(door, model="omni-model", image_model="image-model")
    server.faults = [fault]
    with pytest.raises(Unavailable):
        await provider.make(request_of(), (), tmp_path)
    assert list(tmp_path.iterdir()) == []
    await provider.make(request_of(), (), tmp_path)


async def test_a_refused_scene_is_drawn_by_the_embedded_provider_and_told(
    door: GoogleDoor, server: GoogleServer, tmp_path: Path
) -> None:
    omni = OmniScenes(door, model="omni-model", image_model="image-model")
    embedded = ProceduralScenes()
    store = MemoryStore()
    making = SceneMaking(
        VideoStore(store, Changes(Engine(Settings()))),
        VideoFiles(store),
        {"embedded": embedded, "omni": omni},
        Workspace(tmp_path / "work"),
    )
    server.faults = ["", "refusal"]  # the reference is made, the clip refused
    scene, notice = await making.find_or_make("v-1", "omni", request_of(), attempt=1)
    assert scene.made_with.startswith("embedded")
    assert PLAN.shots[0].id in notice
    server.faults = ["500"]
    with pytest.raises(Unavailable):
        await making.find_or_make("v-1", "omni", request_of(number=1), attempt=1)
    server.faults = ["500"]
    scene, notice = await making.find_or_make("v-1", "omni", request_of(number=1), attempt=ATTEMPTS_MAX)
    assert scene.made_with.startswith("embedded")
    references = [body for body in server.asked if body["response_format"]["type"] == "image"]
    assert len(references) == 1, "the reference of a character is paid for once a video"
    scene, notice = await making.find_or_make("v-1", "omni", request_of(number=2), attempt=1)
    assert (scene.made_with, notice) == ("omni omni-model", "")
    assert (await door.spending.spent(owner="", request_id="v-1")).request_usd > scene.cost_usd


@pytest.mark.parametrize("move", list(ShotMove))
def test_the_camera_never_leaves_the_picture(move: ShotMove) -> None:
    for width, height in ((720, 1280), (1280, 720), (1024, 1024)):
        windows = [camera_window(move, share, width, height, 9 / 16, 3) for share in np.linspace(0, 1, 9)]
        for left, top, wide, high in windows:
            assert min(left, top) >= 0
            assert left + wide <= width + 1e-6
            assert top + high <= height + 1e-6
            assert abs(wide / high - 9 / 16) < 1e-6
        is_still = len({tuple(np.round(window, 3)) for window in windows}) == 1
        no_room = (move is ShotMove.PAN and width < height) or (move is ShotMove.RISE and width > height)
        assert is_still == (move is ShotMove.STILL) or no_room


async def test_a_written_treatment_is_taken_and_its_plan_has_no_faults(door: GoogleDoor, server: GoogleServer) -> None:
    server.answers = [json.dumps(WRITTEN)]
    treatment = await GeminiWriter(door, "gemini-flash").write(CONCEPT, TREATMENT, MAP)
    assert (treatment.source, treatment.theme) == ("gemini-flash", "leaving")
    assert treatment.characters[0].locked["coat"] == "#1f6f3a"
    assert [place.value for place in treatment.environment.places] == ["shore", "sky"]
    plan = direct(MAP, treatment, seed=2)
    assert find_faults(plan, MAP, treatment) == []


async def test_a_faulty_treatment_is_repaired_once_and_else_the_lexicon_reads_the_words(
    door: GoogleDoor, server: GoogleServer
) -> None:
    writer = GeminiWriter(door, "gemini-flash")
    grey = [{"name": "grey", "hex": "#808080"}] * 3
    server.answers = [json.dumps(WRITTEN | {"palette": grey}), json.dumps(WRITTEN)]
    repaired = await writer.write(CONCEPT, TREATMENT, MAP)
    assert repaired.source == "gemini-flash"
    assert "contrast" in json.dumps(server.asked[-1])
    server.answers = [json.dumps(WRITTEN | {"places": ["moon base"]}), "no json"]
    kept = await writer.write(CONCEPT, TREATMENT, MAP)
    assert kept.source == "lexicon"
    assert "faults" in kept.notices[-1]
    assert kept.model_copy(update={"notices": TREATMENT.notices}) == TREATMENT
    for fault in ("429", "500", "filtered"):
        server.faults = [fault]
        kept = await writer.write(CONCEPT, TREATMENT, MAP)
        assert kept.source == "lexicon"
        assert KEY not in " ".join(kept.notices)


async def test_a_length_that_no_scene_has_is_refused_before_anything_is_sent(
    door: GoogleDoor, server: GoogleServer, tmp_path: Path
) -> None:
    request = request_of()
    longer = request.model_copy(update={"fps": 1})
    with pytest.raises(InvalidInput):
        await StillScenes(door, model="m", image_model="m").make(longer, (), tmp_path)
    assert server.asked == []

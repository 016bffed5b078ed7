"""Scenes by a folder of diffusers where its libraries or the folder are missing; tests/diffusers_lane draws with a real pipeline."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.video import song_map

from resonance.durable import Changes, Engine
from resonance.errors import InvalidInput, Unavailable
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.workspace import Workspace
from resonance_video.directing import direct, scene_request
from resonance_video.documents import VideoStore
from resonance_video.files import VideoFiles
from resonance_video.models import SceneRequest
from resonance_video.scene_making import SceneMaking
from resonance_video.scenes.diffusers_scenes import DiffusersScenes, open_diffusers, picture_size
from resonance_video.scenes.procedural.provider import ProceduralScenes
from resonance_video.treatment import read_concept


@pytest.fixture
def provider(tmp_path: Path) -> DiffusersScenes:
    """A folder with an index, and an interpreter without libraries."""
    folder = tmp_path / "pipeline"
    folder.mkdir()
    (folder / "model_index.json").write_text("{}")
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    return DiffusersScenes(folder, python=str(bare), steps=2, side=64)


@pytest.fixture
def request_here() -> SceneRequest:
    song = song_map(8.0)
    treatment = read_concept("a forest in the rain", song, seed=2)
    plan = direct(song, treatment, seed=2)
    return scene_request(plan, plan.shots[0], song, treatment, aspect="1:1", width=64, height=64)


async def test_missing_libraries_are_named_and_the_embedded_scene_takes_their_place(
    provider: DiffusersScenes, request_here: SceneRequest, tmp_path: Path
) -> None:
    with pytest.raises(Unavailable, match="cannot import diffusers") as failure:
        await provider.make(request_here, (), tmp_path)
    assert failure.value.reason == "LIBRARY_MISSING"
    store = MemoryStore()
    videos = VideoStore(store, Changes(Engine(Settings(data_dir=tmp_path))))
    providers = {"embedded": ProceduralScenes(), "diffusers": provider}
    making = SceneMaking(videos, VideoFiles(store), providers, Workspace(tmp_path / "work"))
    scene, notice = await making.find_or_make("v", "diffusers", request_here, attempt=1)
    assert "drawn by the embedded provider" in notice
    assert "diffusers" not in scene.made_with


@pytest.mark.parametrize("make", [False, True])
def test_a_folder_without_a_pipeline_is_refused_at_the_start(tmp_path: Path, make: bool) -> None:
    folder = tmp_path / "models"
    if make:
        folder.mkdir()
    with pytest.raises(InvalidInput, match="RESONANCE_DIFFUSERS_FOLDER"):
        open_diffusers(Settings(diffusers_folder=folder))


@pytest.mark.parametrize("size", [(720, 1280), (720, 720), (1280, 720)])
def test_pictures_have_the_films_aspect_on_the_grid_of_pipelines(size: tuple[int, int]) -> None:
    width, height = picture_size(size, side=512)
    assert width % 8 == height % 8 == 0
    assert abs(width / height / (size[0] / size[1]) - 1) < 0.03
    assert abs(width * height / 512**2 - 1) < 0.05

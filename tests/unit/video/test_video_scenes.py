"""Scenes of the embedded provider: every world and pose, steps on beats, the same bytes, and what happens where it cannot draw."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from support.video import song_map

from resonance.errors import InvalidInput, Unavailable
from resonance_video.directing import direct, scene_request
from resonance_video.models import (
    Aspect,
    Cut,
    Hour,
    HourArc,
    Instrument,
    Place,
    Pose,
    SceneRequest,
    ShotSize,
    Weather,
)
from resonance_video.scenes.procedural.colour_check import locked_distances
from resonance_video.scenes.procedural.drive import read_drive
from resonance_video.scenes.procedural.figure.skeleton import Moment, Turn, pose_skeleton, two_bones
from resonance_video.scenes.procedural.figure.wardrobe import Wardrobe
from resonance_video.scenes.procedural.provider import ProceduralScenes
from resonance_video.scenes.procedural.renderer import SceneRenderer
from resonance_video.treatment import read_concept

MAP = song_map(12.0)
TREATMENT = read_concept("a woman in a red coat with a yellow scarf walks through the city at night", MAP)
PLAN = direct(MAP, TREATMENT, aspects=("9:16",))


def request(
    *,
    number: int = 1,
    aspect: Aspect = "9:16",
    width: int = 72,
    height: int = 128,
    frames: int | None = None,
    **staging: object,
) -> SceneRequest:
    shot = PLAN.shots[number]
    shot = shot.model_copy(update={"transition": Cut.CUT, "staging": shot.staging.model_copy(update=staging)})
    if frames is not None:
        shot = shot.model_copy(update={"end_frame": shot.start_frame + frames})
    return scene_request(PLAN, shot, MAP, TREATMENT, aspect=aspect, width=width, height=height)


@pytest.mark.parametrize("place", Place)
def test_every_world_is_drawn_at_every_hour_in_every_weather(place: Place) -> None:
    pictures = set()
    for hour in Hour:
        for weather in Weather:
            renderer = SceneRenderer(request(place=place, weather=weather, hour=HourArc(start=hour, end=hour)))
            pixels = renderer.draw(5)
            assert pixels[..., :3].std() > 8
            assert (pixels[..., 3] == 255).all()
            pictures.add(pixels.tobytes())
    assert len(pictures) == len(Hour) * len(Weather)


@pytest.mark.parametrize("pose", Pose)
def test_every_pose_is_drawn_moves_and_keeps_the_locked_colours(pose: Pose) -> None:
    for instrument in Instrument if pose is Pose.PLAY else (None,):
        scene = request(pose=pose, instrument=instrument, place=Place.ROOM)
        renderer = SceneRenderer(scene)
        first = renderer.draw(2).copy()
        assert (renderer.draw(9) != first).any()
        distances = locked_distances(scene)
        assert {"coat", "hair"} <= set(distances)
        assert max(distances.values()) <= 3


def test_a_figure_that_changed_its_coat_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    true_wardrobe = Wardrobe.of
    monkeypatch.setattr(Wardrobe, "of", lambda character: replace(true_wardrobe(character), coat=(0.6, 0.2, 0.2)))
    assert locked_distances(request(pose=Pose.STAND))["coat"] > 3


def test_a_foot_falls_on_each_beat() -> None:
    scene = request(pose=Pose.WALK)
    drive = read_drive(scene)
    for beat in scene.song.beats:
        if 0 <= beat < scene.shot.frame_count - 1:
            phase = float(np.interp(beat, np.arange(len(drive.step)), drive.step)) * 2
            assert abs(phase - round(phase)) < 0.02
            moment = Moment(step=round(phase) / 2, sway=0, beat=0, energy=0.5, seconds=0, share=0.5)
            body = pose_skeleton(Pose.WALK, moment, None, Turn.SIDE)
            ankles = sorted((body.near_leg.end, body.far_leg.end))
            assert ankles[1][1] == pytest.approx(-0.045, abs=0.01)  # the foot in front is on the ground
            assert ankles[1][0] > 0.15


def test_bones_keep_their_lengths() -> None:
    for target in ((0.1, 0.4), (0.4, 0.0), (5.0, 5.0), (0.0, 1e-9)):
        middle, end = two_bones((0.0, 0.0), target, 0.25, 0.22, bend=1.0)
        assert np.hypot(*middle) == pytest.approx(0.25)
        assert np.hypot(end[0] - middle[0], end[1] - middle[1]) == pytest.approx(0.22, abs=1e-6)


def test_more_energy_lights_more_windows() -> None:
    scene = request(place=Place.CITY)
    count = scene.shot.frame_count

    def brightness(energy: float) -> float:
        song = scene.song.model_copy(update={"energy": (energy,) * count})
        return float(SceneRenderer(scene.model_copy(update={"song": song})).draw(count // 2).mean())

    assert brightness(0.0) < brightness(0.5) < brightness(1.0)


def test_brightness_never_jumps_from_picture_to_picture() -> None:
    scene = request(place=Place.CITY)
    count = scene.shot.frame_count
    wild = tuple(float(number % 2) for number in range(count))
    frames = scene.song.frames.model_copy(update={"low": wild, "high": wild, "level": wild, "onset": wild})
    song = scene.song.model_copy(update={"frames": frames, "energy": wild})
    renderer = SceneRenderer(scene.model_copy(update={"song": song}))
    means = [float(renderer.draw(number).mean()) for number in range(24)]
    assert np.abs(np.diff(means)).max() < 0.02 * 255


def test_the_same_request_gives_the_same_bytes_alone_and_with_company(tmp_path: Path) -> None:
    scene = request(frames=36)

    async def thrice() -> list[str]:
        folders = [tmp_path / str(number) for number in range(3)]
        for folder in folders:
            folder.mkdir()
        alone = await ProceduralScenes().make(scene, (), folders[0])
        both = await asyncio.gather(*(ProceduralScenes().make(scene, (), folder) for folder in folders[1:]))
        return [alone.sha256, *(made.sha256 for made in both)]

    assert len(set(asyncio.run(thrice()))) == 1
    assert ProceduralScenes().prompt_digest(scene) != ProceduralScenes().prompt_digest(
        scene.model_copy(update={"seed": 2})
    )


def test_a_scene_has_its_frames_reports_progress_and_leaves_nothing_else(tmp_path: Path) -> None:
    scene, shares = request(frames=36), []
    made = asyncio.run(ProceduralScenes().make(scene, (), tmp_path, shares.append))
    with av.open(str(made.video)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 36
    assert shares == sorted(shares)
    assert 0 < shares[0] <= shares[-1] <= 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((made.video.name, made.still.name))


def test_a_cancelled_scene_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    async def cancel() -> None:
        started = asyncio.Event()
        task = asyncio.create_task(
            ProceduralScenes().make(request(width=720, height=1280), (), tmp_path, lambda share: started.set())
        )
        await asyncio.wait_for(started.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert list(tmp_path.iterdir()) == []


def test_a_missing_system_library_is_named_with_its_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "skia.py").write_text("raise ImportError('libEGL.so.1: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", f"{broken}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(Unavailable) as failure:
        asyncio.run(ProceduralScenes().make(request(frames=36), (), tmp_path))
    assert failure.value.reason == "LIBRARY_MISSING"
    assert "libegl1" in failure.value.message


def test_a_shot_that_is_too_long_is_refused(tmp_path: Path) -> None:
    long = song_map(40.0)
    shot = PLAN.shots[1].model_copy(update={"start_frame": 0, "end_frame": 24 * 30})
    scene = scene_request(PLAN, shot, long, TREATMENT, aspect="9:16")
    with pytest.raises(InvalidInput) as refusal:
        asyncio.run(ProceduralScenes().make(scene, (), tmp_path))
    assert refusal.value.reason == "BAD_LENGTH"


def test_a_character_is_cast_as_a_picture_in_its_own_colours(tmp_path: Path) -> None:
    cast = asyncio.run(ProceduralScenes().cast(TREATMENT.characters[0], TREATMENT.style, tmp_path))
    with av.open(str(cast.path)) as container:
        pixels = next(container.decode(video=0)).to_ndarray(format="rgb24").reshape(-1, 3).astype(int)
    coat = np.array([int(TREATMENT.characters[0].locked["coat"][place : place + 2], 16) for place in (1, 3, 5)])
    assert (np.abs(pixels - coat).max(axis=1) <= 2).mean() > 0.02


def test_nobody_is_drawn_where_the_concept_wants_nobody() -> None:
    treatment = read_concept("the city without people at night, nobody", MAP)
    plan = direct(MAP, treatment)
    scene = scene_request(plan, plan.shots[1], MAP, treatment, aspect="16:9", width=128, height=72)
    assert scene.characters == ()
    assert SceneRenderer(scene).draw(3)[..., :3].std() > 8


def test_the_closest_shot_shows_more_of_the_figure() -> None:
    def share_of_red(size: ShotSize) -> float:
        scene = request(pose=Pose.STAND, place=Place.SHORE, hour=HourArc(start=Hour.DAY, end=Hour.DAY))
        shot = scene.shot.model_copy(update={"size": size})
        pixels = SceneRenderer(scene.model_copy(update={"shot": shot})).draw(5).astype(int)
        return float((pixels[..., 0] > pixels[..., 1:3].max(axis=2) + 60).mean())

    assert share_of_red(ShotSize.WIDE) < share_of_red(ShotSize.MEDIUM) < share_of_red(ShotSize.CLOSE)

"""Curves of pictures: what moves gives energy, what is full gives density, steps begin on cuts, bad clips are refused."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from support.video import song_map, write_song

from resonance.client import follow_picture
from resonance.errors import InvalidInput
from resonance.v1 import generate_pb2
from resonance_video.directing import direct
from resonance_video.messages import to_curves_message
from resonance_video.scoring import PictureCurves, PictureStep, steps_of_plan, watch_clip
from resonance_video.scoring.curves import POSITION_MAX, STEP_S_MIN, build_curves
from resonance_video.treatment import read_concept

MAP = song_map(24.0)
PLAN = direct(MAP, read_concept("a woman walks in the city at night", MAP))


def write_clip(path: Path, *parts: tuple[float, int, int], rate: int = 24) -> Path:
    """A clip of stretches (seconds, pixels that it moves in a picture, size of its squares); each has another grey."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for number, (seconds, speed, size) in enumerate(parts):
            rows, columns = np.mgrid[0:96, 0:400] // size
            board = ((rows + columns) % 2 * 80 + 40 + 60 * (number % 2)).astype(np.uint8)
            for frame in range(round(seconds * rate)):
                picture = np.roll(board, frame * speed, axis=1)[:, :160]
                shown = av.VideoFrame.from_ndarray(
                    np.ascontiguousarray(np.repeat(picture[..., None], 3, 2)), format="rgb24"
                )
                for packet in stream.encode(shown):
                    container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


async def test_a_clip_that_moves_more_has_more_energy_and_one_with_more_detail_more_density(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", (3, 0, 48), (3, 3, 48), (3, 0, 8))
    curves = await watch_clip(clip, tmp_path)
    assert curves.duration_s == pytest.approx(9.0, abs=0.1)

    def at(second: float) -> PictureStep:
        return [step for step in curves.steps if step.start_s <= second][-1]

    assert at(4.5).energy > at(1.5).energy + 0.5
    assert at(7.5).density > at(1.5).density + 0.5
    assert max(step.energy for step in curves.steps) == POSITION_MAX
    for cut in (3.0, 6.0):
        assert any(abs(step.start_s - cut) < 0.15 for step in curves.steps)


async def test_a_still_clip_leaves_the_music_where_it_is_and_says_so(tmp_path: Path) -> None:
    curves = await watch_clip(write_clip(tmp_path / "still.mp4", (3, 0, 48)), tmp_path)
    assert {(step.energy, step.density) for step in curves.steps} == {(0.0, 0.0)}
    assert len(curves.notices) == 2


async def test_what_is_no_clip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_bytes(b"no video at all" * 100)
    song = write_song(tmp_path / "song.wav", np.zeros((16_000, 1), np.int16), 16_000)
    short = write_clip(tmp_path / "short.mp4", (0.5, 1, 48))
    for path, reason in ((tmp_path / "text.mp4", "NOT_VIDEO"), (song, "NO_VIDEO"), (short, "TOO_SHORT")):
        with pytest.raises(InvalidInput) as refusal:
            await watch_clip(path, tmp_path)
        assert refusal.value.reason == reason


def test_a_plan_gives_a_step_for_each_shot_and_its_loud_shots_the_most_energy() -> None:
    curves = steps_of_plan(PLAN)
    assert [step.start_s for step in curves.steps] == [round(shot.start_frame / 24, 3) for shot in PLAN.shots]
    loudest = max(PLAN.shots, key=lambda shot: shot.energy)
    step = next(step for step in curves.steps if step.start_s == round(loudest.start_frame / 24, 3))
    assert step.energy > np.mean([step.energy for step in curves.steps])


def test_changes_that_are_too_fast_are_joined_and_told() -> None:
    starts = [number * 0.25 for number in range(40)]
    curves = build_curves(starts, np.arange(40.0), np.arange(40.0), duration_s=10.0)
    gaps = np.diff([step.start_s for step in curves.steps])
    assert gaps.min() >= STEP_S_MIN
    assert "40 changes" in curves.notices[0]


def test_a_request_that_follows_a_picture_changes_two_sliders_and_keeps_the_rest() -> None:
    request = generate_pb2.GenerateRequest(duration_s=5)
    request.recipe.prompts.add(text="piano")
    request.recipe.sliders.tempo = 0.4
    steps = tuple(PictureStep(start_s=2.0 * number, energy=0.1 * number, density=-0.2) for number in range(5))
    follow_picture(request, to_curves_message(PictureCurves(duration_s=10.0, steps=steps)))
    assert [change.start_s for change in request.recipe_changes] == [2.0, 4.0]
    assert request.recipe_changes[1].recipe.sliders.energy == 0.2
    assert request.recipe_changes[1].recipe.sliders.tempo == 0.4
    assert request.recipe_changes[0].recipe.prompts[0].text == "piano"
    assert request.recipe.sliders.instrument_density == -0.2

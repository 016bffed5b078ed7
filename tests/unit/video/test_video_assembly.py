"""Assembly: exact length, the song's own samples, cuts in place, foreign clips, flashes, captions and marks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import c2pa
import numpy as np
import pytest
from support.video import beating_song, song_map, write_song

from resonance.audio.delivery.credentials import open_credentials
from resonance.errors import InvalidInput
from resonance.settings import Settings
from resonance_video.assembly import AssembledVideo, assemble, captions_vtt, descriptions_vtt, measure
from resonance_video.directing import direct
from resonance_video.models import ShotPlan, SongMap, SongWord
from resonance_video.scenes.procedural.encoder import SceneEncoder
from resonance_video.treatment import read_concept

SIZE = (64, 96)
RATE_HZ = 16_000
SAMPLES = beating_song(120, 3, rate_hz=RATE_HZ)[:-531]
MAP: SongMap = song_map(len(SAMPLES) / RATE_HZ)
TREATMENT = read_concept("a walk in the city", MAP)
PLAN: ShotPlan = direct(MAP, TREATMENT)


def write_scene(path: Path, frame_count: int, grey: int, *, size: tuple[int, int] = SIZE) -> Path:
    with SceneEncoder(path, width=size[0], height=size[1], fps=24, seed=1) as encoder:
        for number in range(frame_count):
            pixels = np.full((size[1], size[0], 4), grey, np.uint8)
            pixels[:, : 1 + number % size[0]] += 20
            encoder.write(pixels, fade=1.0, bloom=0.0)
    return path


def write_clip(
    path: Path, picture: Callable[[float], int], *, seconds: float, rate: Fraction, size: tuple[int, int]
) -> Path:
    """A clip of another maker, as other encoders write it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(round(seconds * rate)):
            pixels = np.full((size[1], size[0], 3), picture(float(number / rate)), np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_song(tmp_path_factory.mktemp("song") / "song.wav", SAMPLES, RATE_HZ)


@pytest.fixture(scope="module")
def own_scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("scenes")
    return {
        shot.id: write_scene(folder / f"{shot.id}.mp4", shot.frame_count, 60 + 10 * number)
        for number, shot in enumerate(PLAN.shots)
    }


@pytest.fixture(scope="module")
def film(own_scenes: dict[str, Path], song: Path, tmp_path_factory: pytest.TempPathFactory) -> AssembledVideo:
    return put_together(own_scenes, song, tmp_path_factory.mktemp("film"))


@pytest.fixture
def scenes(own_scenes: dict[str, Path]) -> dict[str, Path]:
    return dict(own_scenes)


def put_together(scenes: dict[str, Path], song: Path, out: Path, **more: object) -> AssembledVideo:
    out.mkdir(exist_ok=True)
    return asyncio.run(assemble(PLAN, scenes, song, "9:16", out, size=SIZE, **more))  # type: ignore[arg-type]


def read_manifests(path: Path) -> dict[str, Any]:
    with path.open("rb") as file, c2pa.Reader("video/mp4", file) as reader:
        report: dict[str, Any] = json.loads(reader.json())
        return report


def sound_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])


def pictures_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def test_the_master_is_as_long_as_the_song_and_has_its_samples(film: AssembledVideo, song: Path) -> None:
    assert film.duration_s == len(SAMPLES) / RATE_HZ
    assert np.array_equal(sound_of(film.master), sound_of(song))
    for path in (film.master, film.share):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert abs(float(stream.duration * stream.time_base) - film.duration_s) < 0.001
            assert stream.frames == PLAN.frames
    with av.open(str(film.master)) as container:
        stream = container.streams.audio[0]
        assert abs(float(stream.duration * stream.time_base) - film.duration_s) < 0.001
    assert sorted(path.name for path in film.master.parent.iterdir()) == ["master-9x16.mp4", "share-9x16.mp4"]


def test_each_scene_begins_on_its_planned_frame_and_is_copied_unchanged(
    film: AssembledVideo, own_scenes: dict[str, Path]
) -> None:
    whole = pictures_of(film.master)
    for shot in PLAN.shots:
        scene, part = pictures_of(own_scenes[shot.id]), whole[shot.start_frame : shot.end_frame]
        assert all(np.array_equal(one, other) for one, other in zip(scene, part, strict=True))


def test_equal_scenes_give_equal_films(
    tmp_path: Path, film: AssembledVideo, song: Path, scenes: dict[str, Path]
) -> None:
    assert put_together(scenes, song, tmp_path / "again").sha256 == film.sha256


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30)])
def test_a_clip_of_another_size_and_rate_is_fitted(
    tmp_path: Path, song: Path, scenes: dict[str, Path], rate: Fraction
) -> None:
    shot = PLAN.shots[1]
    seconds = shot.frame_count / 24
    scenes[shot.id] = write_clip(
        tmp_path / "clip.mp4", lambda at: 200, seconds=seconds + 0.3, rate=rate, size=(128, 72)
    )
    made = put_together(scenes, song, tmp_path / "out", foreign=[shot.id])
    inside = pictures_of(made.master)[shot.start_frame + 2 : shot.end_frame - 2]
    assert all(abs(float(picture[: SIZE[1]].mean()) - 188) < 12 for picture in inside)
    assert any(shot.id in notice for notice in made.notices)


def test_a_clip_that_is_too_short_is_refused(tmp_path: Path, song: Path, scenes: dict[str, Path]) -> None:
    scenes[PLAN.shots[1].id] = write_clip(
        tmp_path / "clip.mp4", lambda at: 99, seconds=0.5, rate=Fraction(24), size=(64, 96)
    )
    with pytest.raises(InvalidInput) as refusal:
        put_together(scenes, song, tmp_path / "out", foreign=[PLAN.shots[1].id])
    assert refusal.value.reason == "CLIP_TOO_SHORT"


def test_a_scene_that_is_no_video_is_refused(tmp_path: Path, song: Path, scenes: dict[str, Path]) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"<html>no video</html>" * 50)
    with pytest.raises(InvalidInput) as refusal:
        put_together(scenes | {PLAN.shots[0].id: tmp_path / "bad.mp4"}, song, tmp_path / "out")
    assert refusal.value.reason == "NOT_VIDEO"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_sound_file_as_a_scene_a_missing_scene_and_another_song_are_refused(
    tmp_path: Path, song: Path, scenes: dict[str, Path]
) -> None:
    longer = write_song(tmp_path / "longer.wav", beating_song(120, 4, rate_hz=RATE_HZ), RATE_HZ)
    some = {shot.id: scenes[shot.id] for shot in PLAN.shots[1:]}
    for wrong, its_song, reason in (
        (scenes | {PLAN.shots[0].id: song}, song, "NO_VIDEO"),
        (some, song, "SCENE_MISSING"),
        (scenes, longer, "OTHER_SONG"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            put_together(wrong, its_song, tmp_path / "out")
        assert refusal.value.reason == reason


def test_a_foreign_clip_that_flashes_is_calmed_or_refused_with_its_time(
    tmp_path: Path, song: Path, scenes: dict[str, Path]
) -> None:
    shot = PLAN.shots[1]
    scenes[shot.id] = write_clip(
        tmp_path / "clip.mp4",
        lambda at: 230 if at * 6 % 1 < 0.5 else 20,
        seconds=shot.frame_count / 24,
        rate=Fraction(24),
        size=SIZE,
    )
    try:
        made = put_together(scenes, song, tmp_path / "out", foreign=[shot.id])
    except InvalidInput as refusal:
        assert refusal.reason == "FLASHES"
        assert " s; at most 3" in refusal.message
    else:
        assert measure(made.master).is_safe
        assert any("calmed" in notice for notice in made.notices)


@pytest.mark.parametrize(
    ("hertz", "share", "red", "safe"),
    [(0, 1, False, True), (2, 1, False, True), (3, 1, False, True), (4, 1, False, False), (8, 0.5, False, False),
     (8, 0.01, False, True), (6, 1, True, False), (2, 1, True, True)],
)  # fmt: skip
def test_the_meter_counts_flashes(tmp_path: Path, hertz: float, share: float, red: bool, safe: bool) -> None:
    from benchmarks.video.pictures import write_flashing

    write_flashing(tmp_path / "flash.mp4", hertz=hertz, share=share, is_red=red)
    assert measure(tmp_path / "flash.mp4").is_safe == safe


def test_a_film_says_who_made_it_and_has_the_song_as_ingredient(
    tmp_path: Path, song: Path, scenes: dict[str, Path]
) -> None:
    credentials = open_credentials(Settings(data_dir=tmp_path / "data"))
    made = put_together(
        scenes,
        song,
        tmp_path / "out",
        manifest={"title": "Night walk", "providers": ["embedded"]},
        credentials=credentials,
    )
    report = read_manifests(made.master)
    manifest = report["manifests"][report["active_manifest"]]
    assert manifest["title"] == "Night walk"
    assert manifest["ingredients"][0]["relationship"] == "componentOf"
    assert "algorithmicMedia" in str(manifest["assertions"])
    with av.open(str(made.master)) as container:
        assert "made by a machine" in container.metadata["artist"]
    damaged = bytearray(made.master.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.mp4").write_bytes(damaged)
    assert read_manifests(tmp_path / "damaged.mp4")["validation_state"] == "Invalid"


def test_captions_name_the_sections_and_hold_known_words() -> None:
    words = (SongWord(start_s=1.0, end_s=2.0, text="hello --> world\nagain"),)
    text = captions_vtt(MAP.model_copy(update={"words": words}), title="Night")
    assert text.startswith("WEBVTT")
    assert "[Night, verse: quiet music]" in text
    assert text.count("-->") == len(MAP.sections) + 1 + 1  # one of them in the word itself


def test_descriptions_cover_the_film_without_a_gap() -> None:
    text = descriptions_vtt(PLAN)
    assert all(shot.summary in text for shot in PLAN.shots)
    assert text.count("-->") == len(PLAN.shots)

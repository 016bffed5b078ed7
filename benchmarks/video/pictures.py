"""Picture figures: what follows the sound and the sliders, locked colours, flashes of random plans, and the meter itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import av
import numpy as np
from model.training.synth import Synth
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks.video.films import Script, scaled, write_script
from benchmarks.video.goals import Figure
from benchmarks.video.songs import band_seeds, render_song
from resonance_video.assembly import measure
from resonance_video.directing import direct
from resonance_video.encoding import ENCODINGS
from resonance_video.models import Aspect, Place, Pose, SceneRequest, ShotSize, SongMap, Weather
from resonance_video.scenes.procedural.colour_check import locked_distances
from resonance_video.scenes.procedural.encoder import SceneEncoder
from resonance_video.scenes.procedural.renderer import SceneRenderer
from resonance_video.treatment import read_concept

Pixels = NDArray[np.uint8]
_SCALE = 0.15
_EVERY = 12
_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])
_POSITIONS = np.linspace(-1, 1, 9)
CONCEPT = "a woman in a black coat and a yellow scarf walks through the city at night"
CONCEPTS = (
    CONCEPT,
    "a man in a red jacket dances on the shore by day",
    "a girl in a green dress plays the violin in the forest at dawn in mist",
    "a pianist in a blue coat at the window in rain at night",
    "a person in a white coat with a red scarf on the road to the mountains at sunset",
    "an old man in a brown coat and a hat looks up from a rooftop at dusk in snow",
    "a dreamer in a purple cloak floating in the clouds",
    "techno 180 bpm neon club, a dancer in a silver dress",
)


def song_maps(folder: Path, count: int, *, section_s: float) -> list[tuple[Path, SongMap]]:
    """Composed songs and their maps."""
    synth = Synth()
    songs = [render_song(synth, seed, folder, section_s=section_s) for seed in band_seeds(count, first=9_600_001)]
    scripts = [asyncio.run(write_script(song.path, CONCEPT)) for song in songs]
    return [(script.song, script.song_map) for script in scripts]


def measure_following(maps: Sequence[tuple[Path, SongMap]]) -> list[Figure]:
    """Rank correlations of brightness and motion with the song's energy at night in the city, mean over songs; and of each slider."""
    bright, moving = [], []
    for song, song_map in maps:
        script = _script(song, song_map, CONCEPT)
        light, motion, energy = _run_through(script)
        bright.append(_rank(light, energy))
        moving.append(_rank(motion, energy))
    return [
        Figure.at_least(f"brightness with energy, Spearman, mean of {len(maps)} songs", float(np.nanmean(bright)), 0.7),
        Figure.at_least(f"motion with energy, Spearman, mean of {len(maps)} songs", float(np.nanmean(moving)), 0.5),
        *_sliders(maps),
    ]


def _run_through(script: Script) -> tuple[list[float], list[float], list[float]]:
    """Brightness, motion and energy of each shot: the mean over its frames."""
    light, motion, energy = [], [], []
    for number in range(len(script.plan.shots)):
        request = script.request(number, "9:16", scale=_SCALE)
        renderer = SceneRenderer(request)
        values, changes = [], []
        for frame in range(2, renderer.frame_count - 1, _EVERY):
            first = renderer.draw(frame).astype(np.float64)[..., :3] @ _WEIGHTS
            after = renderer.draw(frame + 1).astype(np.float64)[..., :3] @ _WEIGHTS
            values.append(first.mean())
            changes.append(np.abs(after - first).mean())
        light.append(float(np.mean(values)))
        motion.append(float(np.mean(changes)))
        energy.append(float(np.mean(request.song.energy)))
    return light, motion, energy


def _sliders(maps: Sequence[tuple[Path, SongMap]]) -> list[Figure]:
    """Each slider is moved through its range on one frame of a shot, and what it should move is measured in the picture."""
    readings: dict[str, tuple[Place, Weather, Callable[[Pixels], float]]] = {
        "energy": (Place.CITY, Weather.CLEAR, _brightness),
        "bass_resonance": (Place.SHORE, Weather.CLEAR, _unevenness),
        "harmonic_complexity": (Place.CITY, Weather.CLEAR, _hues),
        "instrument_density": (Place.SKY, Weather.CLEAR, _edges),
        "vocal_presence": (Place.CITY, Weather.CLEAR, _middle_light),
        "emotional_tension": (Place.CITY, Weather.CLEAR, _redness),
    }
    figures = []
    for name, (place, weather, read) in readings.items():
        ranks = []
        for song, song_map in maps:
            script = _script(song, song_map, CONCEPT)
            request = _staged(script.request(len(script.plan.shots) // 2, "9:16", scale=0.3), place, weather)
            ranks.append(_rank([read(_steered(request, name, position)) for position in _POSITIONS], list(_POSITIONS)))
        figures.append(Figure.at_least(f"slider {name} with its picture, Spearman", float(np.nanmean(ranks)), 0.8))
    return figures


def _staged(request: SceneRequest, place: Place, weather: Weather) -> SceneRequest:
    staging = request.shot.staging.model_copy(update={"place": place, "weather": weather, "pose": Pose.STAND})
    shot = request.shot.model_copy(update={"staging": staging, "size": ShotSize.WIDE})
    return request.model_copy(update={"shot": shot})


def _steered(request: SceneRequest, name: str, position: float) -> Pixels:
    count = request.shot.frame_count
    song = request.song.model_copy(update={"sliders": {name: (float(position),) * count}})
    return SceneRenderer(request.model_copy(update={"song": song})).draw(count // 2).copy()


def measure_colours(maps: Sequence[tuple[Path, SongMap]], count: int) -> list[Figure]:
    """The largest CIEDE2000 of a locked colour over all shots and aspects of `count` videos."""
    worst = 0.0
    for number in range(count):
        song, song_map = maps[number % len(maps)]
        script = _script(song, song_map, CONCEPTS[number % len(CONCEPTS)], seed=number)
        for shot in range(len(script.plan.shots)):
            for aspect in script.plan.aspects:
                worst = max([worst, *locked_distances(script.request(shot, aspect)).values()])
    return [Figure.at_most(f"locked colours, largest CIEDE2000 of {count} videos", worst, 3.0)]


def measure_flashes(maps: Sequence[tuple[Path, SongMap]], folder: Path, count: int) -> list[Figure]:
    """Films of random plans, drawn small, through the flash meter; and made cases with known flashes through it."""
    unsafe = 0
    for number in range(count):
        song, song_map = maps[number % len(maps)]
        concept = CONCEPTS[number % len(CONCEPTS)]
        script = _script(song, _at_tempo(song_map, 180.0) if "180 bpm" in concept else song_map, concept, seed=number)
        path = folder / f"flash-{number}.mp4"
        _draw_film(script, path)
        unsafe += not measure(path).is_safe
    right = sum(_meter_is_right(folder, hertz, share, red) for hertz, share, red in MADE_CASES)
    return [
        Figure.at_most(f"videos over 3 flashes a second, of {count}", unsafe, 0),
        Figure.all_of("meter right in made cases", right, len(MADE_CASES)),
    ]


# Flashes a second, share of the picture that flashes, saturated red.
MADE_CASES = (
    (0.0, 1.0, False), (1.0, 1.0, False), (2.0, 1.0, False), (3.0, 1.0, False), (4.0, 1.0, False), (6.0, 1.0, False),
    (12.0, 1.0, False), (6.0, 0.5, False), (6.0, 0.01, False), (2.0, 1.0, True), (6.0, 1.0, True), (6.0, 0.005, True),
)  # fmt: skip


def _meter_is_right(folder: Path, hertz: float, share: float, red: bool) -> bool:
    path = folder / f"meter-{hertz}-{share}-{red}.mp4"
    write_flashing(path, hertz=hertz, share=share, is_red=red)
    return measure(path).is_safe == (hertz <= 3 or share < 0.02)


def write_flashing(
    path: Path, *, hertz: float, share: float, is_red: bool, size: int = 192, seconds: float = 2.5
) -> None:
    """A video in which the middle, `share` of the picture, goes on and off `hertz` times a second."""
    side = round(size * share**0.5)
    first = (size - side) // 2
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options=dict(ENCODINGS["h264"].options))
        stream.width, stream.height, stream.pix_fmt = size, size, "yuv420p"
        for number in range(round(24 * seconds)):
            pixels = np.full((size, size, 3), 30, np.uint8)
            if hertz and (number / 24 * hertz) % 1.0 < 0.5:
                pixels[first : first + side, first : first + side] = (230, 0, 0) if is_red else (220, 220, 220)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def _draw_film(script: Script, path: Path) -> None:
    """All shots drawn small into one file, in this process."""
    width, height = scaled("9:16", _SCALE)
    with SceneEncoder(path, width=width, height=height, fps=24, seed=0) as encoder:
        for number in range(len(script.plan.shots)):
            renderer = SceneRenderer(script.request(number, "9:16", scale=_SCALE))
            for frame in range(renderer.frame_count):
                encoder.write(renderer.draw(frame), fade=renderer.fade(frame), bloom=renderer.bloom(frame))


def _script(song: Path, song_map: SongMap, concept: str, *, seed: int = 0) -> Script:
    aspects: tuple[Aspect, ...] = ("9:16", "1:1", "16:9")
    treatment = read_concept(concept, song_map, seed=seed)
    plan = direct(song_map, treatment, aspects=aspects, seed=seed)
    return Script(song=song, song_map=song_map, treatment=treatment, plan=plan)


def _at_tempo(song_map: SongMap, bpm: float) -> SongMap:
    """The map with beats of another tempo and onsets at full strength on each."""
    beats = tuple(np.arange(0, song_map.duration_s, 60 / bpm).round(4))
    onset = Random(int(bpm)).choices((0.0, 1.0), k=len(song_map.frames.onset))
    frames = song_map.frames.model_copy(update={"onset": tuple(onset), "high": tuple(onset), "low": tuple(onset)})
    return song_map.model_copy(update={"beats_s": beats, "tempo_bpm": bpm, "frames": frames})


def _rank(one: Sequence[float], other: Sequence[float]) -> float:
    return float(spearmanr(one, other).statistic)


def _light(pixels: Pixels) -> NDArray[np.float64]:
    light: NDArray[np.float64] = pixels[..., :3].astype(np.float64) @ _WEIGHTS
    return light


def _brightness(pixels: Pixels) -> float:
    return float(_light(pixels).mean())


def _unevenness(pixels: Pixels) -> float:
    """How far the mirrored sky is shifted from row to row: the mean change across columns in the lower part."""
    lower = _light(pixels)[int(len(pixels) * 0.70) : int(len(pixels) * 0.86)]
    return float(np.abs(np.diff(lower, axis=0)).mean())


def _hues(pixels: Pixels) -> float:
    """Effective number of hues: the exponential of the entropy of the hues in 24 bins, each pixel weighted by its chroma."""
    colours = pixels[..., :3].reshape(-1, 3).astype(np.float64)
    chroma = colours.max(axis=1) - colours.min(axis=1)
    angle = np.arctan2(np.sqrt(3) * (colours[:, 1] - colours[:, 2]), 2 * colours[:, 0] - colours[:, 1] - colours[:, 2])
    weights, _ = np.histogram(angle, bins=24, range=(-np.pi, np.pi), weights=np.maximum(chroma - 20, 0))
    shares = weights[weights > 0] / (weights.sum() + 1e-9)
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _edges(pixels: Pixels) -> float:
    """Detail in the sky: birds, balloons, far lights."""
    upper = _light(pixels)[: int(len(pixels) * 0.6)]
    return float(np.abs(np.diff(upper, axis=1)).mean())


def _middle_light(pixels: Pixels) -> float:
    height, width = pixels.shape[:2]
    return float(_light(pixels)[int(height * 0.55) : int(height * 0.75), int(width * 0.3) : int(width * 0.7)].mean())


def _redness(pixels: Pixels) -> float:
    upper = pixels[: int(len(pixels) * 0.6), :, :3].astype(np.float64)
    return float((upper[..., 0] / (upper.sum(axis=2) + 1)).mean())

"""Making figures: speed, memory, length, samples, cuts in the finished file, and equal bytes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from benchmarks.video.films import Film, Script, children_cpu_s, shoot
from benchmarks.video.goals import Figure
from resonance_video.models import ASPECT_SIZES
from resonance_video.scenes.procedural.provider import ProceduralScenes

_SMALL = 0.25
_CORES = 2


def measure_making(script: Script, folder: Path, *, scale: float) -> list[Figure]:
    """Whole videos in three aspects: real-time factor, first scene, length, samples, cuts."""
    figures: list[Figure] = []
    for aspect, (width, height) in ASPECT_SIZES.items():
        film = asyncio.run(shoot(script, aspect, folder / aspect.replace(":", "x"), scale=scale))
        size = f"{round(width * scale)}x{round(height * scale)}"
        figures.append(
            Figure.at_least(f"whole video at {size}, times real time", film.video.duration_s / film.whole_s, 1.2)
        )
        by_cpu = film.video.duration_s / (film.cpu_s / _CORES)
        figures.append(Figure.at_least(f"the same on two free cores, by CPU seconds at {size}", by_cpu, 1.2))
        if aspect == "9:16":
            figures.append(Figure.at_most("first scene after the plan, s", film.first_scene_s, 8.0))
            figures += _exactness(film)
    return figures


def measure_first(script: Script, folder: Path) -> list[Figure]:
    """The shortest scene of each aspect, which the service makes first, alone: seconds of a free core, which its child uses one of.

    The wall clock of `measure_making` is that of the machine as it is loaded; CPU seconds say what the scene itself needs.
    """
    shots = script.plan.shots
    shortest = min(range(len(shots)), key=lambda number: shots[number].frame_count)
    figures = []
    for aspect, (width, height) in ASPECT_SIZES.items():
        target = folder / aspect.replace(":", "x")
        target.mkdir()
        before = children_cpu_s()
        asyncio.run(ProceduralScenes().make(script.request(shortest, aspect), (), target))
        used = children_cpu_s() - before
        picture_s = shots[shortest].frame_count / script.plan.fps
        figures.append(Figure.at_most(f"first scene after the plan on a free core at {width}x{height}, s", used, 8.0))
        name = f"scenes alone at {width}x{height}, times real time on two free cores"
        figures.append(Figure.at_least(name, _CORES * picture_s / used, 1.2))
    return figures


def measure_memory(script: Script, folder: Path) -> list[Figure]:
    """Peak resident memory of one renderer child at 720x1280, in MB."""
    order = {
        "request": script.request(0, "9:16").model_dump(mode="json"),
        "video": str(folder / "memory.mp4"),
        "still": str(folder / "memory.png"),
        "codec": "h264",
    }
    (folder / "order.json").write_text(json.dumps(order))
    code = (
        "import resource, runpy, sys; sys.argv = ['x', sys.argv[1]];"
        "runpy.run_module('resonance_video.scenes.procedural', run_name='__main__');"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    command = [sys.executable, "-c", code, str(folder / "order.json")]
    # A child in a session of its own, with an open standard input: it kills its group when that ends.
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        assert child.stdout is not None
        peak = int(child.stdout.read().strip().splitlines()[-1])
    return [Figure.at_most("peak memory of a scene process, MB", peak / 1000, 700)]


def measure_bytes(script: Script, folder: Path, count: int) -> list[Figure]:
    """The same request rendered `count` times, half of them two at a time."""
    digests = set()
    for number in range(count):
        target = folder / f"bytes-{number}"
        at_once = 1 if number < count // 2 else 2
        digests.add(_digest(asyncio.run(_twice(script, target, at_once))))
    return [
        Figure.all_of(
            "renderings of one request with the same bytes",
            count if len(digests) == 1 else count - len(digests) + 1,
            count,
        )
    ]


async def _twice(script: Script, folder: Path, at_once: int) -> Path:
    for number in range(at_once):
        (folder / str(number)).mkdir(parents=True, exist_ok=True)
    request = script.request(1, "9:16", scale=_SMALL)
    made = await asyncio.gather(
        *(ProceduralScenes().make(request, (), folder / str(number)) for number in range(at_once))
    )
    return made[0].video


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _exactness(film: Film) -> list[Figure]:
    song_s = _sound_length(film.script.song)
    with av.open(str(film.video.master)) as container:
        ends = [
            float(stream.duration * stream.time_base) for stream in (*container.streams.video, *container.streams.audio)
        ]
    apart_ms = max(abs(end - float(song_s)) for end in ends) * 1000
    equal = np.array_equal(_samples(film.video.master), _samples(film.script.song))
    right = _cuts_in_place(film)
    return [
        Figure.at_most("ends of both tracks from the song's end, ms", apart_ms, 1.0),
        Figure.all_of("decoded samples equal in the master", int(equal), 1),
        Figure.all_of("cuts on the planned frame in the file", right, len(film.script.plan.shots)),
    ]


def _cuts_in_place(film: Film) -> int:
    """Shots whose first picture in the film is the first picture of their scene, at the planned time."""
    starts = {shot.start_frame: film.scenes[shot.id].video for shot in film.script.plan.shots}
    right = 0
    with av.open(str(film.video.master)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in starts and abs(float(frame.time) - number / film.script.plan.fps) < 1e-4:
                with av.open(str(starts[number])) as scene:
                    first = next(scene.decode(video=0))
                    right += bool(np.array_equal(first.to_ndarray(), frame.to_ndarray()))
    return right


def _samples(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])


def _sound_length(path: Path) -> Fraction:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return Fraction(sum(frame.samples for frame in container.decode(audio=0)), stream.rate)

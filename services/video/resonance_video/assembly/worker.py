"""Assembly child: `python -m resonance_video.assembly.worker REQUEST` joins one film and measures its flashes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import av
from av.stream import Disposition

from resonance.audio import confinement
from resonance.errors import InvalidInput, ResonanceError
from resonance_video.assembly.described import write_described_sound
from resonance_video.assembly.flashes import FlashReport, measure
from resonance_video.assembly.joining import SoundTrack, join
from resonance_video.fitting import SceneSpec, is_alike, normalise
from resonance_video.sound import sound_duration

_DESCRIBED_SOUND = "described.wav"


def main() -> None:
    """Writes the films into the request's folder, each under its name; the last line is the answer."""
    os.nice(5)  # generation comes before assembly
    confinement.leave_network()
    confinement.die_with_parent()
    av.logging.set_level(av.logging.PANIC)
    order = json.loads(Path(sys.argv[1]).read_text())
    try:
        answer = _assemble(order)
    except ResonanceError as failure:
        answer = {"reason": failure.reason, "message": failure.message}
    except av.FFmpegError as failure:
        answer = {"reason": "CANNOT_JOIN", "message": f"the film could not be joined: {failure}"}
    print(json.dumps(answer), flush=True)


def _assemble(order: dict[str, Any]) -> dict[str, Any]:
    folder, song = Path(order["folder"]), Path(order["song"])
    duration_s, _ = sound_duration(song)
    fps, frames = order["fps"], order["frames"]
    if not frames - 1 < duration_s * fps <= frames:
        message = f"the plan has {frames} frames, the song {float(duration_s * fps):.2f}: the plan is another song's"
        raise InvalidInput(message, reason="OTHER_SONG")
    scenes, notices = _prepare(order, folder)
    if order["spoken"]:
        write_described_sound(song, order["spoken"], folder / _DESCRIBED_SOUND)
    _join_all(scenes, song, folder, order, duration_s)
    report = measure(folder / order["names"]["master"])
    calmed: set[int] = set()
    while not report.is_safe:
        near = _scenes_near(order, report.at_s) - calmed
        if not near:
            raise InvalidInput(_flash_message(report), reason="FLASHES")
        for number in near:
            scenes[number] = _calm(order, folder, number)
        calmed |= near
        notices += [f"{order['scenes'][number]['id']} flashed and was calmed" for number in sorted(near)]
        _join_all(scenes, song, folder, order, duration_s)
        report = measure(folder / order["names"]["master"])
    return {
        "duration_s": float(duration_s),
        "flashes": [report.flashes_max, report.red_flashes_max, report.at_s],
        "notices": notices,
    }


def _prepare(order: dict[str, Any], folder: Path) -> tuple[list[Path], list[str]]:
    """The scenes ready to be joined, and notices about those that were fitted."""
    ready: list[Path] = []
    notices: list[str] = []
    for number, scene in enumerate(order["scenes"]):
        path = Path(scene["path"])
        if is_alike(path, _spec(order, number)) and not scene["is_foreign"]:
            ready.append(path)
            continue
        target = folder / f"scene-{number:04d}.mp4"
        normalise(path, target, _spec(order, number))
        ready.append(target)
        notices.append(f"{scene['id']} was fitted to the film's size, rate and length")
    return ready, notices


def _calm(order: dict[str, Any], folder: Path, number: int) -> Path:
    target = folder / f"calm-{number:04d}.mp4"
    normalise(Path(order["scenes"][number]["path"]), target, _spec(order, number), calm=True)
    return target


def _scenes_near(order: dict[str, Any], at_s: float) -> set[int]:
    """The scenes that are seen in the second from `at_s`."""
    first, last = at_s * order["fps"], (at_s + 1) * order["fps"]
    near, frame = set(), 0
    for number, scene in enumerate(order["scenes"]):
        if frame < last and frame + scene["frame_count"] > first:
            near.add(number)
        frame += scene["frame_count"]
    return near


def _spec(order: dict[str, Any], number: int) -> SceneSpec:
    count = order["scenes"][number]["frame_count"]
    return SceneSpec(
        width=order["width"], height=order["height"], fps=order["fps"], frame_count=count, codec=order["codec"]
    )


def _join_all(scenes: list[Path], song: Path, folder: Path, order: dict[str, Any], duration_s: Any) -> None:
    for name, file_name in order["names"].items():
        tracks = _tracks(name, song, folder, is_pcm=file_name.endswith(".mov"))
        join(scenes, tracks, folder / file_name, fps=order["fps"], duration_s=duration_s, tags=order["tags"])


def _tracks(name: str, song: Path, folder: Path, *, is_pcm: bool) -> list[SoundTrack]:
    """The sound tracks of a film. The described track is the first one: browsers play no other."""
    if name == "described":
        described = Disposition.default | Disposition.visual_impaired | Disposition.descriptions
        return [
            SoundTrack(source=folder / _DESCRIBED_SOUND, form="aac", title="Described", disposition=described),
            SoundTrack(source=song, form="aac", title="Song", disposition=Disposition.original),
        ]
    if name == "share":
        return [SoundTrack(source=song, form="aac")]
    return [SoundTrack(source=song, form="pcm" if is_pcm else "flac")]


def _flash_message(report: FlashReport) -> str:
    most = max(report.flashes_max, report.red_flashes_max)
    return f"the film flashes {most:.1f} times in the second from {report.at_s:.1f} s; at most 3 are safe"


if __name__ == "__main__":
    main()

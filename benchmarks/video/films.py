"""Films of the bench: songs made into whole videos through the product's own steps."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from resonance_video.assembly import AssembledVideo, assemble
from resonance_video.directing import direct, require_faultless, scene_request
from resonance_video.listening import listen
from resonance_video.models import ASPECT_SIZES, Aspect, KnownMusic, SceneRequest, ShotPlan, SongMap, Treatment
from resonance_video.scenes.procedural.provider import ProceduralScenes
from resonance_video.scenes.provider import SceneFile
from resonance_video.treatment import read_concept


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A song with its map, treatment and plan."""

    song: Path
    song_map: SongMap
    treatment: Treatment
    plan: ShotPlan

    def request(self, number: int, aspect: Aspect, *, scale: float = 1.0) -> SceneRequest:
        """The request for the scene of a shot, at a share of the full size."""
        width, height = scaled(aspect, scale)
        shot = self.plan.shots[number]
        return scene_request(self.plan, shot, self.song_map, self.treatment, aspect=aspect, width=width, height=height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A finished film with the time it took; `cpu_s` is that of all its child processes."""

    script: Script
    aspect: Aspect
    video: AssembledVideo
    scenes: dict[str, SceneFile]
    scenes_s: float
    first_scene_s: float
    assembly_s: float
    whole_s: float
    cpu_s: float


def scaled(aspect: Aspect, scale: float) -> tuple[int, int]:
    """Width and height at a share of the full size, even."""
    width, height = ASPECT_SIZES[aspect]
    return round(width * scale / 2) * 2, round(height * scale / 2) * 2


async def write_script(
    song: Path, concept: str, *, known: KnownMusic | None = None, aspects: Sequence[Aspect] = ("9:16",), seed: int = 0
) -> Script:
    """Listens, reads the concept and directs."""
    song_map = await listen(song, known)
    treatment = read_concept(concept, song_map, seed=seed)
    plan = direct(song_map, treatment, aspects=aspects, seed=seed)
    require_faultless(plan, song_map, treatment)
    return Script(song=song, song_map=song_map, treatment=treatment, plan=plan)


def children_cpu_s() -> float:
    """CPU seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def made_folder(folder: Path) -> Path:
    """The folder, made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def shoot(script: Script, aspect: Aspect, folder: Path, *, scale: float = 1.0, at_once: int = 2) -> Film:
    """Makes all scenes, `at_once` at a time, and assembles them in `folder`."""
    await asyncio.to_thread(made_folder, folder)
    provider, slots = ProceduralScenes(), asyncio.Semaphore(at_once)
    began, first, cpu_s = time.perf_counter(), 0.0, children_cpu_s()

    async def make(number: int) -> SceneFile:
        nonlocal first
        async with slots:
            scene = await provider.make(script.request(number, aspect, scale=scale), (), folder)
            first = first or time.perf_counter() - began
            return scene

    shots = script.plan.shots
    shortest = min(range(len(shots)), key=lambda number: shots[number].frame_count)
    order = sorted(range(len(shots)), key=lambda number: number != shortest)  # as the service does
    by_number = dict(zip(order, await asyncio.gather(*(make(number) for number in order)), strict=True))
    made = [by_number[number] for number in range(len(shots))]
    shot_s = time.perf_counter() - began
    files = {shot.id: scene.video for shot, scene in zip(script.plan.shots, made, strict=True)}
    video = await assemble(
        script.plan,
        files,
        script.song,
        aspect,
        folder,
        manifest={"title": script.plan.visual_summary[:100], "providers": ["embedded"]},
        size=scaled(aspect, scale),
    )
    whole_s = time.perf_counter() - began
    scenes = {shot.id: scene for shot, scene in zip(script.plan.shots, made, strict=True)}
    return Film(
        script=script,
        aspect=aspect,
        video=video,
        scenes=scenes,
        scenes_s=shot_s,
        first_scene_s=first,
        assembly_s=whole_s - shot_s,
        whole_s=whole_s,
        cpu_s=children_cpu_s() - cpu_s,
    )

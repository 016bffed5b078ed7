"""Scene requests: a shot with the part of the song, the style and the characters that its scene is made from."""

from __future__ import annotations

import numpy as np

from resonance_video.models import Aspect, SceneRequest, Shot, ShotPlan, SongFrames, SongMap, SongSlice, Treatment

# The energy of a section is reached within this time, so that lights come on and do not jump.
_ENERGY_S = 1.0
# Beats before and after the shot, so that a step can be drawn that began earlier.
_AROUND_S = 2.0


def scene_request(
    plan: ShotPlan,
    shot: Shot,
    song_map: SongMap,
    treatment: Treatment,
    *,
    aspect: Aspect,
    instruction: str = "",
    seed: int = 0,
    width: int | None = None,
    height: int | None = None,
) -> SceneRequest:
    """The request for the scene of one shot in one aspect. `seed` is another one for each new version of a scene."""
    return SceneRequest(
        shot=shot,
        aspect=aspect,
        fps=plan.fps,
        style=treatment.style,
        characters=tuple(character for character in treatment.characters if character.id in shot.character_ids),
        song=song_slice(song_map, shot.start_frame, shot.end_frame, plan.fps),
        arc_start=round(min(shot.start_frame / plan.frames, 1.0), 6),
        arc_end=round(min(shot.end_frame / plan.frames, 1.0), 6),
        instruction=instruction,
        seed=seed,
        video_seed=treatment.seed,
        width=width,
        height=height,
    )


def song_slice(song_map: SongMap, start_frame: int, end_frame: int, fps: int) -> SongSlice:
    """The song under frames `start_frame` to before `end_frame`."""
    count = end_frame - start_frame
    first_s, last_s = start_frame / fps - _AROUND_S, end_frame / fps + _AROUND_S

    def places(times: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(round(at_s * fps - start_frame, 3) for at_s in times if first_s <= at_s <= last_s)

    def cut(values: tuple[float, ...]) -> tuple[float, ...]:
        part = values[start_frame:end_frame]
        return part + (part[-1] if part else 0.0,) * (count - len(part))

    frames = song_map.frames
    signals = {name: cut(getattr(frames, name)) for name in SongFrames.model_fields}
    return SongSlice(
        frames=SongFrames(**signals),
        energy=_energy(song_map, start_frame, count, fps),
        beats=places(song_map.beats_s),
        downbeats=places(song_map.downbeats_s),
        tempo_bpm=song_map.tempo_bpm,
        sliders={name: cut(values) for name, values in sorted(song_map.sliders.items())},
    )


def _energy(song_map: SongMap, start_frame: int, count: int, fps: int) -> tuple[float, ...]:
    """The sections' energy per frame, mixed with the level, with soft steps between sections."""
    times = (np.arange(count) + start_frame) / fps
    edges, values = [], []
    for section in song_map.sections:
        rise = min(_ENERGY_S, (section.end_s - section.start_s) / 2)
        edges += [section.start_s + rise / 2, section.end_s - rise / 2]
        values += [section.energy, section.energy]
    steady = np.interp(times, edges, values)
    return tuple(round(float(value), 3) for value in np.clip(steady, 0, 1))

"""Places of the cuts: the cheapest path over cue points, by dynamic programming."""

from __future__ import annotations

from dataclasses import dataclass

from resonance_video.models import SHOT_S_MAX, SHOT_S_MIN, SongMap

# Lengths in seconds that shots strive for in a quiet and in a loud section.
QUIET_S, LOUD_S = 6.0, 2.8
_FREE_EVERY_S = 0.5
_FREE_COST = 4.0
_CROSSED_COST = 6.0
_CUE_GAIN = 0.8
FREE_REASON = "length"


@dataclass(frozen=True, slots=True, kw_only=True)
class CutPoint:
    """A frame at which a shot may begin, how well it is justified (0 to 1), and why."""

    frame: int
    weight: float
    why: str


def find_cuts(song_map: SongMap, *, fps: int, frames: int) -> list[CutPoint]:
    """The first frame of each shot, beginning with 0. All shots have lengths from SHOT_S_MIN to SHOT_S_MAX."""
    points = _candidates(song_map, fps=fps, frames=frames)
    shortest, longest = frames_min(fps), frames_max(fps)
    costs = [0.0] + [float("inf")] * (len(points) - 1)
    before = [0] * len(points)
    borders = [round(section.start_s * fps) for section in song_map.sections[1:]]
    for end in range(1, len(points)):
        for start in range(end - 1, -1, -1):
            length = points[end].frame - points[start].frame
            if length > longest:
                break
            if length < shortest or costs[start] == float("inf"):
                continue
            cost = costs[start] + _cost(points[start], points[end], song_map, borders, fps)
            if cost < costs[end]:
                costs[end], before[end] = cost, start
    return _path(points, before)


def frames_min(fps: int) -> int:
    """The fewest frames of a shot."""
    return -int(-SHOT_S_MIN * fps // 1)


def frames_max(fps: int, shot_s_max: float = SHOT_S_MAX) -> int:
    """The most frames of a shot."""
    return int(shot_s_max * fps)


def _candidates(song_map: SongMap, *, fps: int, frames: int) -> list[CutPoint]:
    """Cue points, and free places between them that are dear, so that there is always a path; start and end are in."""
    best: dict[int, CutPoint] = {}
    free = round(_FREE_EVERY_S * fps)
    for frame in range(free, frames, free):
        best[frame] = CutPoint(frame=frame, weight=-1.0, why=FREE_REASON)
    for cue in song_map.cue_points:
        frame = round(cue.at_s * fps)
        if 0 < frame < frames and (frame not in best or best[frame].weight < cue.weight):
            best[frame] = CutPoint(frame=frame, weight=cue.weight, why=cue.why)
    best[0] = CutPoint(frame=0, weight=1.0, why="start")
    best[frames] = CutPoint(frame=frames, weight=1.0, why="end")
    return [best[frame] for frame in sorted(best)]


def _cost(start: CutPoint, end: CutPoint, song_map: SongMap, borders: list[int], fps: int) -> float:
    length_s = (end.frame - start.frame) / fps
    section = song_map.section_at((start.frame + end.frame) / 2 / fps)
    wanted_s = QUIET_S + (LOUD_S - QUIET_S) * section.energy
    misfit = (length_s / wanted_s - 1) ** 2 if length_s > wanted_s else (wanted_s / length_s - 1) ** 2
    crossed = sum(start.frame < border < end.frame for border in borders)
    justified = _FREE_COST if end.weight < 0 else -_CUE_GAIN * end.weight
    return misfit + _CROSSED_COST * crossed + justified


def _path(points: list[CutPoint], before: list[int]) -> list[CutPoint]:
    at, path = len(points) - 1, []
    while at:
        at = before[at]
        path.append(points[at])
    return path[::-1]

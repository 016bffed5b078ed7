"""Renderer of one scene: world, figure and weather, frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import skia
from numpy.typing import NDArray

from resonance_video.encoding import VideoCodec
from resonance_video.models import Cut, SceneRequest, ShotSize
from resonance_video.scenes.procedural.actor import Actor
from resonance_video.scenes.procedural.camera import Camera
from resonance_video.scenes.procedural.drive import Drive, read_drive
from resonance_video.scenes.procedural.encoder import SceneEncoder
from resonance_video.scenes.procedural.hours import look_at
from resonance_video.scenes.procedural.weather import Particles
from resonance_video.scenes.procedural.worlds import WORLDS, Frame

Progress = Callable[[float], None]
Pixels = NDArray[np.uint8]
_EASE_FRAMES = 4
_BLACK_S = 0.6
_TILT_DEGREES = 2.4
_PROGRESS_EVERY = 6


class SceneRenderer:
    """Draws the frames of a scene. Everything random comes from the request's seeds."""

    def __init__(self, request: SceneRequest) -> None:
        shot, staging = request.shot, request.shot.staging
        self._request, self._shot = request, shot
        self._width, self._height = request.size
        self._drive: Drive = read_drive(request)
        self._world = WORLDS[staging.place](request.style, staging.weather, request.video_seed)
        self._particles = Particles(staging.weather, staging.seed + request.seed)
        self._actor = Actor(request.characters[0], staging, shot.size, request) if request.characters else None
        direction = 1.0 if (staging.seed + request.seed) % 2 else -1.0
        mean_pace = float(np.mean(self._drive.pace))
        self._camera = Camera(
            width=self._width,
            height=self._height,
            size=shot.size if self._actor is not None else ShotSize.WIDE,
            move=shot.move,
            direction=direction,
            reach=mean_pace * min(1.0, shot.frame_count / request.fps / 3.0),
        )
        self.pixels: Pixels = np.zeros((self._height, self._width, 4), np.uint8)
        self._surface = skia.Surface(self.pixels)
        self._canvas = self._surface.getCanvas()

    @property
    def frame_count(self) -> int:
        """Frames of the scene."""
        return self._shot.frame_count

    def draw(self, number: int) -> Pixels:
        """The picture of a frame, before it is finished; it is overwritten by the next."""
        frame = self._frame(number)
        canvas = self._canvas
        self._world.draw_back(canvas, frame)
        if not self._world.is_indoors:
            self._particles.draw_behind(canvas, frame)
        if self._actor is not None:
            self._actor.draw(canvas, frame, self._drive, number, self._world)
        self._world.draw_front(canvas, frame)
        if not self._world.is_indoors:
            self._particles.draw_before(canvas, frame)
        return self.pixels

    def fade(self, number: int) -> float:
        """Brightness of a frame for the way into the shot and out of it."""
        fps, cut = self._request.fps, self._shot.transition
        left = self._shot.frame_count - number
        if cut is Cut.FROM_BLACK:
            return _eased(number / (_BLACK_S * fps))
        if cut is Cut.TO_BLACK:
            return _eased((left - 1) / (_BLACK_S * 1.5 * fps))
        if cut is Cut.EASE and number < _EASE_FRAMES:
            return 0.55 + 0.45 * number / _EASE_FRAMES
        return 1.0

    def bloom(self, number: int) -> float:
        """Strength of the picture's glow."""
        return 0.35 + 0.65 * float(self._drive.bloom[number])

    def _frame(self, number: int) -> Frame:
        request, drive = self._request, self._drive
        share = number / max(self.frame_count - 1, 1)
        tension = float(drive.tension[number])
        look = look_at(
            request.style,
            self._shot.staging.hour,
            request.arc_start + (request.arc_end - request.arc_start) * share,
            tension=tension,
        )
        seconds = number / request.fps
        walked = self._actor.way(drive, number) if self._actor is not None and self._world.scrolls else 0.0
        return Frame(
            look=look,
            view=self._camera.view(share, tilt=_TILT_DEGREES * max(tension, 0.0)),
            pixels=self.pixels,
            seconds=seconds + request.arc_start * 60,
            way=walked + request.arc_start * 40,
            lights=float(drive.lights[number]),
            bloom=float(drive.bloom[number]),
            ripple=float(drive.ripple[number]),
            sparkle=float(drive.sparkle[number]),
            splash=float(drive.splash[number]),
            hues=float(drive.hues[number]),
            crowd=float(drive.crowd[number]),
            tension=tension,
            beat=float(drive.beat[number]),
            bar=sum(1 for downbeat in request.song.downbeats if downbeat <= number),
        )


def render_scene(
    request: SceneRequest,
    video: Path,
    still: Path,
    progress: Progress | None = None,
    *,
    codec: VideoCodec = "h264",
) -> None:
    """Renders a scene into `video` (MP4) and a picture of it into `still` (PNG)."""
    renderer = SceneRenderer(request)
    width, height = request.size
    chosen = _still_frame(renderer.frame_count)
    seed = request.shot.staging.seed
    with SceneEncoder(video, width=width, height=height, fps=request.fps, seed=seed, codec=codec) as encoder:
        for number in range(renderer.frame_count):
            pixels = renderer.draw(number)
            encoder.write(pixels, fade=renderer.fade(number), bloom=renderer.bloom(number))
            if number == chosen:
                skia.Image.fromarray(pixels, copy=True).save(str(still), skia.EncodedImageFormat.kPNG)
            if progress is not None and number % _PROGRESS_EVERY == 0:
                progress((number + 1) / renderer.frame_count)


def _still_frame(count: int) -> int:
    return min(count - 1, round(0.55 * count))


def _eased(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)

"""Actor: the figure of a scene in its pose, with its place, its light and its shadow."""

from __future__ import annotations

import math

import skia

from resonance_video.colours import Rgb, mixed
from resonance_video.models import CharacterReference, Instrument, Pose, SceneRequest, ShotSize, Staging
from resonance_video.scenes.procedural.camera import View
from resonance_video.scenes.procedural.drive import Drive
from resonance_video.scenes.procedural.figure.drawing import Cloth, FigurePainter
from resonance_video.scenes.procedural.figure.skeleton import Moment, Skeleton, Turn, pose_skeleton, stride_per_cycle
from resonance_video.scenes.procedural.figure.wardrobe import Wardrobe
from resonance_video.scenes.procedural.hours import Look
from resonance_video.scenes.procedural.pens import Canvas, colour4, fill, glow, gradient
from resonance_video.scenes.procedural.worlds import Frame, World

_BLACK: Rgb = (0.0, 0.0, 0.0)
_BACKS = (Pose.LOOK_UP, Pose.STAND, Pose.OPEN_ARMS)


class Actor:
    """Draws the first character of a scene."""

    def __init__(self, character: CharacterReference, staging: Staging, size: ShotSize, request: SceneRequest) -> None:
        self.wardrobe = Wardrobe.of(character)
        self._painter = FigurePainter(self.wardrobe)
        self._pose = staging.pose
        self._instrument = staging.instrument if staging.pose is Pose.PLAY else None
        self._count, self._fps = request.shot.frame_count, request.fps
        self._energy = request.song.energy
        self._turn = self._choose_turn(size, staging.seed + request.seed)
        self._faces_left = bool((staging.seed // 7 + request.seed) % 2) and self._turn is Turn.SIDE
        self._start = request.arc_start * 60

    def dress(self, wardrobe: Wardrobe) -> None:
        """Puts other colours on."""
        self.wardrobe, self._painter = wardrobe, FigurePainter(wardrobe)

    def way(self, drive: Drive, number: int) -> float:
        """Metres that the figure has walked, to the right; it stays in the picture and the world moves."""
        if self._pose is not Pose.WALK:
            return 0.0
        metres = float(drive.step[number]) * stride_per_cycle() * self.wardrobe.height
        return -metres if self._faces_left else metres

    def draw(self, canvas: Canvas, frame: Frame, drive: Drive, number: int, world: World) -> None:
        """The figure with shadow and light, in the layer at depth 1."""
        view, height = frame.view, self.wardrobe.height
        body = self.skeleton(drive, number)
        cloth = Cloth(
            wind=self._wind(frame),
            seconds=frame.seconds,
            step=float(drive.step[number]) if self._pose is Pose.WALK else 0.0,
        )
        with view.layer(canvas, 1.0):
            shadow = skia.Rect.MakeLTRB(-0.42, -0.035, 0.42, 0.05)
            canvas.drawOval(shadow, fill(_BLACK, 0.34))
        voice = float(drive.voice[number])
        if voice > 0.05:
            with view.layer(canvas, 1.0):
                glow(canvas, (0.0, -height * 0.75), height * 0.9, mixed(frame.look.key, (1, 1, 1), 0.3), 0.30 * voice)
        picture = self._picture(body, cloth)
        bounds = self._bounds(view)
        self._draw_lit(canvas, picture, view, frame.look, bounds, world)

    def skeleton(self, drive: Drive, number: int) -> Skeleton:
        """The joints at a frame."""
        moment = Moment(
            step=float(drive.step[number]),
            sway=float(drive.sway[number]),
            beat=float(drive.beat[number]),
            energy=float(self._energy[number]),
            seconds=number / self._fps + self._start,
            share=number / max(self._count - 1, 1),
        )
        return pose_skeleton(self._pose, moment, self._instrument, self._turn)

    def draw_flat(self, canvas: Canvas, drive: Drive, number: int) -> None:
        """The figure in its own colours without any light, in figure units: for the check of locked colours."""
        cloth = Cloth(wind=0.2, seconds=number / self._fps, step=float(drive.step[number]))
        self._painter.draw(canvas, self.skeleton(drive, number), cloth, self._instrument)

    def _picture(self, body: Skeleton, cloth: Cloth) -> skia.Picture:
        recorder = skia.PictureRecorder()
        canvas = recorder.beginRecording(skia.Rect.MakeLTRB(-2, -2, 2, 1))
        self._painter.draw(canvas, body, cloth, self._instrument)
        return recorder.finishRecordingAsPicture()

    def _draw_lit(
        self, canvas: Canvas, picture: skia.Picture, view: View, look: Look, bounds: skia.Rect, world: World
    ) -> None:
        """The figure tinted by the hour, shaded on one side, with a rim in the light's colour on the other."""
        rim = 0.011 if view.scale < 330 else 0.008
        side = -1.0 if self._faces_left else 1.0
        height = self.wardrobe.height
        with view.layer(canvas, 1.0):
            canvas.scale(height * side, height)
            edge = mixed(look.key, world.accent, 0.55 * (1 - look.day))
            paint = skia.Paint()
            paint.setColorFilter(skia.ColorFilters.Blend(colour4(edge, 0.9).toColor(), skia.BlendMode.kSrcIn))
            canvas.saveLayer(bounds, paint)
            canvas.translate(rim, -rim * 0.45)
            canvas.drawPicture(picture)
            canvas.restore()
            canvas.saveLayer(bounds, skia.Paint(ColorFilter=_tint(look)))
            canvas.drawPicture(picture)
            self._shade(canvas, look, bounds)
            canvas.restore()

    def _shade(self, canvas: Canvas, look: Look, bounds: skia.Rect) -> None:
        """Darkness that rises from the ground."""
        deep = 0.62 - 0.3 * look.day
        dark = gradient((0, -0.62), (0, 0.05), [(look.dark, 0.0), (look.dark, deep)])
        dark.setBlendMode(skia.BlendMode.kSrcATop)
        canvas.drawRect(skia.Rect.MakeLTRB(bounds.left(), -0.62, bounds.right(), bounds.bottom()), dark)

    def _bounds(self, view: View) -> skia.Rect:
        right = 0.75 if self._instrument is Instrument.PIANO else 0.55
        return skia.Rect.MakeLTRB(-0.6, min(-1.16, -1.16), right, 0.06)

    def _choose_turn(self, size: ShotSize, seed: int) -> Turn:
        if self._pose in (Pose.WALK, Pose.SIT):
            return Turn.SIDE
        if self._pose in _BACKS:
            if size is ShotSize.CLOSE:
                return Turn.SIDE if self._pose is Pose.LOOK_UP else Turn.FRONT
            return (
                Turn.BACK
                if size is ShotSize.WIDE or seed % 3
                else Turn.SIDE
                if self._pose is not Pose.OPEN_ARMS
                else Turn.FRONT
            )
        return Turn.SIDE if self._instrument is Instrument.PIANO else Turn.FRONT

    def _wind(self, frame: Frame) -> float:
        """Wind from -1 to 1: a breath of air, more with tension and in a walk."""
        breeze = 0.25 + 0.15 * math.sin(frame.seconds * 0.7)
        return min(breeze + 0.6 * max(frame.tension, 0.0) + (0.2 if self._pose is Pose.WALK else 0.0), 1.0)


def _tint(look: Look) -> skia.ColorFilter:
    """The hour's light on what is lit."""
    red, green, blue = (min(part, 1.0) for part in mixed(look.ambient, (1.0, 1.0, 1.0), 0.25))
    return skia.ColorFilters.Matrix([red, 0, 0, 0, 0, 0, green, 0, 0, 0, 0, 0, blue, 0, 0, 0, 0, 0, 1, 0])

"""Portrait of a character: its reference picture, from the front and in profile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import skia

from resonance_video.colours import mixed, to_rgb
from resonance_video.models import CharacterReference, Pose, Style
from resonance_video.scenes.procedural.figure.drawing import Cloth, FigurePainter
from resonance_video.scenes.procedural.figure.skeleton import Moment, Turn, pose_skeleton
from resonance_video.scenes.procedural.figure.wardrobe import Wardrobe
from resonance_video.scenes.procedural.pens import strip

_WIDTH, _HEIGHT = 640, 640
_AT = (0.27, 0.73)


def draw_portrait(character: CharacterReference, look: Style, path: Path) -> None:
    """Writes the portrait as PNG: the figure in its own colours, without light, on a plain ground."""
    pixels = np.zeros((_HEIGHT, _WIDTH, 4), np.uint8)
    ground = mixed(to_rgb(look.palette[0].hex), (1.0, 1.0, 1.0), 0.55)
    strip(pixels, 0, _HEIGHT, [(0, mixed(ground, (1.0, 1.0, 1.0), 0.3)), (_HEIGHT, ground)])
    canvas = skia.Surface(pixels).getCanvas()
    moment = Moment(step=0.0, sway=0.0, beat=0.0, energy=0.3, seconds=0.0, share=1.0)
    painter = FigurePainter(Wardrobe.of(character))
    for share, turn, pose in zip(_AT, (Turn.FRONT, Turn.SIDE), (Pose.STAND, Pose.WALK), strict=True):
        canvas.save()
        canvas.translate(share * _WIDTH, _HEIGHT * 0.93)
        canvas.scale(_HEIGHT * 0.82, _HEIGHT * 0.82)
        painter.draw(canvas, pose_skeleton(pose, moment, None, turn), Cloth(wind=0.2, seconds=0.0, step=0.0), None)
        canvas.restore()
    skia.Image.fromarray(pixels, copy=True).save(str(path), skia.EncodedImageFormat.kPNG)

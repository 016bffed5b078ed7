"""Instruments and seats that belong to a pose: guitar, violin, piano, bench."""

from __future__ import annotations

import math

import skia

from resonance_video.colours import Rgb
from resonance_video.scenes.procedural.figure.skeleton import Skeleton
from resonance_video.scenes.procedural.pens import Canvas, Point, fill, polygon, smooth, stroke

_WOOD: Rgb = (0.66, 0.36, 0.16)
_WOOD_DARK: Rgb = (0.30, 0.15, 0.08)
_LACQUER: Rgb = (0.07, 0.065, 0.085)
_IVORY: Rgb = (0.93, 0.90, 0.84)
_STEEL: Rgb = (0.75, 0.75, 0.78)


def draw_guitar(canvas: Canvas, body: Skeleton) -> None:
    """An acoustic guitar before the hips, its neck towards the fretting hand."""
    x, y = body.shoulder[0] - 0.02, body.shoulder[1] + 0.235
    fret = body.near_arm.end
    canvas.save()
    canvas.translate(x, y)
    canvas.rotate(math.degrees(math.atan2(fret[1] - y, fret[0] - x)))
    canvas.drawPath(polygon([(0.06, -0.012), (0.36, -0.009), (0.36, 0.009), (0.06, 0.012)]), fill(_WOOD_DARK))
    canvas.drawPath(polygon([(0.355, -0.016), (0.41, -0.018), (0.41, 0.018), (0.355, 0.016)]), fill(_WOOD_DARK))
    shape = [
        (-0.13, 0.0),
        (-0.115, -0.07),
        (-0.05, -0.082),
        (0.015, -0.052),
        (0.06, -0.062),
        (0.10, -0.03),
        (0.105, 0.0),
        (0.10, 0.03),
        (0.06, 0.062),
        (0.015, 0.052),
        (-0.05, 0.082),
        (-0.115, 0.07),
    ]
    canvas.drawPath(smooth(shape), fill(_WOOD))
    canvas.drawPath(smooth(shape), stroke(_WOOD_DARK, 0.007))
    canvas.drawCircle(0.022, 0, 0.027, fill(_WOOD_DARK))
    canvas.drawRect(skia.Rect.MakeLTRB(-0.078, -0.026, -0.066, 0.026), fill(_WOOD_DARK))
    for string in (-0.006, 0.0, 0.006):
        canvas.drawLine(-0.07, string, 0.36, string, stroke(_STEEL, 0.0016, 0.8))
    canvas.restore()


def draw_violin(canvas: Canvas, body: Skeleton) -> None:
    """A violin under the chin and its bow in the other hand."""
    x, y = body.shoulder[0] + 0.03, body.shoulder[1] - 0.035
    hand, bow_hand = body.near_arm.end, body.far_arm.end
    canvas.save()
    canvas.translate(x, y)
    canvas.rotate(math.degrees(math.atan2(hand[1] - y, hand[0] - x)))
    canvas.drawPath(polygon([(0.10, -0.006), (0.225, -0.005), (0.225, 0.006), (0.10, 0.007)]), fill(_WOOD_DARK))
    shape = [
        (-0.01, 0.0),
        (0.0, -0.034),
        (0.035, -0.036),
        (0.056, -0.021),
        (0.08, -0.03),
        (0.108, -0.02),
        (0.112, 0.0),
        (0.108, 0.02),
        (0.08, 0.03),
        (0.056, 0.021),
        (0.035, 0.036),
        (0.0, 0.034),
    ]
    canvas.drawPath(smooth(shape), fill((0.58, 0.24, 0.10)))
    canvas.drawPath(smooth(shape), stroke(_WOOD_DARK, 0.005))
    canvas.restore()
    tip = (x + 0.13, y - 0.075)
    _bow(canvas, bow_hand, tip)


def draw_piano(canvas: Canvas) -> None:
    """An upright piano with its stool, to the right of the figure; it looks at the keys."""
    stool = [(-0.12, -0.265), (0.07, -0.265), (0.07, -0.235), (-0.12, -0.235)]
    canvas.drawPath(polygon(stool), fill(_LACQUER))
    for leg in (-0.10, 0.05):
        canvas.drawLine(leg, -0.24, leg * 1.15, 0.0, stroke(_LACQUER, 0.018))
    body = [(0.36, -0.74), (0.60, -0.74), (0.60, 0.0), (0.42, 0.0), (0.42, -0.36), (0.36, -0.42)]
    canvas.drawPath(polygon(body), fill(_LACQUER))
    canvas.drawPath(
        polygon([(0.34, -0.765), (0.615, -0.765), (0.615, -0.735), (0.34, -0.735)]), fill((0.14, 0.13, 0.16))
    )
    canvas.drawPath(polygon([(0.20, -0.405), (0.44, -0.405), (0.44, -0.355), (0.22, -0.355)]), fill((0.12, 0.11, 0.14)))
    canvas.drawPath(polygon([(0.205, -0.416), (0.37, -0.416), (0.37, -0.403), (0.205, -0.403)]), fill(_IVORY))
    canvas.drawPath(polygon([(0.335, -0.60), (0.36, -0.62), (0.365, -0.44), (0.345, -0.44)]), fill(_IVORY, 0.9))
    canvas.drawLine(0.245, -0.355, 0.245, 0.0, stroke(_LACQUER, 0.022))
    canvas.drawLine(0.37, -0.70, 0.37, -0.46, stroke((0.28, 0.26, 0.32), 0.006))


def draw_bench(canvas: Canvas, hip: Point) -> None:
    """A plain bench below the hips."""
    top = hip[1] + 0.05
    canvas.drawPath(
        polygon([(hip[0] - 0.28, top), (hip[0] + 0.15, top), (hip[0] + 0.15, top + 0.03), (hip[0] - 0.28, top + 0.03)]),
        fill(_WOOD_DARK),
    )
    for leg in (-0.24, 0.10):
        canvas.drawLine(hip[0] + leg, top + 0.02, hip[0] + leg, 0.0, stroke(_WOOD_DARK, 0.02))


def _bow(canvas: Canvas, hand: Point, tip: Point) -> None:
    dx, dy = tip[0] - hand[0], tip[1] - hand[1]
    length = math.hypot(dx, dy) or 1.0
    end = (hand[0] + dx / length * 0.36, hand[1] + dy / length * 0.36)
    canvas.drawLine(*hand, *end, stroke(_WOOD_DARK, 0.006))
    canvas.drawLine(hand[0] - dy / length * 0.01, hand[1] + dx / length * 0.01, *end, stroke(_IVORY, 0.0025))

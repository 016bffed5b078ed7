"""Head of a figure: hair, face in profile or from the front, hat."""

from __future__ import annotations

import skia

from resonance_video.colours import Rgb, mixed
from resonance_video.scenes.procedural.figure.skeleton import Skeleton, Turn
from resonance_video.scenes.procedural.figure.wardrobe import Wardrobe
from resonance_video.scenes.procedural.pens import Canvas, fill, smooth, stroke

_BLACK: Rgb = (0.0, 0.0, 0.0)
_RX, _RY = 0.054, 0.068
_LONG = ("long", "curly")


def draw_hair_behind(canvas: Canvas, body: Skeleton, wear: Wardrobe, wind: float) -> None:
    """Long hair that falls behind the neck, and a bun."""
    x, y = body.head
    dark = mixed(wear.hair, _BLACK, 0.15)
    if wear.hair_length in _LONG:
        if body.turn is Turn.SIDE:
            blow = 0.05 * abs(wind)
            points = [
                (x + 0.01, y - 0.075),
                (x - 0.055, y - 0.05),
                (x - 0.075 - blow * 0.3, y + 0.05),
                (x - 0.10 - blow, y + 0.165),
                (x - 0.045 - blow, y + 0.175),
                (x - 0.01, y + 0.06),
            ]
        else:
            points = [
                (x, y - 0.08),
                (x - 0.066, y - 0.03),
                (x - 0.078, y + 0.07),
                (x - 0.066 + 0.03 * wind, y + 0.16),
                (x + 0.066 + 0.03 * wind, y + 0.16),
                (x + 0.078, y + 0.07),
                (x + 0.066, y - 0.03),
            ]
        canvas.drawPath(smooth(points), fill(dark))
    elif wear.hair_length == "bun" and body.turn is Turn.SIDE:
        canvas.drawCircle(x - 0.062, y - 0.042, 0.03, fill(wear.hair))
    elif wear.hair_length == "bun":
        canvas.drawCircle(x, y - 0.085, 0.03, fill(wear.hair))


def draw_head(canvas: Canvas, body: Skeleton, wear: Wardrobe, wind: float) -> None:
    """Neck, head, face and hat, turned by the nod."""
    x, y = body.head
    neck_x, neck_y = body.shoulder
    if body.turn is not Turn.BACK:
        canvas.drawLine(neck_x + 0.004, neck_y - 0.02, x, y + 0.03, stroke(mixed(wear.skin, _BLACK, 0.18), 0.044))
    canvas.save()
    canvas.translate(x, y)
    if body.turn is Turn.SIDE:
        canvas.rotate(body.nod)
        _profile(canvas, wear)
    elif body.turn is Turn.FRONT:
        canvas.translate(0, body.nod * 0.0006)
        canvas.rotate(body.nod * 0.35)
        _face(canvas, wear, body.nod)
    else:
        canvas.translate(0, -body.nod * 0.0004)
        _behind(canvas, wear, wind)
    canvas.restore()


def _profile(canvas: Canvas, wear: Wardrobe) -> None:
    face = [
        (0.0, -0.066),
        (0.036, -0.054),
        (0.049, -0.022),
        (0.053, -0.008),
        (0.064, 0.010),
        (0.052, 0.018),
        (0.053, 0.030),
        (0.047, 0.036),
        (0.048, 0.048),
        (0.034, 0.064),
        (0.005, 0.060),
        (-0.035, 0.040),
        (-0.052, 0.0),
        (-0.044, -0.045),
    ]
    canvas.drawPath(smooth(face, tension=0.75), fill(wear.skin))
    canvas.drawOval(skia.Rect.MakeLTRB(0.030, -0.017, 0.0385, -0.001), fill((0.08, 0.06, 0.08)))
    canvas.drawLine(0.024, -0.030, 0.043, -0.029, stroke(mixed(wear.hair, _BLACK, 0.2), 0.0055))
    canvas.drawLine(0.036, 0.038, 0.048, 0.0365, stroke(mixed(wear.skin, (0.55, 0.1, 0.1), 0.55), 0.0045))
    canvas.drawPath(
        smooth([(0.052, 0.018), (0.03, 0.055), (0.0, 0.058), (0.01, 0.045)]), fill(mixed(wear.skin, _BLACK, 0.2), 0.35)
    )
    if wear.hair_length != "bald":
        hair = [
            (0.046, -0.046),
            (0.022, -0.079),
            (-0.024, -0.083),
            (-0.062, -0.052),
            (-0.070, -0.004),
            (-0.056, 0.044),
            (-0.032, 0.052),
            (-0.020, 0.018),
            (-0.006, -0.008),
            (0.004, -0.028),
            (0.026, -0.036),
        ]
        if wear.hair_length == "chin":
            hair[5:7] = [(-0.068, 0.062), (-0.022, 0.064)]
        canvas.drawPath(smooth(hair, tension=0.8), fill(wear.hair))
    else:
        canvas.drawCircle(-0.008, 0.006, 0.011, fill(mixed(wear.skin, _BLACK, 0.15)))
    if wear.hat is not None:
        _hat(canvas, wear.hat, brim=0.085)


def _face(canvas: Canvas, wear: Wardrobe, nod: float) -> None:
    oval = [
        (0.0, -_RY),
        (0.040, -0.048),
        (_RX, -0.005),
        (0.044, 0.038),
        (0.016, 0.066),
        (-0.016, 0.066),
        (-0.044, 0.038),
        (-_RX, -0.005),
        (-0.040, -0.048),
    ]
    canvas.drawPath(smooth(oval, tension=0.85), fill(wear.skin))
    down = 0.0005 * nod
    for side in (-1, 1):
        eye = side * 0.021
        canvas.drawOval(
            skia.Rect.MakeLTRB(eye - 0.0058, -0.012 + down, eye + 0.0058, 0.003 + down), fill((0.08, 0.06, 0.08))
        )
        canvas.drawLine(
            eye - 0.011, -0.024 + down, eye + 0.011, -0.026 + down, stroke(mixed(wear.hair, _BLACK, 0.2), 0.005)
        )
        canvas.drawOval(
            skia.Rect.MakeLTRB(eye + side * 0.006 - 0.01, 0.014, eye + side * 0.006 + 0.01, 0.026),
            fill((0.9, 0.35, 0.35), 0.14),
        )
    canvas.drawPath(
        smooth([(0.001, -0.004 + down), (0.007, 0.016 + down), (-0.001, 0.018 + down)], is_closed=False),
        stroke(mixed(wear.skin, _BLACK, 0.25), 0.004),
    )
    canvas.drawPath(
        smooth([(-0.014, 0.036 + down), (0.0, 0.040 + down), (0.014, 0.036 + down)], is_closed=False),
        stroke(mixed(wear.skin, (0.6, 0.1, 0.12), 0.55), 0.0052),
    )
    if wear.hair_length != "bald":
        fringe = [
            (-0.058, 0.012),
            (-0.066, -0.03),
            (-0.042, -0.078),
            (0.0, -0.088),
            (0.042, -0.078),
            (0.066, -0.03),
            (0.058, 0.012),
            (0.049, -0.024),
            (0.022, -0.046),
            (-0.012, -0.040),
            (-0.038, -0.034),
            (-0.050, -0.018),
        ]
        if wear.hair_length == "chin":
            fringe[0], fringe[6] = (-0.060, 0.055), (0.060, 0.055)
        canvas.drawPath(smooth(fringe, tension=0.8), fill(wear.hair))
    if wear.hat is not None:
        _hat(canvas, wear.hat, brim=0.068)


def _behind(canvas: Canvas, wear: Wardrobe, wind: float) -> None:
    colour = wear.skin if wear.hair_length == "bald" else wear.hair
    points = [
        (0.0, -0.084),
        (0.045, -0.066),
        (0.064, -0.02),
        (0.056, 0.035),
        (0.028, 0.062),
        (-0.028, 0.062),
        (-0.056, 0.035),
        (-0.064, -0.02),
        (-0.045, -0.066),
    ]
    if wear.hair_length in _LONG:
        points[3:6] = [(0.074, 0.06), (0.058 + 0.03 * wind, 0.165), (-0.058 + 0.03 * wind, 0.165), (-0.074, 0.06)]
        del points[7]
    canvas.drawPath(smooth(points, tension=0.85), fill(colour))
    if wear.hair_length == "bun":
        canvas.drawCircle(0, -0.078, 0.032, fill(colour))
    if wear.hair_length != "bald":
        light = mixed(wear.hair, (1.0, 1.0, 1.0), 0.10)
        canvas.drawPath(
            smooth([(-0.03, -0.066), (-0.045, -0.02), (-0.036, 0.03)], is_closed=False), stroke(light, 0.006, 0.7)
        )
    if wear.hat is not None:
        _hat(canvas, wear.hat, brim=0.068)


def _hat(canvas: Canvas, colour: Rgb, *, brim: float) -> None:
    canvas.drawPath(
        smooth([(-0.062, -0.030), (-0.058, -0.085), (0.0, -0.108), (0.058, -0.085), (0.062, -0.030)], tension=0.7),
        fill(colour),
    )
    canvas.drawLine(-0.07, -0.033, brim, -0.036, stroke(mixed(colour, _BLACK, 0.25), 0.012))

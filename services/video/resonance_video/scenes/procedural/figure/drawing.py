"""Drawing of a figure: limbs, coat, hair, scarf and face, in flat colours with one shade."""

from __future__ import annotations

import math
from dataclasses import dataclass

import skia

from resonance_video.colours import Rgb, mixed
from resonance_video.models import Instrument
from resonance_video.scenes.procedural.figure import head, instruments
from resonance_video.scenes.procedural.figure.skeleton import Limb, Skeleton, Turn
from resonance_video.scenes.procedural.figure.wardrobe import Wardrobe
from resonance_video.scenes.procedural.pens import Canvas, Point, fill, polygon, smooth, stroke

_BLACK: Rgb = (0.0, 0.0, 0.0)
_FAR_SHADE = 0.32
_LEG_WIDTHS, _ARM_WIDTHS = (0.085, 0.06), (0.066, 0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloth:
    """Movement of the cloth: wind from -1 to 1, seconds, and the phase of the gait in cycles."""

    wind: float
    seconds: float
    step: float


class FigurePainter:
    """Draws one figure in its own units: one unit is its height, feet at y = 0, it looks to the right."""

    def __init__(self, wardrobe: Wardrobe) -> None:
        self._wear = wardrobe

    def draw(self, canvas: Canvas, body: Skeleton, cloth: Cloth, instrument: Instrument | None) -> None:
        """The whole figure, from the far side to the near side."""
        wear = self._wear
        if instrument is Instrument.PIANO:
            instruments.draw_piano(canvas)
        if body.is_seated and instrument is not Instrument.PIANO:
            instruments.draw_bench(canvas, body.hip)
        if body.turn is Turn.BACK:
            self._limbs_behind(canvas, body)
            self._coat(canvas, body, cloth)
            if wear.scarf is not None:
                self._scarf_wrap(canvas, body)
                self._scarf_tail(canvas, body, cloth)
            head.draw_head(canvas, body, wear, cloth.wind * 0.5 + 0.2 * math.sin(cloth.seconds * 2))
            return
        if wear.scarf is not None and body.turn is Turn.SIDE:
            self._scarf_tail(canvas, body, cloth)
        head.draw_hair_behind(canvas, body, wear, cloth.wind)
        self._limbs_behind(canvas, body)
        self._coat(canvas, body, cloth)
        head.draw_head(canvas, body, wear, cloth.wind)
        if wear.scarf is not None:
            self._scarf_wrap(canvas, body)
            if body.turn is Turn.FRONT:
                self._scarf_end(canvas, body, cloth)
        if instrument is Instrument.GUITAR:
            instruments.draw_guitar(canvas, body)
        self._arm(canvas, body.near_arm, shade=0.0)
        if body.turn is Turn.FRONT:
            self._arm(canvas, body.far_arm, shade=0.0)
        if instrument is Instrument.VIOLIN:
            instruments.draw_violin(canvas, body)

    def _limbs_behind(self, canvas: Canvas, body: Skeleton) -> None:
        if body.turn is Turn.SIDE:
            self._arm(canvas, body.far_arm, shade=_FAR_SHADE)
        elif body.turn is Turn.BACK:
            self._arm(canvas, body.far_arm, shade=0.08)
            self._arm(canvas, body.near_arm, shade=0.08)
        self._leg(canvas, body.far_leg, body.foot_angles[0], body.turn, -1, shade=_FAR_SHADE * (body.turn is Turn.SIDE))
        self._leg(canvas, body.near_leg, body.foot_angles[1], body.turn, 1, shade=0.0)

    def _leg(self, canvas: Canvas, leg: Limb, angle: float, turn: Turn, side: int, *, shade: float) -> None:
        trousers, shoes = mixed(self._wear.legs, _BLACK, shade), mixed(self._wear.shoes, _BLACK, shade)
        _limb(canvas, leg, _LEG_WIDTHS, trousers)
        canvas.save()
        canvas.translate(*leg.end)
        if turn is Turn.SIDE:
            canvas.rotate(angle)
            shoe = [(-0.028, -0.03), (0.026, -0.032), (0.05, 0.014), (0.074, 0.028), (0.072, 0.044), (-0.03, 0.044)]
        else:
            shoe = [
                (-0.03, -0.03),
                (0.03, -0.03),
                (0.036 + 0.008 * side, 0.03),
                (0.03 + 0.01 * side, 0.044),
                (-0.03 + 0.01 * side, 0.044),
                (-0.036 + 0.008 * side, 0.03),
            ]
        canvas.drawPath(smooth(shoe, tension=0.7), fill(shoes))
        canvas.restore()

    def _arm(self, canvas: Canvas, arm: Limb, *, shade: float) -> None:
        sleeve = mixed(self._wear.coat, _BLACK, shade)
        _limb(canvas, arm, _ARM_WIDTHS, sleeve)
        dx, dy = arm.end[0] - arm.middle[0], arm.end[1] - arm.middle[1]
        length = math.hypot(dx, dy) or 1.0
        hand = (arm.end[0] + dx / length * 0.018, arm.end[1] + dy / length * 0.018)
        canvas.drawCircle(*hand, 0.021, fill(mixed(self._wear.skin, _BLACK, shade)))
        canvas.drawLine(
            *arm.end, arm.end[0] - dx / length * 0.008, arm.end[1] - dy / length * 0.008, stroke(sleeve, 0.052)
        )

    def _coat(self, canvas: Canvas, body: Skeleton, cloth: Cloth) -> None:
        path = _coat_side(body, self._wear, cloth) if body.turn is Turn.SIDE else _coat_front(body, self._wear, cloth)
        canvas.drawPath(path, fill(self._wear.coat))
        canvas.save()
        canvas.clipPath(path, True)
        dark = mixed(self._wear.coat, _BLACK, 0.28)
        x, y = body.shoulder
        hem = -self._wear.hem
        if body.turn is Turn.SIDE:
            back = [
                (x - 0.2, y - 0.06),
                (x - 0.045, y - 0.03),
                (body.hip[0] - 0.03, body.hip[1]),
                (body.hip[0] - 0.075, hem + 0.02),
                (x - 0.4, hem + 0.04),
            ]
            canvas.drawPath(smooth(back), fill(dark, 0.75))
        else:
            canvas.drawPath(
                polygon(
                    [
                        (x + 0.05, y),
                        (body.hip[0] + 0.03, body.hip[1]),
                        (body.hip[0] + 0.05, hem + 0.03),
                        (x + 0.3, hem + 0.03),
                        (x + 0.3, y),
                    ]
                ),
                fill(dark, 0.6),
            )
            if body.turn is Turn.FRONT:
                canvas.drawPath(
                    smooth(
                        [(x, y + 0.02), (body.hip[0] + 0.004, body.hip[1]), (body.hip[0] + 0.012, hem + 0.02)],
                        is_closed=False,
                    ),
                    stroke(dark, 0.006),
                )
                for button in range(3):
                    canvas.drawCircle(
                        x + 0.016, y + 0.10 + 0.075 * button, 0.006, fill(mixed(self._wear.coat, (1, 1, 1), 0.35))
                    )
        canvas.drawLine(
            body.hip[0] - 0.2, body.hip[1] - 0.03, body.hip[0] + 0.2, body.hip[1] - 0.03, stroke(dark, 0.012, 0.8)
        )
        canvas.restore()
        if body.turn is Turn.FRONT:
            self._collar(canvas, body)

    def _collar(self, canvas: Canvas, body: Skeleton) -> None:
        x, y = body.shoulder
        light = mixed(self._wear.coat, (1.0, 1.0, 1.0), 0.10)
        for side in (-1, 1):
            lapel = [
                (x + side * 0.012, y - 0.035),
                (x + side * 0.06, y - 0.015),
                (x + side * 0.05, y + 0.035),
                (x + side * 0.004, y + 0.10),
            ]
            canvas.drawPath(polygon(lapel), fill(light))

    def _scarf_wrap(self, canvas: Canvas, body: Skeleton) -> None:
        assert self._wear.scarf is not None
        x, y = body.shoulder
        if body.turn is Turn.SIDE:
            x += 0.012
            wrap = [
                (x - 0.055, y - 0.05),
                (x + 0.035, y - 0.062),
                (x + 0.07, y - 0.03),
                (x + 0.045, y + 0.005),
                (x - 0.05, y + 0.002),
                (x - 0.068, y - 0.022),
            ]
        else:
            wrap = [
                (x - 0.06, y - 0.045),
                (x, y - 0.055),
                (x + 0.06, y - 0.045),
                (x + 0.072, y - 0.012),
                (x, y + 0.018),
                (x - 0.072, y - 0.012),
            ]
        canvas.drawPath(smooth(wrap), fill(self._wear.scarf))
        fold = mixed(self._wear.scarf, _BLACK, 0.22)
        canvas.drawPath(
            smooth([(wrap[5][0] + 0.008, y - 0.016), (x, y - 0.002), (wrap[3][0] - 0.012, y - 0.014)], is_closed=False),
            stroke(fold, 0.007, 0.8),
        )

    def _scarf_tail(self, canvas: Canvas, body: Skeleton, cloth: Cloth) -> None:
        """A ribbon behind the neck that the gait and the wind move."""
        assert self._wear.scarf is not None
        x, y = body.shoulder[0] - 0.03, body.shoulder[1] - 0.03
        wind = 0.35 + 0.65 * abs(cloth.wind)
        upper: list[Point] = []
        lower: list[Point] = []
        for index in range(8):
            share = index / 7
            wave = math.sin(2 * math.pi * (share * 1.1 - cloth.seconds * (0.7 + wind))) * 0.030 * share * (0.6 + wind)
            fall = 0.16 * share * share * (1.25 - wind)
            reach = (0.10 + 0.17 * wind) * share
            half = 0.020 + 0.016 * share
            lag = 0.012 * math.sin(4 * math.pi * cloth.step - 2 * share) * share
            upper.append((x - reach, y - half + wave + fall + lag))
            lower.append((x - reach + 0.012 * share, y + half + wave * 1.15 + fall + lag))
        canvas.drawPath(smooth([*upper, *reversed(lower)]), fill(self._wear.scarf))
        shade = mixed(self._wear.scarf, _BLACK, 0.25)
        canvas.drawPath(smooth([*lower[1:], *[(a, b - 0.012) for a, b in reversed(lower[1:])]]), fill(shade, 0.55))

    def _scarf_end(self, canvas: Canvas, body: Skeleton, cloth: Cloth) -> None:
        assert self._wear.scarf is not None
        x, y = body.shoulder[0] - 0.035, body.shoulder[1]
        sway = 0.012 * math.sin(cloth.seconds * 2.1) + 0.03 * cloth.wind
        end = [(x - 0.024, y - 0.005), (x + 0.024, y), (x + 0.026 + sway, y + 0.19), (x - 0.026 + sway, y + 0.185)]
        canvas.drawPath(smooth(end, tension=0.6), fill(self._wear.scarf))


def _limb(canvas: Canvas, limb: Limb, widths: tuple[float, float], colour: Rgb) -> None:
    """Two tapered bones with round joints."""
    for start, end, first, second in (
        (limb.root, limb.middle, widths[0], (widths[0] + widths[1]) / 2),
        (limb.middle, limb.end, (widths[0] + widths[1]) / 2, widths[1]),
    ):
        canvas.drawPath(_bone(start, end, first, second), fill(colour))
        canvas.drawCircle(*end, second / 2, fill(colour))
        canvas.drawCircle(*start, first / 2, fill(colour))


def _bone(start: Point, end: Point, first: float, second: float) -> skia.Path:
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy) or 1.0
    nx, ny = -dy / length / 2, dx / length / 2
    return polygon(
        [
            (start[0] + nx * first, start[1] + ny * first),
            (end[0] + nx * second, end[1] + ny * second),
            (end[0] - nx * second, end[1] - ny * second),
            (start[0] - nx * first, start[1] - ny * first),
        ]
    )


def _coat_side(body: Skeleton, wear: Wardrobe, cloth: Cloth) -> skia.Path:
    """A coat from the side: its hem follows the legs, its back the wind."""
    x, y = body.shoulder
    hip_x, hip_y = body.hip
    hem = -wear.hem
    if body.is_seated:
        knee = max(body.near_leg.middle[0], body.far_leg.middle[0])
        drop = min(hem, -0.22) if wear.hem < 0.3 else hip_y + 0.03
        points = [
            (x + 0.035, y - 0.045),
            (x + 0.078, y + 0.06),
            (hip_x + 0.085, hip_y - 0.06),
            (knee - 0.02, hip_y - 0.035),
            (knee + 0.02, hip_y + 0.03),
            (hip_x + 0.05, hip_y + 0.06),
            (hip_x - 0.06, drop),
            (hip_x - 0.12, drop + 0.005),
            (hip_x - 0.085, hip_y - 0.02),
            (x - 0.085, y + 0.06),
            (x - 0.045, y - 0.045),
        ]
        return smooth(points, tension=0.8)
    stretch = min(max((0.49 - wear.hem) / 0.33, 0.3), 1.0)
    front_leg = max(_x_at(body.near_leg, hem), _x_at(body.far_leg, hem))
    back_leg = min(_x_at(body.near_leg, hem), _x_at(body.far_leg, hem))
    flutter = 0.014 * math.sin(cloth.seconds * 5.1) * (0.3 + abs(cloth.wind))
    lag = 0.018 * math.sin(4 * math.pi * cloth.step - 1.1)
    front = max(hip_x + 0.075 * stretch + 0.02, front_leg + 0.048)
    back = (
        min(hip_x - 0.085 * stretch - 0.025, back_leg - 0.058) - 0.05 * abs(cloth.wind) * stretch + flutter - abs(lag)
    )
    lift = 0.012 * math.sin(4 * math.pi * cloth.step)
    points = [
        (x + 0.030, y - 0.05),
        (x + 0.070, y - 0.012),
        (x + 0.082, y + 0.09),
        (hip_x + 0.070, hip_y - 0.03),
        (front + 0.008, hem - 0.07),
        (front + 0.012, hem + lift),
        ((front + back) / 2, hem + 0.012),
        (back - 0.008, hem + 0.006 - lift),
        (back + 0.012, hem - 0.09),
        (hip_x - 0.078, hip_y - 0.02),
        (x - 0.086, y + 0.09),
        (x - 0.072, y - 0.012),
        (x - 0.036, y - 0.052),
    ]
    return smooth(points, tension=0.85)


def _coat_front(body: Skeleton, wear: Wardrobe, cloth: Cloth) -> skia.Path:
    x, y = body.shoulder
    hip_x, hip_y = body.hip
    hem = -wear.hem
    wide = 0.104 if wear.is_narrow else 0.118
    waist = 0.072 if wear.is_narrow else 0.088
    flare = 0.088 + 0.06 * min(max((0.49 - wear.hem) / 0.33, 0.2), 1.0)
    drift = 0.02 * cloth.wind + 0.008 * math.sin(cloth.seconds * 2.3)
    left, right = hip_x - flare + drift, hip_x + flare + drift
    points = [
        (x - 0.040, y - 0.050),
        (x - wide, y - 0.012),
        (x - wide - 0.012, y + 0.06),
        (hip_x - waist, hip_y - 0.09),
        (left, hem - 0.02),
        (left + 0.004, hem + 0.008),
        (hip_x + drift, hem + 0.016),
        (right - 0.004, hem + 0.008),
        (right, hem - 0.02),
        (hip_x + waist, hip_y - 0.09),
        (x + wide + 0.012, y + 0.06),
        (x + wide, y - 0.012),
        (x + 0.040, y - 0.050),
    ]
    return smooth(points, tension=0.8)


def _x_at(leg: Limb, y: float) -> float:
    """Where a leg is at a height."""
    for start, end in ((leg.root, leg.middle), (leg.middle, leg.end)):
        if min(start[1], end[1]) <= y <= max(start[1], end[1]) and start[1] != end[1]:
            return start[0] + (end[0] - start[0]) * (y - start[1]) / (end[1] - start[1])
    return leg.end[0]

"""Sky: a sea of clouds on which the figure stands, balloons, a large moon or sun, stars."""

from __future__ import annotations

import math
from random import Random

import skia

from resonance_video.colours import mixed
from resonance_video.scenes.procedural.pens import Canvas, Path, fill, glow, polygon, smooth, stroke
from resonance_video.scenes.procedural.worlds.world import Frame, World, repeats


class Sky(World):
    """Above the clouds."""

    def prepare(self, random: Random) -> None:
        """Banks of clouds from far to near, balloons, the ring of the great planet."""
        self._banks = [
            (0.10, 7.0, _bank(random, 7.0, 20, 0.34), -0.55),
            (0.24, 8.0, _bank(random, 8.0, 17, 0.46), -0.48),
            (0.46, 9.0, _bank(random, 9.0, 14, 0.58), -0.34),
            (0.80, 9.0, _bank(random, 9.0, 13, 0.62), -0.12),
        ]
        self._front = (1.25, 8.0, _bank(random, 8.0, 10, 0.72))
        self._balloons = [
            (random.uniform(-1, 1), random.uniform(0.12, 0.75), random.uniform(0.5, 1.2), index) for index in range(7)
        ]
        self._ring = random.uniform(-24, 24)

    def draw_back(self, canvas: Canvas, frame: Frame) -> None:
        """Sky, a great moon, balloons, clouds."""
        view, look = frame.view, frame.look
        self.draw_sky(canvas, frame)
        self._draw_planet(canvas, frame)
        self.draw_birds(canvas, frame)
        self._draw_balloons(canvas, frame)
        for number, (depth, period, path, base) in enumerate(self._banks):
            self._draw_bank(canvas, frame, depth, period, path, base, 0.55 - 0.16 * number)
        with view.layer(canvas, 1.0):
            half = view.half_width(1.0) + 1
            top = self._cloud_colour(frame, 0.0)
            bumps = []
            for index in range(31):
                x = -half + 2 * half * index / 30
                at = x + frame.way
                bumps.append((x, -0.02 + 0.035 * math.sin(at * 2.1) + 0.022 * math.sin(at * 5.3 + 1)))
            canvas.drawPath(smooth([*bumps, (half, 4.0), (-half, 4.0)], tension=0.8), fill(top))
            shade = mixed(top, look.sky_middle, 0.55)
            for depth in range(5):
                canvas.drawRect(skia.Rect.MakeLTRB(-half, 0.16 + 0.2 * depth, half, 4.0), fill(shade, 0.20))
            for shift in repeats(frame.way, 1.0, 2.7, half):
                glow(canvas, (shift, 0.02), 0.5, mixed(look.key, (1, 1, 1), 0.4), 0.16 + 0.20 * frame.bloom, flat=0.2)

    def draw_front(self, canvas: Canvas, frame: Frame) -> None:
        """Clouds near the camera, below the feet."""
        depth, period, path = self._front
        self._draw_bank(canvas, frame, depth, period, path, 0.98, -0.06)

    def _cloud_colour(self, frame: Frame, haze: float) -> tuple[float, float, float]:
        look = frame.look
        lit = mixed(mixed(look.sky_low, (1.0, 1.0, 1.0), 0.30), self.light, 0.10)
        dark = mixed(look.sky_middle, look.sky_low, 0.35)
        bright = mixed(dark, lit, 0.52 + 0.18 * frame.lights)
        return mixed(bright, look.haze, max(haze, 0.0))

    def _draw_bank(
        self, canvas: Canvas, frame: Frame, depth: float, period: float, path: Path, base: float, haze: float
    ) -> None:
        view, look = frame.view, frame.look
        top = self._cloud_colour(frame, haze)
        if haze < 0:
            top = mixed(top, look.dark, 0.35)
        drift = frame.way + frame.seconds * 0.12
        with view.layer(canvas, depth):
            canvas.translate(0, base + 0.02 * math.sin(frame.seconds * 0.6 + depth * 9) * (0.5 + frame.ripple))
            for shift in repeats(drift, depth, period, view.half_width(depth) + 1):
                canvas.save()
                canvas.translate(shift, 0)
                canvas.drawPath(path, fill(top))
                canvas.clipPath(path, True)
                canvas.translate(0.05, 0.13)
                canvas.drawPath(path, fill(mixed(top, mixed(look.sky_middle, look.haze, 0.4), 0.34)))
                canvas.restore()

    def _draw_planet(self, canvas: Canvas, frame: Frame) -> None:
        """A large pale disc with a ring, seen at night and in twilight."""
        view, look = frame.view, frame.look
        alpha = 0.20 + 0.6 * (1 - look.day)
        radius = min(view.width, view.height) * 0.20
        x, y = view.width * (0.5 + self._sun_x * 1.5), view.horizon_row(0.1) * 0.42
        pale = mixed(mixed(self.accent, (1, 1, 1), 0.55), look.sky_middle, 0.25)
        glow(canvas, (x, y), radius * 2.4, pale, 0.26 * alpha * (0.6 + 0.4 * frame.bloom))
        canvas.save()
        disc = skia.Path().addCircle(x, y, radius)
        canvas.clipPath(disc, True)
        canvas.drawPaint(fill(pale, alpha))
        for band in range(5):
            top = y - radius + band * radius * 0.42
            canvas.drawRect(
                skia.Rect.MakeLTRB(x - radius, top, x + radius, top + radius * 0.16),
                fill(mixed(pale, look.sky_middle, 0.4), 0.35 * alpha),
            )
        canvas.drawCircle(x - radius * 0.5, y + radius * 0.35, radius * 1.05, fill(look.sky_middle, 0.28 * alpha))
        canvas.restore()
        canvas.save()
        canvas.translate(x, y)
        canvas.rotate(self._ring)
        canvas.drawArc(
            skia.Rect.MakeLTRB(-radius * 1.7, -radius * 0.34, radius * 1.7, radius * 0.34),
            -12,
            204,
            False,
            stroke(mixed(self.light, (1, 1, 1), 0.4), radius * 0.05, 0.55 * alpha),
        )
        canvas.restore()

    def _draw_balloons(self, canvas: Canvas, frame: Frame) -> None:
        """Balloons: more of them where more plays, their flames with the energy."""
        view, look = frame.view, frame.look
        row = view.horizon_row(0.1)
        for x, y, size, index in self._balloons[: 2 + round(5 * frame.crowd)]:
            px = view.width * (0.5 + 0.56 * ((x + frame.seconds * 0.008 * size + 1.2) % 2.4 - 1.2))
            py = row * (0.16 + 0.62 * y) + math.sin(frame.seconds * 0.5 + index) * view.height * 0.006
            unit = view.height * 0.030 * size
            far = 0.55 - 0.35 * size / 1.2
            colour = mixed(self.lamp_colour(index, frame.hues), look.haze, far)
            on = (0.2 + 0.8 * look.lamps) * frame.lights
            glow(canvas, (px, py), unit * 2.6, mixed(colour, self.light, 0.5), 0.40 * on)
            skin = [
                (px, py - unit),
                (px + unit * 0.78, py - unit * 0.45),
                (px + unit * 0.72, py + unit * 0.2),
                (px + unit * 0.22, py + unit * 1.0),
                (px - unit * 0.22, py + unit * 1.0),
                (px - unit * 0.72, py + unit * 0.2),
                (px - unit * 0.78, py - unit * 0.45),
            ]
            envelope = smooth(skin, tension=0.8)
            canvas.drawPath(
                envelope, fill(mixed(mixed(colour, look.dark, 0.30 * (1 - look.day)), self.light, 0.30 * on))
            )
            canvas.save()
            canvas.clipPath(envelope, True)
            for stripe in (-0.42, 0.10):
                canvas.drawOval(
                    skia.Rect.MakeLTRB(
                        px + unit * stripe, py - unit * 1.1, px + unit * (stripe + 0.3), py + unit * 1.2
                    ),
                    fill(mixed(colour, (1, 1, 1), 0.45), 0.55),
                )
            canvas.restore()
            basket = skia.Rect.MakeLTRB(px - unit * 0.16, py + unit * 1.28, px + unit * 0.16, py + unit * 1.5)
            for side in (-1, 1):
                canvas.drawLine(
                    px + side * unit * 0.2,
                    py + unit,
                    px + side * unit * 0.14,
                    py + unit * 1.3,
                    stroke(look.dark, unit * 0.035),
                )
            canvas.drawRect(basket, fill(mixed(look.dark, look.haze, 0.2)))


def _bank(random: Random, period: float, count: int, size: float) -> Path:
    """A tile of rounded cloud tops above a solid body."""
    path = skia.Path()
    path.addPath(
        polygon(
            [(-period / 2 - 0.01, 0.0), (period / 2 + 0.01, 0.0), (period / 2 + 0.01, 5.0), (-period / 2 - 0.01, 5.0)]
        )
    )
    for index in range(count):
        x = -period / 2 + period * (index + random.uniform(0.2, 0.8)) / count
        radius = size * random.uniform(0.35, 0.75) * (0.75 + 0.25 * math.sin(index * 1.7))
        path.addCircle(x, radius * random.uniform(0.05, 0.4), radius)
    merged = skia.Simplify(path)
    return merged if merged is not None else path

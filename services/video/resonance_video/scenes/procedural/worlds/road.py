"""Road: mountains in ranges, fields, poles with wires, a road along which the figure goes."""

from __future__ import annotations

import math
from random import Random

import skia

from resonance_video.colours import Rgb, mixed
from resonance_video.models import Weather
from resonance_video.scenes.procedural.pens import Canvas, above_row, fill, glow, polygon, smooth, strip, stroke
from resonance_video.scenes.procedural.worlds.world import Frame, World, repeats

_GRASS: Rgb = (0.42, 0.40, 0.20)
_ASPHALT: Rgb = (0.16, 0.16, 0.19)
_SNOW: Rgb = (0.95, 0.96, 1.0)
# Where the poles begin, so that none stands behind a figure that stays.
_POLES_FROM = 1.9


class Road(World):
    """An open road under mountains."""

    def prepare(self, random: Random) -> None:
        """Ranges from far to near, houses, bushes."""
        self._peaks = [(_mountains(random, 8.0, 1.7, 2.9), 0.04), (_mountains(random, 8.0, 1.1, 2.0), 0.09)]
        self._hills = [
            (0.16, 12.0, _rolling(random, 12.0, 0.62), 0.46),
            (0.32, 13.0, _rolling(random, 13.0, 0.36), 0.24),
        ]
        self._houses = [(random.uniform(-5, 5), random.uniform(0.7, 1.2)) for _ in range(9)]
        self._bushes = [(random.uniform(-4, 4), random.uniform(0.12, 0.3)) for _ in range(13)]

    def draw_back(self, canvas: Canvas, frame: Frame) -> None:
        """Sky, mountains, hills, poles and road."""
        view, look = frame.view, frame.look
        with above_row(canvas, view.horizon_row(0.45)):
            self.draw_sky(canvas, frame)
            self.draw_birds(canvas, frame)
            for number, ((body, snow), depth) in enumerate(self._peaks):
                haze = 0.66 - 0.22 * number
                colour = mixed(mixed(look.dark, look.haze, haze), look.sky_middle, 0.25)
                with view.layer(canvas, depth):
                    canvas.drawPath(body, fill(colour))
                    canvas.drawPath(snow, fill(mixed(colour, mixed(_SNOW, look.key, 0.35), 0.30 + 0.35 * look.day)))
                glow(canvas, (view.width / 2, view.horizon_row(0.1)), view.width, look.haze, 0.12, flat=0.22)
            for depth, period, path, haze in self._hills:
                colour = mixed(mixed(mixed(look.dark, _GRASS, 0.2 + 0.35 * look.day), look.haze, haze), look.key, 0.05)
                with view.layer(canvas, depth):
                    for shift in repeats(frame.way, depth, period, view.half_width(depth) + 1):
                        canvas.save()
                        canvas.translate(shift, 0)
                        canvas.drawPath(path, fill(colour))
                        if depth < 0.2:
                            self._draw_houses(canvas, frame)
                        canvas.restore()
        self._draw_field(canvas, frame)
        self._draw_poles(canvas, frame)
        self._draw_road(canvas, frame)

    def draw_front(self, canvas: Canvas, frame: Frame) -> None:
        """Grass at the near side of the road."""
        view = frame.view
        dark = mixed(mixed(frame.look.dark, _GRASS, 0.15), (0.0, 0.0, 0.0), 0.35)
        with view.layer(canvas, 1.25):
            for shift in repeats(frame.way, 1.25, 4.2, view.half_width(1.25) + 1):
                for blade in range(34):
                    x = shift + (blade * 0.618 % 1) * 4.2 - 2.1
                    high = 0.10 + 0.22 * (blade * 0.37 % 1) ** 2
                    sway = 0.04 * math.sin(frame.seconds * 1.7 + blade) * (1 + 3 * abs(frame.tension))
                    canvas.drawLine(x, 1.25, x + sway + 0.05, 1.05 - high, stroke(dark, 0.02))
                canvas.drawRect(skia.Rect.MakeLTRB(shift - 2.2, 1.03, shift + 2.2, 3.0), fill(dark))

    def _draw_houses(self, canvas: Canvas, frame: Frame) -> None:
        """Farms far away: as many windows burn as the music has energy."""
        look = frame.look
        dark = mixed(look.dark, look.haze, 0.35)
        count = round(len(self._houses) * (0.35 + 0.65 * frame.crowd))
        for index, (x, size) in enumerate(self._houses[:count]):
            y, unit = -0.60, 0.09 * size
            canvas.drawPath(
                polygon(
                    [
                        (x - unit, y + unit),
                        (x - unit, y - unit * 0.6),
                        (x, y - unit * 1.4),
                        (x + unit, y - unit * 0.6),
                        (x + unit, y + unit),
                    ]
                ),
                fill(dark),
            )
            on = min(max(frame.lights * 1.8 - 0.18 * index, 0.0), 1.0) * look.lamps
            canvas.drawRect(
                skia.Rect.MakeLTRB(x - unit * 0.4, y - unit * 0.3, x + unit * 0.1, y + unit * 0.2),
                fill(mixed(dark, self.light, 0.1 + 0.9 * on)),
            )
            glow(canvas, (x, y), unit * 4, self.light, 0.55 * on)

    def _draw_field(self, canvas: Canvas, frame: Frame) -> None:
        view, look = frame.view, frame.look
        row = view.horizon_row(0.45)
        grass = mixed(mixed(look.ground, _GRASS, 0.45), look.key, 0.08)
        white = mixed(grass, _SNOW, 0.55) if self.weather is Weather.SNOW else grass
        strip(
            frame.pixels,
            int(row),
            view.height,
            [
                (row, mixed(white, look.haze, 0.45)),
                (row + 0.2 * (view.height - row), white),
                (view.height, mixed(white, look.dark, 0.5)),
            ],
        )
        with view.layer(canvas, 0.6):
            for shift in repeats(frame.way, 0.6, 8.0, view.half_width(0.6) + 1):
                for x, size in self._bushes:
                    canvas.drawOval(
                        skia.Rect.MakeLTRB(shift + x - size, -0.42 - size * 0.7, shift + x + size, -0.36),
                        fill(mixed(look.dark, white, 0.35)),
                    )

    def _draw_poles(self, canvas: Canvas, frame: Frame) -> None:
        view, look = frame.view, frame.look
        dark = mixed(look.dark, (0.0, 0.0, 0.0), 0.25)
        period = 3.4
        with view.layer(canvas, 0.72):
            for shift in repeats(frame.way + _POLES_FROM, 0.72, period, view.half_width(0.72) + 2):
                canvas.drawLine(shift, -0.2, shift, -3.1, stroke(dark, 0.06))
                canvas.drawLine(shift - 0.36, -2.85, shift + 0.36, -2.85, stroke(dark, 0.045))
                for wire, offset in enumerate((-0.33, 0.0, 0.33)):
                    sag = 0.34 + 0.03 * math.sin(frame.seconds * 1.3 + wire) * (1 + 2 * abs(frame.tension))
                    line = [
                        (shift + offset, -2.9),
                        (shift + offset + period / 2, -2.9 + sag),
                        (shift + offset + period, -2.9),
                    ]
                    canvas.drawPath(smooth(line, is_closed=False, tension=0.75), stroke(dark, 0.012))

    def _draw_road(self, canvas: Canvas, frame: Frame) -> None:
        view, look = frame.view, frame.look
        with view.layer(canvas, 1.0):
            half = view.half_width(1.0) + 1
            asphalt = mixed(mixed(_ASPHALT, look.ground, 0.35), look.key, 0.06 + 0.06 * look.day)
            canvas.drawRect(skia.Rect.MakeLTRB(-half, -0.20, half, 0.72), fill(asphalt))
            canvas.drawRect(skia.Rect.MakeLTRB(-half, -0.20, half, -0.165), fill(mixed(asphalt, (1, 1, 1), 0.4)))
            canvas.drawRect(skia.Rect.MakeLTRB(-half, 0.66, half, 0.72), fill(mixed(asphalt, (1, 1, 1), 0.25)))
            for shift in repeats(frame.way, 1.0, 1.9, half):
                dash = polygon([(shift - 0.5, 0.26), (shift + 0.5, 0.26), (shift + 0.53, 0.32), (shift - 0.47, 0.32)])
                canvas.drawPath(dash, fill(mixed(self.light, (1, 1, 1), 0.3), 0.75))
            for shift in repeats(frame.way, 1.0, 2.6, half):
                canvas.drawLine(shift, -0.19, shift, -0.48, stroke(mixed(look.dark, (1, 1, 1), 0.55), 0.04))
                glow(canvas, (shift, -0.43), 0.12, self.accent, 0.5 * look.lamps * frame.lights)
                canvas.drawLine(shift, -0.45, shift, -0.41, stroke(self.accent, 0.035, 0.8))
        self._draw_car(canvas, frame)

    def _draw_car(self, canvas: Canvas, frame: Frame) -> None:
        """A car's lamps that pass on the far lane now and then, at night."""
        look, view = frame.look, frame.view
        if look.lamps < 0.3:
            return
        share = (frame.seconds * 0.11) % 1.0
        with view.layer(canvas, 0.62):
            half = view.half_width(0.62) + 2
            x = half - 2 * half * share
            strength = look.lamps * min(share, 1 - share, 0.15) / 0.15
            glow(canvas, (x - 0.4, -0.34), 1.1, (1.0, 0.95, 0.8), 0.55 * strength, flat=0.3)
            glow(canvas, (x + 0.5, -0.36), 0.3, (1.0, 0.2, 0.15), 0.6 * strength)


def _mountains(random: Random, half_width: float, low: float, high: float) -> tuple[skia.Path, skia.Path]:
    """Peaks as ragged triangles, and the snow on them."""
    body, snow = skia.Path(), skia.Path()
    x = -half_width
    while x < half_width:
        wide, tall = random.uniform(1.4, 2.6), random.uniform(low, high)
        peak = (x + wide * random.uniform(0.4, 0.6), -0.5 - tall)
        left = [(x - wide * 0.25, 0.5), (x + wide * 0.12, -0.5 - tall * 0.38), (x + wide * 0.24, -0.5 - tall * 0.52)]
        right = [(x + wide * 0.74, -0.5 - tall * 0.58), (x + wide * 0.86, -0.5 - tall * 0.40), (x + wide * 1.25, 0.5)]
        body.addPath(polygon([*left, peak, *right]))
        cap = [peak]
        for index in range(1, 8):
            share = index / 8
            edge = (
                right[0][0] + (left[2][0] - right[0][0]) * share,
                -0.5 - tall * (0.62 + 0.10 * (index % 2) - 0.03 * random.random()),
            )
            cap.append(edge)
        snow.addPath(
            polygon(
                [
                    peak,
                    (right[0][0] - wide * 0.05, -0.5 - tall * 0.66),
                    *cap[1:],
                    (left[2][0] + wide * 0.05, -0.5 - tall * 0.62),
                ]
            )
        )
        x += wide * random.uniform(0.55, 0.8)
    return body, snow


def _rolling(random: Random, period: float, height: float) -> skia.Path:
    """Hills of which the tile's ends fit each other."""
    phases = [random.uniform(0, 6.28) for _ in range(3)]
    points = []
    for index in range(41):
        angle = 2 * math.pi * index / 40
        level = sum(math.sin(angle * (harmonic + 1) + phase) / (harmonic + 1) for harmonic, phase in enumerate(phases))
        points.append((-period / 2 + period * index / 40, -0.50 - height * (0.5 + 0.35 * level)))
    return polygon([*points, (period / 2, 3.0), (-period / 2, 3.0)])

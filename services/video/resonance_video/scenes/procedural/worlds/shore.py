"""Shore: the sea to the horizon, a path of light on it, islands with a lighthouse, foam that comes and goes on the sand."""

from __future__ import annotations

import math
from random import Random

import skia

from resonance_video.colours import mixed
from resonance_video.models import Weather
from resonance_video.scenes.procedural.pens import Canvas, above_row, fill, glow, polygon, smooth, strip, stroke
from resonance_video.scenes.procedural.worlds.world import Frame, World, repeats, ridge

_SAND_Y = -0.17


class Shore(World):
    """A beach; the figure stands on the sand, the sea is behind it."""

    def prepare(self, random: Random) -> None:
        """Islands, boats and grass."""
        self._isles = [
            (0.05, ridge(random, half_width=9, base=-0.62, height=0.55, step=0.12, roughness=0.5), 0.72, 0.0),
            (0.12, _island(random, 2.3, 0.62), 0.45, random.uniform(0.9, 1.7)),
            (0.16, _island(random, 1.2, 0.4), 0.3, random.uniform(-2.4, -1.4)),
        ]
        self._glitter = [(random.uniform(-1, 1), random.random() ** 1.6, random.random()) for _ in range(110)]
        self._boats = [(random.uniform(-1.6, 1.6), random.uniform(0.8, 1.2)) for _ in range(3)]
        self._grass = [
            (random.uniform(-0.5, 0.5), random.uniform(0.2, 0.5), random.uniform(-0.6, 0.6)) for _ in range(26)
        ]

    def draw_back(self, canvas: Canvas, frame: Frame) -> None:
        """Sky, islands, sea and beach."""
        view, look = frame.view, frame.look
        row = view.horizon_row(0.12)
        with above_row(canvas, row):
            self.draw_sky(canvas, frame, horizon=row)
            for depth, path, haze, x in self._isles:
                with view.layer(canvas, depth):
                    canvas.translate(x, 0)
                    canvas.drawPath(path, fill(mixed(mixed(look.dark, look.haze, haze), look.sky_low, 0.15)))
                    if 0.1 < depth < 0.14:
                        self._draw_lighthouse(canvas, frame)
            self.draw_birds(canvas, frame)
        self._draw_sea(canvas, frame, row)
        self._draw_beach(canvas, frame)

    def draw_front(self, canvas: Canvas, frame: Frame) -> None:
        """Beach grass near the camera."""
        view = frame.view
        dark = mixed(frame.look.dark, (0.0, 0.0, 0.0), 0.3)
        with view.layer(canvas, 1.25):
            for shift in repeats(frame.way, 1.25, 5.5, view.half_width(1.25) + 1):
                for x, high, lean in self._grass:
                    sway = 0.05 * math.sin(frame.seconds * 1.4 + 7 * x) * (1 + 2 * abs(frame.tension))
                    base = (shift + 1.9 + x, 0.95)
                    blade = [
                        base,
                        (base[0] + lean * 0.3, base[1] - high * 0.6),
                        (base[0] + lean * 0.55 + sway, base[1] - high),
                    ]
                    canvas.drawPath(smooth(blade, is_closed=False), stroke(dark, 0.022))

    def _draw_sea(self, canvas: Canvas, frame: Frame, row: float) -> None:
        view, look = frame.view, frame.look
        edge = self._edge_row(frame)
        deep = mixed(mixed(look.sky_top, self.ground_colour, 0.45), (0.0, 0.12, 0.2), 0.25)
        strip(
            frame.pixels,
            int(row),
            view.height,
            [
                (row, mixed(look.sky_low, deep, 0.25)),
                (row + 0.35 * (edge - row), mixed(look.sky_middle, deep, 0.55)),
                (edge, deep),
            ],
        )
        surface = canvas.getSurface()
        if surface is not None:
            self.mirror_rows(canvas, surface, frame, row, 0.34, squeeze=0.8)
        light_x = (
            view.width * (0.5 + self._sun_x) if look.sun > -0.1 else view.width * (0.5 - self._sun_x * 1.15 + 0.06)
        )
        colour = mixed(look.key, (1.0, 1.0, 1.0), 0.4)
        strength = max(look.day, 0.95 * look.stars, 0.5) * (0.45 if self.weather is not Weather.CLEAR else 1.0)
        for x, y, phase in self._glitter:
            at = row + (edge - row) * (0.02 + 0.98 * y)
            wide = view.width * (0.03 + 0.24 * y)
            pulse = 0.5 + 0.5 * math.sin(frame.seconds * (1.4 + phase) + 9 * phase)
            length = view.width * (0.008 + 0.030 * y) * (0.6 + 0.8 * frame.sparkle)
            px = light_x + x * wide
            canvas.drawLine(
                px - length,
                at,
                px + length,
                at,
                stroke(colour, view.height / 1280 * (1.2 + 3.0 * y), 0.65 * pulse * strength * (1 - 0.4 * abs(x))),
            )
        for wave in range(7):
            share = ((wave / 7 + frame.seconds * 0.012) % 1.0) ** 1.7
            at = row + (edge - row) * share
            points = [
                (
                    view.width * (index / 8),
                    at + math.sin(index * 1.3 + wave * 2 + frame.seconds) * (1 + 5 * share) * frame.ripple,
                )
                for index in range(9)
            ]
            canvas.drawPath(
                smooth(points, is_closed=False),
                stroke(mixed(look.sky_low, (1, 1, 1), 0.2), view.height / 1280 * (1 + 2 * share), 0.22 * share + 0.04),
            )
        self._draw_boats(canvas, frame, row)

    def _draw_beach(self, canvas: Canvas, frame: Frame) -> None:
        view, look = frame.view, frame.look
        with view.layer(canvas, 0.9):
            half = view.half_width(0.9) + 1
            surf = 0.09 * math.sin(frame.seconds * 0.9) + 0.10 * frame.ripple
            sand = mixed(look.ground, (0.86, 0.72, 0.54), 0.30 + 0.35 * look.day)
            wet = mixed(sand, look.sky_middle, 0.35)
            points = []
            count = 18
            for index in range(count + 1):
                x = -half + 2 * half * index / count
                points.append(
                    (
                        x,
                        _SAND_Y
                        - 0.05
                        + surf * 0.5
                        + 0.035 * math.sin(1.7 * (x + frame.way * 0.9))
                        + 0.02 * math.sin(4.1 * (x + frame.way * 0.9) + frame.seconds),
                    )
                )
            shore = [*points, (half, 4.0), (-half, 4.0)]
            canvas.drawPath(polygon(shore), fill(wet))
            canvas.drawPath(smooth(points, is_closed=False), stroke((1.0, 1.0, 1.0), 0.045, 0.35 + 0.4 * look.day))
            dry = [(x, y + 0.13 - surf * 0.35) for x, y in points]
            canvas.drawPath(polygon([*dry, (half, 4.0), (-half, 4.0)]), fill(sand))
            low = mixed(sand, look.dark, 0.55)
            for depth in range(5):
                y = 0.22 + depth * 0.24
                canvas.drawRect(skia.Rect.MakeLTRB(-half, y, half, 4.0), fill(low, 0.16))

    def _edge_row(self, frame: Frame) -> float:
        view = frame.view
        return view.focus_at * view.height + (_SAND_Y + 0.1 - view.y * 0.9 - (1 - 0.9) * -1.0) * view.layer_scale(0.9)

    def _draw_lighthouse(self, canvas: Canvas, frame: Frame) -> None:
        look = frame.look
        x, foot = 0.15, -1.02
        white = mixed((0.9, 0.88, 0.86), look.haze, 0.45)
        canvas.drawPath(
            polygon([(x - 0.045, foot), (x - 0.03, foot - 0.42), (x + 0.03, foot - 0.42), (x + 0.045, foot)]),
            fill(mixed(white, look.dark, 0.5 * (1 - look.day))),
        )
        canvas.drawRect(skia.Rect.MakeLTRB(x - 0.02, foot - 0.48, x + 0.02, foot - 0.42), fill(look.dark))
        on = look.lamps * (0.4 + 0.6 * frame.lights)
        turn = 0.5 + 0.5 * math.sin(frame.seconds * 1.1)
        glow(canvas, (x, foot - 0.45), 0.55, self.light, on * (0.25 + 0.5 * turn))

    def _draw_boats(self, canvas: Canvas, frame: Frame, row: float) -> None:
        view, look = frame.view, frame.look
        for x, size in self._boats[: round(3 * frame.crowd)]:
            px = view.width * (0.5 + 0.32 * ((x + frame.seconds * 0.006 + 2) % 4 - 2))
            unit = view.height * 0.016 * size
            py = row + unit * 0.6 + math.sin(frame.seconds + x) * unit * 0.12
            dark = mixed(look.dark, look.haze, 0.25)
            canvas.drawPath(
                polygon(
                    [
                        (px - unit, py),
                        (px + unit, py),
                        (px + unit * 0.6, py + unit * 0.45),
                        (px - unit * 0.7, py + unit * 0.45),
                    ]
                ),
                fill(dark),
            )
            canvas.drawPath(
                polygon([(px, py - unit * 0.1), (px, py - unit * 2.2), (px + unit * 0.95, py - unit * 0.2)]),
                fill(mixed(look.sky_low, (1, 1, 1), 0.3), 0.9),
            )
            glow(canvas, (px, py), unit * 2.2, self.light, 0.5 * look.lamps * frame.lights)


def _island(random: Random, wide: float, high: float) -> skia.Path:
    points = [(-wide, -0.60)]
    for index in range(1, 9):
        share = index / 9
        points.append(
            (-wide + 2 * wide * share, -0.60 - high * math.sin(math.pi * share) ** 0.8 * random.uniform(0.65, 1.0))
        )
    points.append((wide, -0.60))
    return smooth([*points, (wide, -0.52), (-wide, -0.52)], tension=0.7)

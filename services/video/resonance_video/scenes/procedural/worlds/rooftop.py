"""Rooftop: a terrace above the roofs, with a railing, tanks and strings of lamps; the skyline lies low."""

from __future__ import annotations

import math
from random import Random

import skia

from resonance_video.colours import mixed
from resonance_video.scenes.procedural.pens import Canvas, above_row, fill, glow, polygon, smooth, strip, stroke
from resonance_video.scenes.procedural.worlds.city import draw_block, make_block
from resonance_video.scenes.procedural.worlds.world import Frame, World, repeats

_EDGE_Y, _RAIL_Y = -0.20, -0.82
_BULBS = 11


class Rooftop(World):
    """A terrace with the city behind and below it."""

    def prepare(self, random: Random) -> None:
        """Skyline rows and the things that stand on the roof."""
        self._rows = [
            (
                0.10,
                make_block(random, period=8.0, height=(0.9, 3.0), width=(0.35, 0.7), cell=0.10, signs=0.0),
                0.66,
                0.25,
            ),
            (
                0.20,
                make_block(random, period=9.0, height=(0.5, 2.2), width=(0.5, 0.95), cell=0.13, signs=0.2),
                0.38,
                0.55,
            ),
            (
                0.36,
                make_block(random, period=10.0, height=(0.1, 1.2), width=(0.8, 1.5), cell=0.17, signs=0.35),
                0.14,
                0.95,
            ),
        ]
        self._hang = [random.uniform(0.8, 1.2) for _ in range(4)]

    def draw_back(self, canvas: Canvas, frame: Frame) -> None:
        """Sky, skyline, terrace, railing and lamps."""
        with above_row(canvas, _row(frame, _EDGE_Y + 0.02)):
            self.draw_sky(canvas, frame)
            for number, (depth, block, haze, lower) in enumerate(self._rows):
                canvas.save()
                canvas.translate(0, lower * frame.view.layer_scale(depth) * 0.6)
                draw_block(canvas, self, frame, block, depth, haze, number)
                canvas.restore()
            self.draw_birds(canvas, frame)
        self._draw_terrace(canvas, frame)

    def _draw_terrace(self, canvas: Canvas, frame: Frame) -> None:
        view, look = frame.view, frame.look
        floor, near = mixed(look.ground, look.haze, 0.10), mixed(look.ground, (0.0, 0.0, 0.0), 0.45)
        with view.layer(canvas, 0.9):
            half = view.half_width(0.9) + 1
            wall = mixed(look.dark, look.haze, 0.14)
            canvas.drawRect(skia.Rect.MakeLTRB(-half, _EDGE_Y - 0.16, half, 3.0), fill(wall))
            canvas.drawRect(
                skia.Rect.MakeLTRB(-half, _EDGE_Y - 0.20, half, _EDGE_Y - 0.13), fill(mixed(wall, look.key, 0.16))
            )
            self._draw_things(canvas, frame)
            rail = mixed(look.dark, (0.0, 0.0, 0.0), 0.2)
            canvas.drawLine(-half, _RAIL_Y, half, _RAIL_Y, stroke(rail, 0.045))
            canvas.drawLine(-half, _RAIL_Y + 0.24, half, _RAIL_Y + 0.24, stroke(rail, 0.018))
            canvas.drawLine(
                -half, _RAIL_Y - 0.018, half, _RAIL_Y - 0.018, stroke(mixed(rail, look.key, 0.5), 0.010, 0.8)
            )
            for shift in repeats(frame.way, 0.9, 1.1, half):
                canvas.drawLine(shift, _RAIL_Y, shift, _EDGE_Y - 0.15, stroke(rail, 0.035))
            self._draw_strings(canvas, frame, half)
        row = _row(frame, _EDGE_Y + 0.02)
        strip(
            frame.pixels,
            int(row),
            view.height,
            [(row, floor), (row + 0.4 * (view.height - row), look.ground), (view.height, near)],
        )
        with view.layer(canvas, 1.0):
            half = view.half_width(1.0) + 1
            for shift in repeats(frame.way, 1.0, 1.3, half):
                canvas.drawLine(shift, _EDGE_Y + 0.02, shift * 1.35, 1.6, stroke(near, 0.014, 0.55))
            for y in (0.08, 0.42):
                canvas.drawLine(-half, y, half, y, stroke(near, 0.012, 0.45))
        on = look.lamps * frame.lights
        glow(canvas, (view.width / 2, row), view.width * 0.75, self.light, 0.16 * on, flat=0.16)

    def _draw_things(self, canvas: Canvas, frame: Frame) -> None:
        look = frame.look
        dark = mixed(look.dark, look.haze, 0.05)
        for shift in repeats(frame.way, 0.9, 7.0, frame.view.half_width(0.9) + 1.5):
            x = shift + 2.2
            for leg in (-0.32, 0.32):
                canvas.drawLine(x + leg, -1.3, x + leg * 1.15, _EDGE_Y - 0.1, stroke(dark, 0.05))
            canvas.drawLine(x - 0.34, -0.9, x + 0.34, -1.25, stroke(dark, 0.025))
            tank = skia.Rect.MakeLTRB(x - 0.48, -2.2, x + 0.48, -1.28)
            canvas.drawRect(tank, fill(dark))
            canvas.drawPath(polygon([(x - 0.54, -2.2), (x, -2.56), (x + 0.54, -2.2)]), fill(dark))
            canvas.drawLine(x + 0.46, -2.18, x + 0.46, -1.3, stroke(look.key, 0.018, 0.55))
            canvas.drawRect(skia.Rect.MakeLTRB(shift - 1.9, -0.78, shift - 1.1, _EDGE_Y - 0.1), fill(dark))
            canvas.drawLine(shift - 2.6, -2.3, shift - 2.6, _EDGE_Y - 0.1, stroke(dark, 0.03))
            for y in (-2.2, -2.05, -1.9):
                canvas.drawLine(shift - 2.82, y, shift - 2.38, y, stroke(dark, 0.018))

    def _draw_strings(self, canvas: Canvas, frame: Frame, half: float) -> None:
        """Strings of lamps above the terrace: as many burn as the music has energy."""
        look = frame.look
        period = 3.2
        for place, shift in enumerate(repeats(frame.way, 0.9, period, half)):
            left, right = shift - period / 2, shift + period / 2
            canvas.drawLine(left, -2.75, left, _EDGE_Y - 0.1, stroke(mixed(look.dark, (0, 0, 0), 0.2), 0.03))
            wire = []
            for bulb in range(_BULBS + 1):
                share = bulb / _BULBS
                sway = 0.025 * math.sin(frame.seconds * 1.3 + 3 * share + place)
                wire.append((left + (right - left) * share, -2.72 + 0.55 * 4 * share * (1 - share) + sway))
            canvas.drawPath(smooth(wire, is_closed=False), stroke(mixed(look.dark, (0, 0, 0), 0.2), 0.010))
            for bulb, (x, y) in enumerate(wire[1:-1]):
                on = min(max(frame.lights * 1.6 - 0.12 * ((bulb * 5) % 8), 0.0), 1.0) * (0.15 + 0.85 * look.lamps)
                colour = mixed(self.light, self.lamp_colour(bulb, frame.hues), 0.35)
                glow(canvas, (x, y + 0.04), 0.20 + 0.05 * frame.sparkle, colour, 0.55 * on)
                canvas.drawCircle(
                    x, y + 0.045, 0.030, fill(mixed(mixed(colour, (1, 1, 1), 0.5), look.dark, 0.6 * (1 - on)))
                )


def _row(frame: Frame, y: float) -> float:
    """The picture's row of a height in the nearest layer."""
    view = frame.view
    return view.focus_at * view.height + (y - view.y) * view.layer_scale(1.0)

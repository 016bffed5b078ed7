"""Room: a wide window with weather and lights behind it, a lamp, plants, shelves, and the window's light on the floor."""

from __future__ import annotations

import math
from random import Random

import skia

from resonance_video.colours import Rgb, mixed
from resonance_video.models import Weather
from resonance_video.scenes.procedural.pens import Canvas, fill, glow, gradient, polygon, smooth, strip, stroke
from resonance_video.scenes.procedural.worlds.city import draw_block, make_block
from resonance_video.scenes.procedural.worlds.world import Frame, World

_FLOOR_Y = -0.22
_LEFT, _RIGHT, _SILL = -1.3, 1.3, -0.95
_WIDE_TOP = -3.15
# Tall pictures show a tall window.
_TALL_TOP = -4.75
_LAMP: Rgb = (1.0, 0.78, 0.48)
_WOOD: Rgb = (0.34, 0.22, 0.16)


class Room(World):
    """A room at the window; nobody walks on, the world outside moves with the weather."""

    scrolls = False
    is_indoors = True

    def prepare(self, random: Random) -> None:
        """The view from the window, books, drops on the pane."""
        self._outside = [
            (0.12, make_block(random, period=8.0, height=(0.8, 2.3), width=(0.3, 0.6), cell=0.09, signs=0.0), 0.6),
            (0.22, make_block(random, period=8.5, height=(0.3, 1.7), width=(0.45, 0.85), cell=0.12, signs=0.3), 0.3),
        ]
        self._books = [
            (random.uniform(0.04, 0.085), random.uniform(0.24, 0.36), random.randrange(6), random.uniform(-3, 3))
            for _ in range(44)
        ]
        self._drops = [(random.random(), random.random(), random.uniform(0.4, 1.2), random.random()) for _ in range(90)]
        self._frames = [(-2.35, -2.3, 0.55, 0.72), (2.15, -2.55, 0.62, 0.5), (2.15, -1.85, 0.45, 0.45)]

    def draw_back(self, canvas: Canvas, frame: Frame) -> None:
        """What is outside, the wall with the window, the floor and the furniture."""
        view = frame.view
        canvas.save()
        canvas.clipRect(_window_pixels(canvas, frame))
        self.draw_sky(canvas, frame)
        for number, (depth, block, haze) in enumerate(self._outside):
            draw_block(canvas, self, frame, block, depth, haze, number)
        canvas.restore()
        with view.layer(canvas, 0.55):
            self._draw_pane(canvas, frame)
            self._draw_wall(canvas, frame)
            self._draw_curtains(canvas, frame)
        self._draw_floor(canvas, frame)
        with view.layer(canvas, 0.62):
            self._draw_shelf(canvas, frame)
            self._draw_plant(canvas, 1.52, frame)
            self._draw_lamp(canvas, -1.55, frame)

    def _wall_colour(self, frame: Frame) -> Rgb:
        look = frame.look
        base = mixed(mixed(self.ground_colour, self.hue_list[-1], 0.22), (0.55, 0.48, 0.46), 0.18 + 0.25 * look.day)
        return mixed(base, (0.0, 0.0, 0.0), 0.35 * (1 - look.day) * (1 - 0.5 * frame.lights))

    def _draw_wall(self, canvas: Canvas, frame: Frame) -> None:
        look, view = frame.look, frame.view
        wall = self._wall_colour(frame)
        half, upper_end = view.half_width(0.55) + 1, view.top(0.55) - 1
        top = _window_top(frame)
        hole = skia.Path()
        hole.addRect(skia.Rect.MakeLTRB(-half - 3, upper_end, half + 3, 3.0))
        hole.addRect(skia.Rect.MakeLTRB(_LEFT, top, _RIGHT, _SILL))
        hole.setFillType(skia.PathFillType.kEvenOdd)
        canvas.drawPath(hole, fill(wall))
        for stripe in range(-9, 10):
            x = stripe * 0.55
            if not _LEFT - 0.1 < x < _RIGHT + 0.1:
                canvas.drawLine(x, upper_end, x, _FLOOR_Y, stroke(mixed(wall, (1, 1, 1), 0.05), 0.02, 0.6))
        wood = mixed(mixed(_WOOD, look.key, 0.10 + 0.15 * look.day), look.dark, 0.35 * (1 - look.day))
        for left, upper, right, lower in (
            (_LEFT, top, _LEFT + 0.07, _SILL),
            (_RIGHT - 0.07, top, _RIGHT, _SILL),
            (_LEFT, top, _RIGHT, top + 0.07),
            (-0.03, top, 0.03, _SILL),
            (_LEFT, -2.3, _RIGHT, -2.25),
            (_LEFT - 0.12, _SILL - 0.03, _RIGHT + 0.12, _SILL + 0.06),
        ):
            canvas.drawRect(skia.Rect.MakeLTRB(left, upper, right, lower), fill(wood))
        canvas.drawLine(_LEFT - 0.12, _SILL - 0.03, _RIGHT + 0.12, _SILL - 0.03, stroke(look.key, 0.014, 0.35))
        for x, y, wide, high in self._frames:
            canvas.drawRect(skia.Rect.MakeXYWH(x - wide / 2, y, wide, high), fill(wood))
            canvas.drawRect(
                skia.Rect.MakeXYWH(x - wide / 2 + 0.05, y + 0.05, wide - 0.1, high - 0.1),
                fill(mixed(self.hue_list[1], wall, 0.5)),
            )
            canvas.drawCircle(x, y + high * 0.55, wide * 0.18, fill(mixed(self.light, wall, 0.3)))

    def _draw_pane(self, canvas: Canvas, frame: Frame) -> None:
        """Drops that run down the glass in rain, snow that falls behind it."""
        look, top = frame.look, _window_top(frame)
        if self.weather is Weather.RAIN:
            for x, y, speed, phase in self._drops:
                slide = (
                    y
                    + max(0.0, math.sin(frame.seconds * 0.25 * speed + 6.3 * phase)) * 0.25
                    + frame.seconds * 0.02 * speed
                ) % 1.0
                px, py = _LEFT + (x + 0.004 * math.sin(slide * 30)) * (_RIGHT - _LEFT), top + slide * (_SILL - top)
                canvas.drawLine(px, py - 0.09 * speed, px, py, stroke(mixed(look.sky_low, (1, 1, 1), 0.4), 0.010, 0.28))
                canvas.drawCircle(px, py, 0.014 * speed, fill(mixed(look.sky_low, (1, 1, 1), 0.6), 0.5))
        elif self.weather is Weather.SNOW:
            for x, y, speed, phase in self._drops:
                fallen = (y + frame.seconds * 0.05 * speed) % 1.0
                px = _LEFT + ((x + 0.03 * math.sin(frame.seconds * 0.7 + 6.3 * phase)) % 1.0) * (_RIGHT - _LEFT)
                canvas.drawCircle(px, top + fallen * (_SILL - top), 0.014 * speed + 0.004, fill((1, 1, 1), 0.75))
        elif self.weather is Weather.MIST:
            canvas.drawRect(skia.Rect.MakeLTRB(_LEFT, top, _RIGHT, _SILL), fill(look.haze, 0.4))

    def _draw_curtains(self, canvas: Canvas, frame: Frame) -> None:
        look, top = frame.look, _window_top(frame)
        cloth = mixed(mixed(self.accent, self.ground_colour, 0.5), look.key, 0.05 + 0.15 * look.day)
        for side in (-1, 1):
            outer = _RIGHT + 0.42 if side > 0 else _LEFT - 0.42
            inner = outer - side * 0.56
            for fold in range(4):
                share, following = fold / 4, (fold + 1) / 4
                sway = 0.03 * math.sin(frame.seconds * 0.9 + fold) * (0.5 + frame.bloom)
                shape = [
                    (outer + (inner - outer) * share, top - 0.2),
                    (outer + (inner - outer) * following, top - 0.2),
                    (outer + (inner - outer) * following * 0.96 + sway, -0.34),
                    (outer + (inner - outer) * share * 0.96 + sway, -0.32),
                ]
                canvas.drawPath(polygon(shape), fill(mixed(cloth, (0, 0, 0), 0.10 + 0.16 * (fold % 2))))
        canvas.drawLine(_LEFT - 0.6, top - 0.2, _RIGHT + 0.6, top - 0.2, stroke(mixed(_WOOD, (0, 0, 0), 0.3), 0.045))

    def _draw_floor(self, canvas: Canvas, frame: Frame) -> None:
        view, look = frame.view, frame.look
        boards = mixed(mixed(_WOOD, self._wall_colour(frame), 0.35), look.dark, 0.25 * (1 - look.day))
        row = view.focus_at * view.height + (_FLOOR_Y - _centre(view.y, 0.62)) * view.layer_scale(0.62)
        strip(
            frame.pixels,
            int(row),
            view.height,
            [
                (row, mixed(boards, (0, 0, 0), 0.25)),
                (row + 0.3 * (view.height - row), boards),
                (view.height, mixed(boards, (0, 0, 0), 0.55)),
            ],
        )
        with view.layer(canvas, 0.9):
            half = view.half_width(0.9) + 1
            canvas.drawRect(
                skia.Rect.MakeLTRB(-half, _FLOOR_Y - 0.10, half, _FLOOR_Y - 0.02), fill(mixed(boards, (0, 0, 0), 0.4))
            )
            for board in range(-8, 9):
                canvas.drawLine(board * 0.42, _FLOOR_Y, board * 0.95, 1.8, stroke((0, 0, 0), 0.012, 0.18))
            rug = skia.Rect.MakeLTRB(-1.15, -0.10, 1.15, 0.34)
            canvas.drawOval(rug, fill(mixed(self.accent, self.ground_colour, 0.45), 0.75))
            canvas.drawOval(rug.makeInset(0.14, 0.055), stroke(mixed(self.light, self.ground_colour, 0.3), 0.02, 0.7))
            light = mixed(look.key, look.sky_low, 0.4)
            strength = 0.10 + 0.22 * look.day + 0.10 * frame.bloom
            for left, right in ((_LEFT + 0.1, -0.06), (0.06, _RIGHT - 0.1)):
                pool = polygon(
                    [
                        (left, _FLOOR_Y + 0.02),
                        (right, _FLOOR_Y + 0.02),
                        (right * 1.5 + 0.25, 0.75),
                        (left * 1.5 + 0.25, 0.75),
                    ]
                )
                paint = gradient((0, _FLOOR_Y), (0, 0.75), [(light, strength), (light, 0.0)])
                canvas.drawPath(pool, paint)

    def _draw_shelf(self, canvas: Canvas, frame: Frame) -> None:
        look = frame.look
        wood = mixed(_WOOD, look.dark, 0.4)
        book = 0
        for shelf, y in enumerate((-2.35, -1.75, -1.15)):
            x = 1.95
            canvas.drawRect(skia.Rect.MakeLTRB(1.9, y, 3.9, y + 0.04), fill(wood))
            while x < 3.8 and book < len(self._books):
                wide, high, hue, lean = self._books[(book + shelf * 7) % len(self._books)]
                colour = mixed(
                    mixed(self.hue_list[hue % len(self.hue_list)], self.ground_colour, 0.55),
                    look.dark,
                    0.3 * (1 - look.day),
                )
                canvas.drawRect(skia.Rect.MakeLTRB(x, y - high, x + wide, y), fill(colour))
                x += wide + 0.012 + (0.15 if lean > 2.4 else 0.0)
                book += 1

    def _draw_plant(self, canvas: Canvas, x: float, frame: Frame) -> None:
        look = frame.look
        green = mixed(mixed((0.16, 0.40, 0.26), look.dark, 0.45 * (1 - look.day)), look.key, 0.06)
        for leaf in range(9):
            angle = math.radians(-155 + leaf * 16.5)
            size = 0.62 + 0.12 * (leaf % 3)
            sway = 0.025 * math.sin(frame.seconds * 0.8 + leaf)
            tip = (x + math.cos(angle) * size + sway, -0.52 + math.sin(angle) * size)
            middle = (x + math.cos(angle) * size * 0.55, -0.55 + math.sin(angle) * size * 0.72)
            canvas.drawPath(
                smooth([(x, -0.5), (middle[0] - 0.07, middle[1]), tip, (middle[0] + 0.07, middle[1])]),
                fill(mixed(green, (0, 0, 0), 0.12 * (leaf % 2))),
            )
        canvas.drawPath(
            polygon([(x - 0.19, -0.56), (x + 0.19, -0.56), (x + 0.14, -0.16), (x - 0.14, -0.16)]),
            fill(mixed(self.accent, self.ground_colour, 0.35)),
        )

    def _draw_lamp(self, canvas: Canvas, x: float, frame: Frame) -> None:
        """A floor lamp that burns with the music's energy."""
        on = (0.2 + 0.8 * frame.lights) * (0.25 + 0.75 * frame.look.lamps)
        dark = mixed(frame.look.dark, (0, 0, 0), 0.2)
        glow(canvas, (x, -1.95), 2.1, _LAMP, 0.42 * on)
        canvas.drawLine(x, -1.75, x, -0.18, stroke(dark, 0.035))
        canvas.drawOval(skia.Rect.MakeLTRB(x - 0.2, -0.21, x + 0.2, -0.13), fill(dark))
        shade = polygon([(x - 0.16, -2.12), (x + 0.16, -2.12), (x + 0.29, -1.72), (x - 0.29, -1.72)])
        canvas.drawPath(shade, fill(mixed(mixed(self.ground_colour, _LAMP, 0.35), mixed(_LAMP, (1, 1, 1), 0.4), on)))
        glow(canvas, (x, -0.1), 0.9, _LAMP, 0.25 * on, flat=0.2)


def _window_pixels(canvas: Canvas, frame: Frame) -> skia.Rect:
    """The pixels in which the window lies: nothing else of what is outside is seen."""
    with frame.view.layer(canvas, 0.55):
        window = canvas.getTotalMatrix().mapRect(skia.Rect.MakeLTRB(_LEFT, _window_top(frame), _RIGHT, _SILL))
    return skia.Rect.Make(window.makeOutset(2, 2).roundOut())


def _window_top(frame: Frame) -> float:
    return _TALL_TOP if frame.view.height > 1.2 * frame.view.width else _WIDE_TOP


def _centre(y: float, depth: float) -> float:
    return -1.0 + (y + 1.0) * depth

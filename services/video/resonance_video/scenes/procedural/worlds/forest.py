"""Forest: rows of firs in haze, trunks, rays of light between them, a path with grass and fireflies."""

from __future__ import annotations

import math
from random import Random

import skia

from resonance_video.colours import Rgb, mixed
from resonance_video.scenes.procedural.pens import Canvas, Path, above_row, fill, glow, polygon, smooth, strip, stroke
from resonance_video.scenes.procedural.worlds.world import Frame, World, repeats, ridge

_GREEN: Rgb = (0.10, 0.30, 0.20)
# The ground begins here, and rises and falls by less than 0.06 m.
_MOSS_Y = -0.24
_EARTH: Rgb = (0.30, 0.22, 0.16)


class Forest(World):
    """A path through firs and birches."""

    def prepare(self, random: Random) -> None:
        """Rows of trees from far to near: (depth, period, path, haze)."""
        self._hills = ridge(random, half_width=10, base=-0.5, height=1.5, step=0.15, roughness=0.15)
        self._rows = [
            (0.14, 8.0, _firs(random, 8.0, 26, (1.3, 2.6)), 0.70),
            (0.28, 9.0, _firs(random, 9.0, 17, (1.9, 3.9)), 0.46),
            (0.48, 10.0, _firs(random, 10.0, 11, (2.6, 5.4)), 0.22),
        ]
        self._trunks = [
            (random.uniform(-3, 3), random.uniform(0.13, 0.26), random.uniform(-0.12, 0.12)) for _ in range(4)
        ]
        self._ferns = [(random.uniform(-2.4, 2.4), random.uniform(0.22, 0.5)) for _ in range(13)]
        self._flies = [
            (random.uniform(-1, 1), random.random(), random.uniform(0.5, 1.4), random.random()) for _ in range(34)
        ]
        self._leaves = [
            (random.random(), random.random(), random.uniform(0.6, 1.3), random.random()) for _ in range(16)
        ]

    def draw_back(self, canvas: Canvas, frame: Frame) -> None:
        """Sky, hills, trees, rays and ground."""
        view, look = frame.view, frame.look
        with above_row(canvas, view.layer_row(_MOSS_Y + 0.06, 0.8) + view.tilted):
            self.draw_sky(canvas, frame)
            self.draw_birds(canvas, frame)
            with view.layer(canvas, 0.06):
                canvas.drawPath(self._hills, fill(mixed(mixed(look.dark, look.haze, 0.72), look.sky_low, 0.2)))
            for depth, period, path, haze in self._rows:
                green = mixed(mixed(look.dark, _GREEN, 0.30 + 0.30 * look.day), look.haze, haze)
                with view.layer(canvas, depth):
                    for shift in repeats(frame.way, depth, period, view.half_width(depth) + 1):
                        canvas.save()
                        canvas.translate(shift, 0)
                        canvas.drawPath(path, fill(green))
                        canvas.restore()
                row = view.horizon_row(depth)
                glow(
                    canvas,
                    (view.width / 2, row + view.height * 0.01),
                    view.width * 0.9,
                    look.haze,
                    0.16 + 0.2 * haze,
                    flat=0.2,
                    is_veil=True,
                )
            self._draw_rays(canvas, frame)
            self._draw_trunks(canvas, frame)
        self._draw_ground(canvas, frame)
        self._draw_flies(canvas, frame, near=False)

    def draw_front(self, canvas: Canvas, frame: Frame) -> None:
        """Ferns and a trunk near the camera, fireflies, falling leaves."""
        view, look = frame.view, frame.look
        dark = mixed(look.dark, (0.0, 0.0, 0.0), 0.45)
        self._draw_flies(canvas, frame, near=True)
        with view.layer(canvas, 1.3):
            for shift in repeats(frame.way, 1.3, 6.5, view.half_width(1.3) + 1.2):
                for x, size in self._ferns:
                    _fern(canvas, shift + x * 1.25, 1.12, size, 0.06 * math.sin(frame.seconds * 1.2 + 5 * x), dark)
        self._draw_leaves(canvas, frame)

    def _draw_rays(self, canvas: Canvas, frame: Frame) -> None:
        view, look = frame.view, frame.look
        strength = (0.05 + 0.10 * frame.bloom) * (0.25 + 0.9 * look.day + 0.25 * look.stars)
        x = view.width * (0.5 + self._sun_x)
        bottom = view.horizon_row(0.8) + view.height * 0.05
        for ray in range(6):
            sway = 0.02 * math.sin(frame.seconds * 0.35 + ray)
            lean = (ray - 2.5) * 0.17 + sway
            top_wide, low_wide = view.width * 0.012, view.width * (0.05 + 0.02 * (ray % 3))
            foot = x + lean * view.height * 0.55
            beam = polygon([(x - top_wide, 0), (x + top_wide, 0), (foot + low_wide, bottom), (foot - low_wide, bottom)])
            canvas.drawPath(beam, fill(mixed(look.key, (1, 1, 1), 0.3), strength * (0.6 + 0.4 * (ray % 2))))

    def _draw_trunks(self, canvas: Canvas, frame: Frame) -> None:
        view, look = frame.view, frame.look
        bark = mixed(mixed(look.dark, _EARTH, 0.25 + 0.2 * look.day), look.haze, 0.06)
        with view.layer(canvas, 0.74):
            for shift in repeats(frame.way, 0.74, 7.4, view.half_width(0.74) + 1):
                for x, wide, lean in self._trunks:
                    foot = shift + x
                    trunk = [
                        (foot - wide * 1.5, 0.1),
                        (foot - wide * 0.8, -0.5),
                        (foot - wide * 0.62 + lean, -7),
                        (foot + wide * 0.62 + lean, -7),
                        (foot + wide * 0.8, -0.5),
                        (foot + wide * 1.5, 0.1),
                    ]
                    canvas.drawPath(smooth(trunk, tension=0.3), fill(bark))
                    canvas.drawLine(
                        foot + wide * 0.66,
                        -0.4,
                        foot + wide * 0.5 + lean,
                        -6.5,
                        stroke(look.key, wide * 0.12, 0.22 + 0.3 * look.day),
                    )
                    for branch in range(3):
                        y = -2.2 - branch * 1.0
                        side = 1 if branch % 2 else -1
                        canvas.drawPath(
                            smooth(
                                [(foot + lean * 0.4, y), (foot + side * 0.5, y - 0.28), (foot + side * 0.95, y - 0.32)],
                                is_closed=False,
                            ),
                            stroke(bark, wide * 0.26),
                        )

    def _draw_ground(self, canvas: Canvas, frame: Frame) -> None:
        view, look = frame.view, frame.look
        moss = mixed(mixed(look.ground, _GREEN, 0.45), look.haze, 0.10)
        with view.layer(canvas, 0.8):
            half = view.half_width(0.8) + 1
            bumps = [
                (
                    -half + 2 * half * index / 24,
                    _MOSS_Y
                    + 0.035 * math.sin(1.3 * (-half + 2 * half * index / 24 + frame.way * 0.8))
                    + 0.02 * math.sin(3.7 * (-half + 2 * half * index / 24 + frame.way * 0.8)),
                )
                for index in range(25)
            ]
            canvas.drawPath(polygon([*bumps, (half, 4.0), (-half, 4.0)]), fill(moss))
        with view.layer(canvas, 1.0):
            half = view.half_width(1.0) + 1
            path = mixed(mixed(look.ground, _EARTH, 0.5), look.key, 0.08 + 0.1 * look.day)
            canvas.drawRect(skia.Rect.MakeLTRB(-half, -0.10, half, 0.16), fill(path))
            canvas.drawRect(skia.Rect.MakeLTRB(-half, -0.10, half, -0.07), fill(mixed(path, look.key, 0.25), 0.6))
            for shift in repeats(frame.way, 1.0, 3.1, half):
                for blade in range(16):
                    x = shift + (blade * 0.618 % 1) * 3.1 - 1.5
                    high = 0.07 + 0.07 * (blade * 0.37 % 1)
                    canvas.drawLine(
                        x,
                        -0.09,
                        x + 0.03 * math.sin(frame.seconds + blade),
                        -0.09 - high,
                        stroke(mixed(moss, look.dark, 0.25), 0.014),
                    )
        row = view.focus_at * view.height + (0.15 - view.y) * view.layer_scale(1.0)
        near = mixed(mixed(look.dark, _GREEN, 0.18), (0.0, 0.0, 0.0), 0.3)
        strip(frame.pixels, int(row), view.height, [(row, mixed(moss, look.dark, 0.35)), (view.height, near)])

    def _draw_flies(self, canvas: Canvas, frame: Frame, *, near: bool) -> None:
        """Fireflies: as many as the music has energy, as bright as its treble."""
        view = frame.view
        lamps = max(frame.look.lamps, 0.25)
        count = round(len(self._flies) * (0.2 + 0.8 * frame.lights))
        for x, y, speed, phase in self._flies[:count]:
            if (speed > 1.0) != near:
                continue
            px = view.width * (0.5 + 0.55 * x + 0.05 * math.sin(frame.seconds * 0.6 * speed + 6.3 * phase))
            py = view.horizon_row(0.8) - view.height * (
                0.32 * y - 0.06 + 0.02 * math.sin(frame.seconds * 0.9 + 9 * phase)
            )
            pulse = 0.45 + 0.55 * math.sin(frame.seconds * 1.5 * speed + 6.3 * phase) ** 2
            strength = lamps * pulse * (0.4 + 0.6 * frame.sparkle)
            colour = mixed(self.light, self.lamp_colour(round(phase * 9), frame.hues), 0.3)
            glow(canvas, (px, py), view.height * 0.016 * speed, colour, 0.8 * strength)
            canvas.drawCircle(px, py, view.height * 0.0016 * speed, fill((1.0, 1.0, 0.85), strength))

    def _draw_leaves(self, canvas: Canvas, frame: Frame) -> None:
        view = frame.view
        colour = mixed(self.accent, frame.look.dark, 0.25)
        for x, y, speed, phase in self._leaves[: round(16 * (0.3 + 0.7 * frame.crowd))]:
            fallen = (y + frame.seconds * 0.05 * speed) % 1.1 - 0.05
            px = (
                x + 0.06 * math.sin(frame.seconds * 0.9 + 6.3 * phase) + 0.08 * frame.seconds * abs(frame.tension)
            ) % 1.0
            size = view.height * 0.0055 * speed
            canvas.save()
            canvas.translate(px * view.width, fallen * view.height)
            canvas.rotate(math.degrees(frame.seconds * speed + 6.3 * phase))
            canvas.drawOval(skia.Rect.MakeLTRB(-size, -size * 0.4, size, size * 0.4), fill(colour, 0.75))
            canvas.restore()


def _firs(random: Random, period: float, count: int, height: tuple[float, float]) -> Path:
    """A tile of firs, each a stack of ragged skirts."""
    path = skia.Path()
    for index in range(count):
        x = -period / 2 + period * (index + random.uniform(0.1, 0.9)) / count
        high = random.uniform(*height)
        foot = -0.42 + random.uniform(-0.05, 0.12)
        tiers = random.randint(7, 10)
        left, right = [], []
        for tier in range(tiers):
            share = tier / tiers
            half = high * 0.155 * (1 - share) ** 0.9 * random.uniform(0.9, 1.1) + 0.02
            y = foot - high * (0.03 + 0.90 * share)
            left += [(x - half, y), (x - half * 0.52, y - high * 0.055)]
            right += [(x + half * random.uniform(0.9, 1.1), y), (x + half * 0.52, y - high * 0.055)]
        path.addPath(
            polygon(
                [
                    (x - 0.03 * high, foot + 0.9),
                    (x - 0.02 * high, foot - high * 0.1),
                    *left,
                    (x, foot - high),
                    *reversed(right),
                    (x + 0.02 * high, foot - high * 0.1),
                    (x + 0.03 * high, foot + 0.9),
                ]
            )
        )
    path.addRect(skia.Rect.MakeLTRB(-period / 2 - 0.01, -0.56, period / 2 + 0.01, 3.0))
    return path


def _fern(canvas: Canvas, x: float, y: float, size: float, sway: float, colour: Rgb) -> None:
    for leaf in range(5):
        angle = math.radians(-150 + leaf * 30)
        tip = (x + math.cos(angle) * size + sway, y + math.sin(angle) * size)
        middle = (x + math.cos(angle) * size * 0.5, y + math.sin(angle) * size * 0.72)
        canvas.drawPath(
            smooth([(x - 0.03, y), middle, tip, (middle[0] + 0.035, middle[1] + 0.02), (x + 0.03, y)]), fill(colour)
        )

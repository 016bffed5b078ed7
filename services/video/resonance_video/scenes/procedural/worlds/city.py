"""City street: towers with windows and signs in four groups, lamps, a wet pavement that mirrors them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import skia

from resonance_video.colours import Rgb, mixed
from resonance_video.models import Weather
from resonance_video.scenes.procedural.camera import HORIZON_Y
from resonance_video.scenes.procedural.pens import Canvas, Path, above_row, fill, glow, polygon, strip, stroke
from resonance_video.scenes.procedural.worlds.world import Frame, World, repeats

_GROUPS = 4
_WARM: Rgb = (1.0, 0.82, 0.52)
_COLD: Rgb = (0.78, 0.86, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A tile of towers: their silhouette, windows by group, and signs (x, y, width, height, group)."""

    period: float
    body: Path
    windows: tuple[Path, ...]
    signs: tuple[tuple[float, float, float, float, int], ...]


class City(World):
    """Three rows of towers behind a street."""

    mirror = 0.6

    def prepare(self, random: Random) -> None:
        """The rows, from far to near: (depth, block, haze)."""
        self._rows = [
            (0.12, make_block(random, period=9.0, height=(2.4, 5.4), width=(0.35, 0.7), cell=0.10, signs=0.0), 0.74),
            (0.26, make_block(random, period=10.0, height=(1.9, 4.6), width=(0.55, 1.0), cell=0.135, signs=0.42), 0.42),
            (0.48, make_block(random, period=12.0, height=(1.6, 4.4), width=(0.9, 1.6), cell=0.19, signs=0.85), 0.10),
        ]
        self._lamps = 4.6
        self._cars = [(random.random(), random.choice((-1, 1)), random.uniform(0.8, 1.4)) for _ in range(5)]

    def draw_back(self, canvas: Canvas, frame: Frame) -> None:
        """Sky, towers, street and its mirror image."""
        with above_row(canvas, frame.view.horizon_row(0.48)):
            self.draw_sky(canvas, frame)
            for number, (depth, block, haze) in enumerate(self._rows):
                draw_block(canvas, self, frame, block, depth, haze, number)
                self._draw_street_glow(canvas, frame, depth, number)
            self.draw_birds(canvas, frame)
        self._draw_street(canvas, frame)

    def draw_front(self, canvas: Canvas, frame: Frame) -> None:
        """Lamp posts that pass before the figure are left out, so that nothing hides it."""

    def _draw_street_glow(self, canvas: Canvas, frame: Frame, depth: float, number: int) -> None:
        """Light of the street between the rows of towers."""
        view = frame.view
        colour = mixed(self.lamp_colour(number, frame.hues), frame.look.haze, 0.45)
        strength = frame.look.lamps * (0.12 + 0.22 * frame.lights) + 0.10 * frame.look.day
        glow(
            canvas,
            (view.width * (0.3 + 0.2 * number), view.horizon_row(depth)),
            view.width * 0.75,
            colour,
            strength,
            flat=0.34,
        )

    def _draw_street(self, canvas: Canvas, frame: Frame) -> None:
        view, look = frame.view, frame.look
        row = view.horizon_row(0.48)
        near = mixed(look.ground, (0.0, 0.0, 0.0), 0.35)
        is_wet = self.weather in (Weather.RAIN, Weather.SNOW) or look.lamps > 0.5
        surface = canvas.getSurface()
        image_row = int(row)
        strip(
            frame.pixels,
            image_row,
            view.height,
            [
                (row, mixed(look.haze, look.ground, 0.55)),
                (row + 0.25 * (view.height - row), look.ground),
                (view.height, near),
            ],
        )
        if surface is not None:
            surface.notifyContentWillChange(skia.Surface.ContentChangeMode.kRetain_ContentChangeMode)
            self.mirror_rows(canvas, surface, frame, row, self.mirror * (1.0 if is_wet else 0.3))
        with view.layer(canvas, 0.75):
            for shift in repeats(frame.way + 1.6, 0.75, self._lamps, view.half_width(0.75) + 1):
                _draw_lamp(canvas, shift, frame)
        with view.layer(canvas, 1.0):
            half = view.half_width(1.0) + 1
            curb = mixed(look.ground, look.haze, 0.25)
            canvas.drawLine(-half, -0.16, half, -0.16, stroke(curb, 0.03, 0.8))
            for shift in repeats(frame.way, 1.0, 2.4, half):
                canvas.drawLine(shift, -0.15, shift - 0.5, 1.4, stroke(near, 0.012, 0.5))


def make_block(
    random: Random, *, period: float, height: tuple[float, float], width: tuple[float, float], cell: float, signs: float
) -> Block:
    """A tile of towers that fills `period` metres."""
    body = skia.Path()
    windows = [skia.Path() for _ in range(_GROUPS)]
    found = []
    x = -period / 2
    while x < period / 2 - width[0] * 0.5:
        wide = min(random.uniform(*width), period / 2 - x)
        high = random.uniform(*height) * (0.75 + 0.5 * random.random() ** 2)
        top = HORIZON_Y - high
        _tower(random, body, x, wide, top)
        _windows(random, windows, x, wide, top, cell)
        if random.random() < signs:
            sign_high = random.uniform(0.5, 1.1) if high > 1.8 else 0.4
            found.append(
                (
                    x + wide * random.uniform(0.2, 0.75),
                    top + random.uniform(0.25, 0.5) * high,
                    0.11,
                    sign_high,
                    random.randrange(8),
                )
            )
        x += wide + random.choice((0.0, 0.02, 0.12))
    return Block(period=period, body=body, windows=tuple(windows), signs=tuple(found))


def draw_block(
    canvas: Canvas,
    world: World,
    frame: Frame,
    block: Block,
    depth: float,
    haze: float,
    number: int,
    *,
    bottom: float = 3.0,
) -> None:
    """A row of towers with as many windows lit as the music has energy."""
    look, view = frame.look, frame.view
    dark = mixed(mixed(look.dark, look.haze, haze), look.sky_middle, 0.25 * haze)
    shade = mixed(dark, (0.0, 0.0, 0.0), 0.25)
    lit = look.lamps * (1.0 - 0.35 * haze)
    with view.layer(canvas, depth):
        canvas.translate(0, HORIZON_Y * (1 - _height_share(frame)))
        canvas.scale(1, _height_share(frame))
        for shift in repeats(frame.way, depth, block.period, view.half_width(depth) + 0.5):
            canvas.save()
            canvas.translate(shift, 0)
            canvas.drawPath(block.body, fill(dark, smooth=True))
            for group, path in enumerate(block.windows):
                burning = min(max(frame.lights * _GROUPS * 1.15 - group, 0.0), 1.0)
                colour = mixed(world.light if group % 2 == 0 else _COLD, _WARM, 0.35)
                colour = mixed(colour, world.lamp_colour(group + number, frame.hues), 0.75 * frame.hues * (group % 2))
                alpha = lit * (0.08 + 0.92 * burning)
                canvas.drawPath(path, fill(mixed(shade, colour, alpha), smooth=False))
            if lit > 0.2 and number > 0:
                _draw_signs(canvas, world, frame, block, lit)
            canvas.restore()


def _height_share(frame: Frame) -> float:
    """Towers are lower in wide pictures, so that the sky is seen."""
    wide = frame.view.width / frame.view.height
    return 0.56 if wide > 1.2 else 0.72 if wide > 0.8 else 1.0


def _draw_signs(canvas: Canvas, world: World, frame: Frame, block: Block, lit: float) -> None:
    for index, (x, y, wide, high, group) in enumerate(block.signs):
        on = min(max(frame.lights * 1.5 - 0.18 * (group % 4), 0.0), 1.0)
        colour = world.lamp_colour(index + frame.bar, frame.hues)
        strength = lit * on * (0.55 + 0.45 * frame.sparkle)
        glow(canvas, (x + wide / 2, y + high / 2), high * 0.95, colour, 0.42 * strength, flat=1.1)
        letters = max(2, round(high / 0.13))
        for letter in range(letters):
            top = y + high * letter / letters
            canvas.drawRect(
                skia.Rect.MakeLTRB(x, top, x + wide, top + high / letters * 0.72),
                fill(mixed(colour, (1, 1, 1), 0.35), 0.12 + 0.85 * strength),
            )


def _tower(random: Random, body: Path, x: float, wide: float, top: float) -> None:
    body.addRect(skia.Rect.MakeLTRB(x, top, x + wide, 3.0))
    kind = random.random()
    if kind < 0.22:
        body.addPath(polygon([(x, top), (x + wide / 2, top - wide * 0.55), (x + wide, top)]))
    elif kind < 0.5:
        inset = wide * random.uniform(0.15, 0.3)
        body.addRect(skia.Rect.MakeLTRB(x + inset, top - wide * 0.35, x + wide - inset, top))
        if random.random() < 0.6:
            body.addRect(skia.Rect.MakeLTRB(x + wide / 2 - 0.012, top - wide * 0.9, x + wide / 2 + 0.012, top))
    elif kind < 0.7:
        body.addRect(skia.Rect.MakeLTRB(x + wide * 0.6, top - 0.14, x + wide * 0.8, top))


def _windows(random: Random, windows: list[Path], x: float, wide: float, top: float, cell: float) -> None:
    columns = max(1, int(wide / cell) - 1)
    rows = int((HORIZON_Y - top) / (cell * 1.15)) + 1
    margin = (wide - columns * cell) / 2
    floors = [random.random() for _ in range(rows)]
    for row in range(rows):
        for column in range(columns):
            if random.random() < 0.30 + 0.3 * floors[row]:
                left, upper = x + margin + column * cell + cell * 0.22, top + cell * (0.45 + row * 1.15)
                windows[random.choices(range(_GROUPS), (2, 3, 4, 5))[0]].addRect(
                    skia.Rect.MakeLTRB(left, upper, left + cell * 0.5, upper + cell * 0.55)
                )


def _draw_lamp(canvas: Canvas, x: float, frame: Frame) -> None:
    look = frame.look
    dark = mixed(look.dark, (0, 0, 0), 0.3)
    canvas.drawLine(x, -0.1, x, -2.9, stroke(dark, 0.045))
    canvas.drawLine(x, -2.9, x + 0.42, -3.0, stroke(dark, 0.035))
    canvas.drawLine(x + 0.30, -2.985, x + 0.52, -2.985, stroke(dark, 0.06))
    on = look.lamps * (0.35 + 0.65 * frame.lights)
    if on > 0.05:
        glow(canvas, (x + 0.42, -2.93), 0.9, _WARM, 0.5 * on)
        canvas.drawOval(skia.Rect.MakeLTRB(x + 0.32, -2.975, x + 0.52, -2.92), fill((1.0, 0.93, 0.78), on))
        cone = polygon([(x + 0.34, -2.93), (x + 0.50, -2.93), (x + 1.1, -0.1), (x - 0.25, -0.1)])
        canvas.drawPath(cone, fill(_WARM, 0.045 * on))
        glow(canvas, (x + 0.42, -0.08), 0.95, _WARM, 0.22 * on, flat=0.16)

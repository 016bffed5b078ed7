"""World: the base of all places, with the parts that they share: sky, sun, moon, stars, clouds, birds and haze."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import skia
from numpy.typing import NDArray

from resonance_video.colours import Rgb, luminance, mixed, to_rgb
from resonance_video.models import Style, Weather
from resonance_video.scenes.procedural.camera import View
from resonance_video.scenes.procedural.hours import Look
from resonance_video.scenes.procedural.pens import Canvas, Path, fill, glow, smooth, strip, stroke

_WHITE: Rgb = (1.0, 1.0, 1.0)
CLOUD_DEPTH, SUN_DEPTH = 0.06, 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One moment: the light, the camera, the drive's values, seconds, and the way that the figure has walked, in metres.

    `pixels` is the picture `[height, width, 4]` that the canvas draws on.
    """

    look: Look
    view: View
    pixels: NDArray[np.uint8]
    seconds: float
    way: float
    lights: float
    bloom: float
    ripple: float
    sparkle: float
    splash: float
    hues: float
    crowd: float
    tension: float
    beat: float
    bar: int


class World:
    """A place. `draw_back` fills the picture behind the figure, `draw_front` what stands before it."""

    # Depth of ground beneath the feet, in metres, is 0; worlds in which nobody walks on do not scroll.
    scrolls = True
    # Wet or smooth ground mirrors what stands above it, with this strength.
    mirror = 0.0
    is_indoors = False

    def __init__(self, style: Style, weather: Weather, seed: int) -> None:
        self.style, self.weather = style, weather
        colours = [to_rgb(colour.hex) for colour in style.palette]
        self.ground_colour, self.light, self.accent = colours[:3]
        self.hue_list = colours[1:]
        random = Random(f"world/{type(self).__name__}/{seed}")
        self._stars = [
            (random.uniform(0, 1), random.random() ** 1.3, random.uniform(0.4, 1.0), random.random())
            for _ in range(150)
        ]
        self._clouds = [_cloud(random) for _ in range(9)]
        self._sun_x = random.uniform(-0.28, 0.28)
        self._birds = [(random.uniform(-1, 1), random.uniform(0, 1), random.uniform(0.7, 1.3)) for _ in range(14)]
        self.prepare(random)

    def prepare(self, random: Random) -> None:
        """Draws whatever is fixed for the world's life, once."""

    def draw_back(self, canvas: Canvas, frame: Frame) -> None:
        """Everything behind the figure."""
        raise NotImplementedError

    def draw_front(self, canvas: Canvas, frame: Frame) -> None:
        """Everything before the figure."""

    def draw_sky(self, canvas: Canvas, frame: Frame, *, horizon: float | None = None) -> None:
        """Sky, stars, sun, moon, clouds and the horizon's glow."""
        look, view = frame.look, frame.view
        row = view.horizon_row(0.1) if horizon is None else horizon
        misty = 0.35 if self.weather in (Weather.MIST, Weather.RAIN, Weather.SNOW) else 0.0
        middle, low = mixed(look.sky_middle, look.haze, misty), mixed(look.sky_low, look.haze, misty)
        middle = self._coloured(middle, self.hue_list[min(2, len(self.hue_list) - 1)], look, frame.hues)
        low = self._coloured(low, self.hue_list[1], look, frame.hues)
        strip(
            frame.pixels,
            0,
            canvas.getDeviceClipBounds().bottom(),
            [(0, mixed(look.sky_top, look.haze, misty * 0.6)), (row * 0.55, middle), (row, low), (view.height, low)],
        )
        clear = 1.0 if self.weather is Weather.CLEAR else 0.35
        self._draw_stars(canvas, frame, row, clear)
        self._draw_sun(canvas, frame, row, clear)
        self._draw_moon(canvas, frame, row, max(clear, 0.6))
        self._draw_clouds(canvas, frame, row)
        glow_alpha = (0.10 + 0.30 * frame.bloom) * (0.35 + 0.65 * (look.day > 0.3) + 0.3 * look.lamps)
        glow(
            canvas,
            (view.width * (0.5 + self._sun_x * 0.6), row),
            view.width * 0.75,
            look.sky_low,
            min(glow_alpha * 1.2, 0.5),
            flat=0.30,
        )

    def _coloured(self, colour: Rgb, own: Rgb, look: Look, hues: float) -> Rgb:
        """A colour of the sky: in the hue of the sky's top with simple harmony, towards a hue of its own with rich harmony."""
        if hues >= 0.5:
            return mixed(colour, own, 0.8 * (hues - 0.5))
        factor = luminance(colour) / max(luminance(look.sky_top), 1e-3)
        red, green, blue = look.sky_top
        strength = min(factor**0.45, 1 / max(red, green, blue, 1e-3))
        return mixed(colour, (red * strength, green * strength, blue * strength), 1.5 * (0.5 - hues))

    def draw_birds(self, canvas: Canvas, frame: Frame) -> None:
        """Birds far away by day; more of them where more plays."""
        if frame.look.day < 0.15:
            return
        view = frame.view
        row = view.horizon_row(0.1)
        count = round(frame.crowd * len(self._birds))
        for x, y, size in self._birds[:count]:
            at = ((x + frame.seconds * 0.03 * size + 1) % 2.4 - 1.2, y)
            px, py = view.width * (0.5 + at[0] * 0.55), row * (0.18 + 0.5 * at[1])
            wing = view.height * 0.007 * size
            flap = math.sin(frame.seconds * 7 * size + x * 9) * 0.6
            path = smooth(
                [
                    (px - wing * 1.5, py - wing * flap),
                    (px - wing * 0.6, py - wing * 0.4),
                    (px, py),
                    (px + wing * 0.6, py - wing * 0.4),
                    (px + wing * 1.5, py - wing * flap),
                ],
                is_closed=False,
            )
            canvas.drawPath(path, stroke(mixed(frame.look.dark, frame.look.sky_middle, 0.2), wing * 0.28))

    def mirror_rows(
        self, canvas: Canvas, surface: Any, frame: Frame, row: float, strength: float, *, squeeze: float = 0.62
    ) -> None:
        """Mirrors what stands above `row` onto the ground below in strips that ripple."""
        view = frame.view
        row = min(max(row, 8.0), view.height - 4.0)
        image = surface.makeImageSnapshot()
        depth = view.height - row
        bands = 26
        options = skia.SamplingOptions(skia.FilterMode.kLinear)
        for band in range(bands):
            first, last = (band / bands) ** 1.25, ((band + 1) / bands) ** 1.25
            top, bottom = row + depth * first, row + depth * last + 0.8
            wave = (
                math.sin(frame.seconds * 2.2 + band * 1.15)
                * (0.6 + 7.0 * frame.ripple)
                * (0.25 + first)
                * view.width
                / 720
            )
            source_top = row - (bottom - row) / squeeze
            source_bottom = row - (top - row) / squeeze
            if source_top < 0:
                break
            paint = skia.Paint(Alphaf=strength * (1 - 0.75 * first))
            canvas.save()
            canvas.clipRect(skia.Rect.MakeLTRB(0, top, view.width, bottom))
            canvas.translate(wave, top + bottom)
            canvas.scale(1, -1)
            canvas.drawImageRect(
                image,
                skia.Rect.MakeLTRB(0, source_top, view.width, source_bottom),
                skia.Rect.MakeLTRB(0, top, view.width, bottom),
                options,
                paint,
            )
            canvas.restore()

    def lamp_colour(self, index: int, hues: float) -> Rgb:
        """The colour of a sign: with simple harmony all have the light's, with rich harmony they have all hues."""
        count = 1 + round(hues * (len(self.hue_list) - 1))
        return self.hue_list[index % count]

    def _draw_stars(self, canvas: Canvas, frame: Frame, row: float, clear: float) -> None:
        alpha = frame.look.stars * clear
        if alpha < 0.03:
            return
        width, unit = frame.view.width, frame.view.height / 1280
        for x, y, size, phase in self._stars:
            twinkle = 0.65 + 0.35 * math.sin(frame.seconds * (1 + 2 * phase) + 9 * phase)
            canvas.drawCircle(
                x * width,
                y * row * 0.92,
                (0.6 + 1.1 * size) * unit,
                fill(_WHITE, alpha * twinkle * (0.35 + 0.6 * size) * (1 - 0.7 * y)),
            )

    def _draw_sun(self, canvas: Canvas, frame: Frame, row: float, clear: float) -> None:
        look, view = frame.look, frame.view
        if look.sun < -0.15:
            return
        radius = view.height * 0.05
        x, y = view.width * (0.5 + self._sun_x), row - look.sun * row * 0.72
        visible = min(max((look.sun + 0.15) / 0.2, 0.0), 1.0) * (0.35 + 0.65 * clear)
        warm = mixed(look.key, _WHITE, 0.35)
        glow(canvas, (x, y), radius * 5.5, look.key, (0.42 - 0.14 * look.day) * visible)
        glow(canvas, (x, y), radius * 3.6, warm, 0.55 * visible)
        canvas.drawCircle(x, y, radius, fill(mixed(look.key, _WHITE, 0.6), visible))

    def _draw_moon(self, canvas: Canvas, frame: Frame, row: float, clear: float) -> None:
        look, view = frame.look, frame.view
        alpha = min(max((look.moon - 0.05) / 0.4, 0.0), 1.0) * (1 - 0.75 * look.day) * clear
        if alpha < 0.02:
            return
        radius = view.height * 0.030
        x, y = view.width * (0.5 - self._sun_x * 1.15 + 0.06), row - (0.35 + 0.5 * look.moon) * row * 0.85
        pale: Rgb = (0.96, 0.96, 1.0)
        glow(canvas, (x, y), radius * 5.5, mixed(pale, look.sky_middle, 0.35), 0.34 * alpha)
        canvas.save()
        moon = skia.Path().addCircle(x, y, radius)
        canvas.clipPath(moon, True)
        canvas.drawPaint(fill(pale, alpha))
        canvas.drawCircle(x + radius * 0.42, y - radius * 0.25, radius * 0.92, fill(look.sky_top, alpha * 0.9))
        canvas.restore()

    def _draw_clouds(self, canvas: Canvas, frame: Frame, row: float) -> None:
        look, view = frame.look, frame.view
        heavy = {Weather.RAIN: 1.0, Weather.SNOW: 0.8, Weather.MIST: 0.6}.get(self.weather, 0.55)
        light = mixed(mixed(look.sky_middle, look.sky_low, 0.55), _WHITE, 0.35 * look.day)
        count = round(len(self._clouds) * heavy)
        for path, x, y, size, speed in self._clouds[:count]:
            across = (x + frame.seconds * 0.006 * speed * (1 + abs(frame.tension)) + 0.25) % 1.5 - 0.25
            canvas.save()
            canvas.translate(across * view.width, row * (0.10 + 0.66 * y))
            scale = view.height * 0.16 * size
            canvas.scale(scale, scale * 0.55)
            canvas.drawPath(path, fill(light, (0.10 + 0.16 * heavy + 0.22 * look.day) * (0.5 + 0.5 * y)))
            canvas.restore()


def _cloud(random: Random) -> tuple[Path, float, float, float, float]:
    """A heap of discs on a flat base, with its place, size and speed."""
    path = skia.Path()
    for _ in range(random.randint(5, 8)):
        x = random.uniform(-1, 1)
        radius = random.uniform(0.22, 0.5) * (1.15 - 0.6 * abs(x))
        path.addCircle(x, -radius * 0.55, radius)
    path.addOval(skia.Rect.MakeLTRB(-1.35, -0.32, 1.35, 0.16))
    merged = skia.Simplify(path)
    return (
        merged if merged is not None else path,
        random.random() * 1.5,
        random.random(),
        random.uniform(0.6, 1.3),
        random.uniform(0.5, 1.5),
    )


def ridge(
    random: Random, *, half_width: float, base: float, height: float, step: float, roughness: float = 1.0
) -> Path:
    """A skyline of hills or mountains from -half_width to half_width, `height` high above `base`; y grows downwards."""
    phases = [(random.uniform(0, 6.3), random.uniform(0.7, 1.3)) for _ in range(5)]
    points = [(-half_width, base + 6.0)]
    x = -half_width
    while x <= half_width + step:
        level = sum(
            math.sin(x * (0.35 * 1.9**octave) * speed + phase) / 1.7**octave
            for octave, (phase, speed) in enumerate(phases)
        )
        jag = roughness * (abs((x * 0.9 + phases[0][0]) % 2 - 1) + 0.4 * abs((x * 2.3 + phases[1][0]) % 2 - 1))
        points.append((x, base - height * (0.42 + 0.22 * level + 0.25 * jag)))
        x += step
    points.append((half_width + step, base + 6.0))
    path = skia.Path()
    path.moveTo(*points[0])
    for point in points[1:]:
        path.lineTo(*point)
    path.close()
    return path


def repeats(way: float, depth: float, period: float, half_width: float) -> list[float]:
    """Shifts at which a tile of `period` metres is drawn, so that it covers the view after a way of `way` metres."""
    offset = -(way * depth) % period
    shifts = []
    x = offset - period * math.ceil((half_width + period) / period)
    while x < half_width + period:
        shifts.append(x)
        x += period
    return [
        shift for shift in shifts if shift + period / 2 > -half_width - 0.01 and shift - period / 2 < half_width + 0.01
    ]

"""Weather before and behind the figure: rain, snow, mist, drifting lights."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import skia

from resonance_video.colours import Rgb, mixed
from resonance_video.models import Weather
from resonance_video.scenes.procedural.pens import Canvas, fill, glow, stroke
from resonance_video.scenes.procedural.worlds.world import Frame

_WHITE: Rgb = (1.0, 1.0, 1.0)
# Pixels of a step of the mist's grid, and the height of a veil against its width.
_VEIL_SCALE, _VEIL_FLAT = 8, 0.26
_DROPS, _FLAKES, _MOTES, _RINGS = 170, 190, 26, 22


class Particles:
    """Particles of one scene; their ways repeat and depend on nothing but the seed and the time."""

    def __init__(self, weather: Weather, seed: int) -> None:
        self._weather = weather
        random = Random(f"particles/{seed}")
        self._grains = [
            (random.random(), random.random(), random.uniform(0.5, 1.5), random.random()) for _ in range(200)
        ]

    def draw_behind(self, canvas: Canvas, frame: Frame) -> None:
        """Far particles and mist, behind the figure."""
        if self._weather is Weather.MIST:
            self._mist(canvas, frame, 0.30)
        self._fall(canvas, frame, first=0.4, last=1.0, size=0.6)

    def draw_before(self, canvas: Canvas, frame: Frame) -> None:
        """Near particles, rings on the ground and drifting lights, before the figure."""
        self._fall(canvas, frame, first=0.0, last=0.4, size=1.25)
        if self._weather is Weather.RAIN:
            self._rings(canvas, frame)
        if self._weather is Weather.MIST:
            self._mist(canvas, frame, 0.16)
        if self._weather is Weather.CLEAR:
            self._motes(canvas, frame)

    def _fall(self, canvas: Canvas, frame: Frame, *, first: float, last: float, size: float) -> None:
        if self._weather is Weather.RAIN:
            self._rain(canvas, frame, self._grains[int(first * _DROPS) : int(last * _DROPS)], size)
        elif self._weather is Weather.SNOW:
            self._snow(canvas, frame, self._grains[int(first * _FLAKES) : int(last * _FLAKES)], size)

    def _rain(self, canvas: Canvas, frame: Frame, drops: list[tuple[float, float, float, float]], size: float) -> None:
        width, height = frame.view.width, frame.view.height
        slant = 0.10 + 0.28 * abs(frame.tension)
        length = height * 0.035 * size
        path = skia.Path()
        for x, y, speed, _ in drops:
            fallen = (y + frame.seconds * (1.1 + 0.5 * speed)) % 1.15 - 0.08
            px = ((x + fallen * slant) % 1.1 - 0.05) * width
            path.moveTo(px, fallen * height)
            path.lineTo(px + length * slant, fallen * height + length)
        colour = mixed(frame.look.haze, _WHITE, 0.55)
        canvas.drawPath(path, stroke(colour, height / 1280 * 1.6 * size, 0.30 if size < 1 else 0.36))

    def _snow(self, canvas: Canvas, frame: Frame, flakes: list[tuple[float, float, float, float]], size: float) -> None:
        width, height = frame.view.width, frame.view.height
        for x, y, speed, phase in flakes:
            fallen = (y + frame.seconds * (0.05 + 0.05 * speed)) % 1.1 - 0.05
            drift = 0.03 * math.sin(frame.seconds * 0.8 + 6.3 * phase) + 0.03 * frame.seconds * (
                0.2 + abs(frame.tension)
            )
            canvas.drawCircle(
                ((x + drift) % 1.1 - 0.05) * width,
                fallen * height,
                height * 0.0024 * speed * size * 1.3,
                fill(_WHITE, 0.78),
            )

    def _mist(self, canvas: Canvas, frame: Frame, alpha: float) -> None:
        """Nine veils of one colour. Their density is worked out on a small grid, and drawn once: as nine large gradients they took
        three times as long."""
        view = frame.view
        wide, high = max(view.width // _VEIL_SCALE, 8), max(view.height // _VEIL_SCALE, 8)
        columns = (np.arange(wide) + 0.5) * (view.width / wide)
        rows = (np.arange(high) + 0.5) * (view.height / high)
        clear = np.ones((high, wide))
        for index, (x, y, speed, _) in enumerate(self._grains[:9]):
            across = (x + frame.seconds * 0.014 * speed * (1 if index % 2 else -1)) % 1.6 - 0.3
            row = view.horizon_row(0.5) + view.height * (0.16 * y - 0.10)
            radius = view.width * (0.45 + 0.3 * speed)
            places = np.hypot(
                (columns - across * view.width)[None, :] / radius, (rows - row)[:, None] / (radius * _VEIL_FLAT)
            )
            clear *= 1 - alpha * (0.5 + 0.5 * speed) * 1.1 * np.square(np.maximum(1 - places, 0))
        density = 1 - clear
        seen = np.flatnonzero(density.max(axis=1) > 0.002)
        if not len(seen):
            return
        colour = np.array([*mixed(frame.look.haze, _WHITE, 0.25), 1.0])
        veil = np.round(255 * density[:, :, None] * colour).astype(np.uint8)
        image = skia.Image.fromarray(veil, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType, copy=False)
        scale = view.height / high
        canvas.save()
        canvas.clipRect(skia.Rect.MakeLTRB(0, (seen[0] - 1) * scale, view.width, (seen[-1] + 2) * scale))
        whole = skia.Rect.MakeWH(view.width, view.height)
        canvas.drawImageRect(image, whole, skia.SamplingOptions(skia.FilterMode.kLinear))
        canvas.restore()

    def _rings(self, canvas: Canvas, frame: Frame) -> None:
        view = frame.view
        top = view.horizon_row(0.6)
        strength = 0.25 + 0.75 * frame.splash
        for x, y, speed, phase in self._grains[:_RINGS]:
            age = (frame.seconds * (0.9 + 0.4 * speed) + phase) % 1.0
            jump = math.floor(frame.seconds * (0.9 + 0.4 * speed) + phase)
            px = ((x + 0.377 * jump) % 1.0) * view.width
            py = top + ((y + 0.231 * jump) % 1.0) * (view.height - top)
            radius = view.height * 0.018 * age * (0.5 + (py - top) / max(view.height - top, 1))
            oval = skia.Rect.MakeLTRB(px - radius, py - radius * 0.3, px + radius, py + radius * 0.3)
            canvas.drawOval(
                oval, stroke(mixed(frame.look.haze, _WHITE, 0.5), view.height / 1280 * 1.4, 0.5 * strength * (1 - age))
            )

    def _motes(self, canvas: Canvas, frame: Frame) -> None:
        """Bokeh that the treble lights."""
        view, strength = frame.view, frame.sparkle * (0.35 + 0.65 * frame.look.lamps)
        count = round(_MOTES * (0.3 + 0.7 * frame.crowd))
        for x, y, speed, phase in self._grains[:count]:
            px = (x + 0.02 * math.sin(frame.seconds * 0.5 * speed + 6.3 * phase)) * view.width
            py = ((y - frame.seconds * 0.018 * speed) % 1.1 - 0.05) * view.height
            pulse = 0.5 + 0.5 * math.sin(frame.seconds * 1.3 * speed + 6.3 * phase)
            glow(canvas, (px, py), view.height * 0.014 * (0.6 + speed), frame.look.key, 0.5 * strength * pulse)

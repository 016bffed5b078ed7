"""Drawing helpers over Skia: paints, smooth paths, glows and strips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import skia
from numpy.typing import NDArray

from resonance_video.colours import Rgb

Point = tuple[float, float]
Canvas = Any
Path = Any
Paint = Any
_FALL = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
# Less than this many steps of 255 change no pixel.
_SEEN = 0.4


def colour4(colour: Rgb, alpha: float = 1.0) -> Any:
    """Skia's colour of an sRGB colour."""
    return skia.Color4f(colour[0], colour[1], colour[2], min(max(alpha, 0.0), 1.0))


def fill(colour: Rgb, alpha: float = 1.0, *, blend: Any = None, smooth: bool = True) -> Paint:
    """A paint that fills."""
    paint = skia.Paint(AntiAlias=smooth)
    paint.setColor4f(colour4(colour, alpha))
    if blend is not None:
        paint.setBlendMode(blend)
    return paint


def stroke(colour: Rgb, width: float, alpha: float = 1.0, *, is_round: bool = True) -> Paint:
    """A paint that draws lines."""
    paint = fill(colour, alpha)
    paint.setStyle(skia.Paint.kStroke_Style)
    paint.setStrokeWidth(width)
    if is_round:
        paint.setStrokeCap(skia.Paint.kRound_Cap)
        paint.setStrokeJoin(skia.Paint.kRound_Join)
    return paint


def gradient(start: Point, end: Point, colours: Sequence[tuple[Rgb, float]], places: Sequence[float] = ()) -> Paint:
    """A paint with a linear gradient of (colour, alpha)."""
    ints = [colour4(colour, alpha).toColor() for colour, alpha in colours]
    positions = list(places) or [index / (len(ints) - 1) for index in range(len(ints))]
    shader = skia.GradientShader.MakeLinear([skia.Point(*start), skia.Point(*end)], ints, positions)
    return skia.Paint(AntiAlias=True, Shader=shader)


def polygon(points: Sequence[Point], *, is_closed: bool = True) -> Path:
    """Straight lines through points."""
    path = skia.Path()
    path.moveTo(*points[0])
    for point in points[1:]:
        path.lineTo(*point)
    if is_closed:
        path.close()
    return path


def smooth(points: Sequence[Point], *, is_closed: bool = True, tension: float = 0.5) -> Path:
    """A Catmull-Rom curve through points."""
    count = len(points)
    path = skia.Path()
    path.moveTo(*points[0])
    for index in range(count if is_closed else count - 1):
        first, second = points[index], points[(index + 1) % count]
        before = points[(index - 1) % count] if is_closed or index else first
        after = points[(index + 2) % count] if is_closed or index + 2 < count else second
        path.cubicTo(
            first[0] + (second[0] - before[0]) * tension / 3,
            first[1] + (second[1] - before[1]) * tension / 3,
            second[0] - (after[0] - first[0]) * tension / 3,
            second[1] - (after[1] - first[1]) * tension / 3,
            *second,
        )
    if is_closed:
        path.close()
    return path


def glow(
    canvas: Canvas, centre: Point, radius: float, colour: Rgb, alpha: float, *, flat: float = 1.0, is_veil: bool = False
) -> None:
    """Adds light in a soft disc, or veils what is behind it; `flat` is its height against its width."""
    if alpha <= 0.004 or radius <= 0:
        return
    stops = [colour4(colour, alpha * (1 - place) ** 2).toColor() for place in _FALL]
    paint = skia.Paint(
        Shader=skia.GradientShader.MakeRadial(skia.Point(0, 0), radius, stops, _FALL),
        BlendMode=skia.BlendMode.kSrcOver if is_veil else skia.BlendMode.kPlus,
    )
    # In the outermost ring the light falls off along a straight line; where it is too weak to be seen it is not drawn.
    strongest = 1.0 if is_veil else max(colour)
    ring = alpha * (1 - _FALL[-2]) * strongest * 255
    seen = radius * (1.0 - min(_SEEN / ring, 1.0) * (1 - _FALL[-2])) if ring > 0 else radius
    canvas.save()
    canvas.translate(*centre)
    canvas.scale(1.0, flat)
    canvas.drawCircle(0, 0, seen, paint)
    canvas.restore()


@contextmanager
def above_row(canvas: Canvas, row: float) -> Iterator[None]:
    """Draws into the rows above `row` alone: what the ground will cover is not drawn."""
    canvas.save()
    try:
        canvas.clipRect(skia.Rect.MakeLTRB(-1, -1, 1e5, max(int(row), 0)))
        yield
    finally:
        canvas.restore()


def strip(pixels: NDArray[np.uint8], top: int, bottom: int, stops: Sequence[tuple[float, Rgb]]) -> None:
    """Fills the rows `top` to before `bottom` of a picture `[height, width, 4]` with a vertical gradient; stops are (row, colour)."""
    top, bottom = max(top, 0), min(bottom, len(pixels))
    if bottom <= top:
        return
    rows = np.arange(top, bottom) + 0.5
    places = [row for row, _ in stops]
    column = np.full((bottom - top, 4), 255, np.uint8)
    for channel in range(3):
        values = np.interp(rows, places, [colour[channel] for _, colour in stops]) * 255
        column[:, channel] = (values + 0.5).astype(np.uint8)
    # A pixel is written as one word: a fifth of the time of writing its channels one by one.
    pixels.view(np.uint32)[top:bottom, :, 0] = column.view(np.uint32)

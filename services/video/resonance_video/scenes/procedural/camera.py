"""Camera: eased moves, shot sizes, and the transform of a layer at a depth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from resonance_video.models import ShotMove, ShotSize
from resonance_video.scenes.procedural.pens import Canvas

# Metres of picture height, by aspect kind and size; figures are about 1.75 m high, their feet at y = 0, y grows downwards.
_HEIGHTS = {
    "tall": {ShotSize.WIDE: 6.4, ShotSize.MEDIUM: 3.5, ShotSize.CLOSE: 1.9},
    "square": {ShotSize.WIDE: 4.4, ShotSize.MEDIUM: 2.7, ShotSize.CLOSE: 1.55},
    "wide": {ShotSize.WIDE: 4.0, ShotSize.MEDIUM: 2.5, ShotSize.CLOSE: 1.4},
}
# Where in the picture the horizon lies, and the height of the figure that the camera looks at.
_FOCUS_Y = {ShotSize.WIDE: -1.0, ShotSize.MEDIUM: -1.02, ShotSize.CLOSE: -1.36}
_FOCUS_AT = {"tall": 0.70, "square": 0.66, "wide": 0.66}
HORIZON_Y = -0.62
_MOVE_ZOOM, _MOVE_PAN, _MOVE_RISE = 0.13, 0.55, 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The camera at one frame: size of the picture in pixels, pixels per metre, and the point it looks at, in metres.

    `wide_scale` is the scale of the widest view: layers at depth 0 keep it, those at depth 1 have `scale`, and those between have one
    between, which gives depth to zooms. `tilt` is in degrees.
    """

    width: int
    height: int
    scale: float
    wide_scale: float
    x: float
    y: float
    focus_at: float
    tilt: float

    def layer_scale(self, depth: float) -> float:
        """Pixels per metre of a layer."""
        return float(self.wide_scale * (self.scale / self.wide_scale) ** min(depth, 1.6))

    def horizon_row(self, depth: float = 0.35) -> float:
        """The picture's row of the horizon for a layer."""
        return self._row(HORIZON_Y, depth)

    def half_width(self, depth: float) -> float:
        """Half the picture's width in metres of a layer."""
        return self.width / 2 / self.layer_scale(depth)

    def top(self, depth: float) -> float:
        """The picture's upper edge in metres of a layer."""
        return self._centre_y(depth) - self.focus_at * self.height / self.layer_scale(depth)

    def bottom(self, depth: float) -> float:
        """The picture's lower edge in metres of a layer."""
        return self._centre_y(depth) + (1 - self.focus_at) * self.height / self.layer_scale(depth)

    @contextmanager
    def layer(self, canvas: Canvas, depth: float) -> Iterator[None]:
        """Draws in metres of a layer: x = 0 in the middle of the picture when the camera looks at x = 0."""
        canvas.save()
        try:
            canvas.translate(self.width / 2, self.focus_at * self.height)
            if self.tilt:
                canvas.rotate(self.tilt)
            scale = self.layer_scale(depth)
            canvas.scale(scale, scale)
            canvas.translate(-self.x * depth, -self._centre_y(depth))
            yield
        finally:
            canvas.restore()

    def _centre_y(self, depth: float) -> float:
        """The height that the camera looks at: near layers follow it, far ones stay with the wide view's."""
        return _FOCUS_Y[ShotSize.WIDE] + (self.y - _FOCUS_Y[ShotSize.WIDE]) * min(depth, 1.0)

    def layer_row(self, y: float, depth: float) -> float:
        """The picture's row of a height in metres of a layer, in the middle of the picture."""
        return self._row(y, depth)

    @property
    def tilted(self) -> float:
        """How far a tilted camera moves a row at the picture's edges, in pixels."""
        return math.tan(math.radians(abs(self.tilt))) * self.width / 2

    def _row(self, y: float, depth: float) -> float:
        return self.focus_at * self.height + (y - self._centre_y(depth)) * self.layer_scale(depth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """The camera of one shot: its size, its move and the direction of a pan."""

    width: int
    height: int
    size: ShotSize
    move: ShotMove
    direction: float
    reach: float

    def view(self, share: float, *, tilt: float = 0.0) -> View:
        """The view at a share of the shot; moves are eased at both ends."""
        kind = "tall" if self.height > 1.2 * self.width else "wide" if self.width > 1.2 * self.height else "square"
        metres = _HEIGHTS[kind]
        eased = _ease(share)
        zoom = {ShotMove.PUSH: eased, ShotMove.PULL: 1 - eased}.get(self.move, 0.5)
        scale = self.height / metres[self.size] * (1 + self.reach * _MOVE_ZOOM * (2 * zoom - 1))
        x, y = 0.0, _FOCUS_Y[self.size]
        near = metres[self.size] / metres[ShotSize.WIDE]
        if self.move is ShotMove.PAN:
            x = self.direction * self.reach * _MOVE_PAN * near * (2 * eased - 1)
        if self.move is ShotMove.RISE:
            y += self.reach * _MOVE_RISE * near * (0.5 - eased)
        return View(
            width=self.width,
            height=self.height,
            scale=scale,
            wide_scale=self.height / metres[ShotSize.WIDE],
            x=x,
            y=y,
            focus_at=_FOCUS_AT[kind],
            tilt=tilt,
        )


def _ease(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)

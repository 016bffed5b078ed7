"""Light of the hours: colours of sky, haze, silhouettes and lamps between two times of day."""

from __future__ import annotations

from dataclasses import dataclass, fields

from resonance_video.colours import Rgb, mixed, to_rgb
from resonance_video.models import Hour, HourArc, Style

_ORDER = (Hour.NIGHT, Hour.DAWN, Hour.DAY, Hour.SUNSET, Hour.DUSK)
_BLACK: Rgb = (0.0, 0.0, 0.0)
_RED: Rgb = (0.78, 0.12, 0.14)
# The hour moves between these shares of the video, and rests before and after.
_ARC_FROM, _ARC_TO = 0.12, 0.92


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The light at one moment. `sun` and `moon` are heights from -0.2 (below the horizon) to 1; `lamps` is how much lamps count."""

    sky_top: Rgb
    sky_middle: Rgb
    sky_low: Rgb
    haze: Rgb
    dark: Rgb
    ground: Rgb
    ambient: Rgb
    key: Rgb
    lamps: float
    stars: float
    sun: float
    moon: float
    day: float


def look_of(style: Style, hour: Hour) -> Look:
    """The look of an hour in the palette of a style."""
    colours = [to_rgb(colour.hex) for colour in style.palette]
    ground, light, accent = colours[:3]
    second = colours[3] if len(colours) > 3 else accent
    sky = colours[4] if len(colours) > 4 else second
    return _LOOKS[hour](ground, light, accent, second, sky)


def look_at(style: Style, arc: HourArc, share: float, *, tension: float = 0.0) -> Look:
    """The look at a share of the video; hours between the arc's ends are passed in their order. Tension reddens the sky."""
    path = _path(arc.start, arc.end)
    progress = min(max((share - _ARC_FROM) / (_ARC_TO - _ARC_FROM), 0.0), 1.0) * (len(path) - 1)
    first = min(int(progress), len(path) - 1)
    second = min(first + 1, len(path) - 1)
    look = _between(look_of(style, path[first]), look_of(style, path[second]), progress - first)
    return _tense(look, tension) if tension > 0.01 else look


def _path(start: Hour, end: Hour) -> list[Hour]:
    """Hours from one to another, onwards; a night that comes after the day comes through sunset and dusk."""
    place, path = _ORDER.index(start), [start]
    while path[-1] is not end:
        place = (place + 1) % len(_ORDER)
        path.append(_ORDER[place])
    return path


def _between(first: Look, second: Look, share: float) -> Look:
    def value(name: str) -> Rgb | float:
        one, other = getattr(first, name), getattr(second, name)
        return mixed(one, other, share) if isinstance(one, tuple) else one + (other - one) * share

    return Look(**{field.name: value(field.name) for field in fields(Look)})  # type: ignore[arg-type]


def _tense(look: Look, tension: float) -> Look:
    share = min(tension, 1.0)
    changes = {
        "sky_low": mixed(look.sky_low, _RED, 0.75 * share),
        "sky_middle": mixed(look.sky_middle, mixed(_RED, _BLACK, 0.45), 0.6 * share),
        "haze": mixed(look.haze, _RED, 0.5 * share),
    }
    return Look(**{field.name: changes.get(field.name, getattr(look, field.name)) for field in fields(Look)})


def _night(ground: Rgb, light: Rgb, accent: Rgb, second: Rgb, sky: Rgb) -> Look:
    return Look(
        sky_top=mixed(ground, _BLACK, 0.35),
        sky_middle=mixed(ground, sky, 0.28),
        sky_low=mixed(mixed(mixed(ground, sky, 0.66), second, 0.22), (1.0, 1.0, 1.0), 0.06),
        haze=mixed(mixed(ground, sky, 0.58), second, 0.08),
        dark=mixed(ground, _BLACK, 0.5),
        ground=mixed(ground, _BLACK, 0.3),
        ambient=mixed((0.62, 0.66, 0.86), sky, 0.18),
        key=accent,
        lamps=1.0,
        stars=1.0,
        sun=-0.2,
        moon=0.72,
        day=0.0,
    )


def _dawn(ground: Rgb, light: Rgb, accent: Rgb, second: Rgb, sky: Rgb) -> Look:
    return Look(
        sky_top=mixed(mixed(ground, sky, 0.55), (0.36, 0.44, 0.72), 0.5),
        sky_middle=mixed((0.80, 0.56, 0.72), second, 0.35),
        sky_low=mixed((1.0, 0.76, 0.48), light, 0.35),
        haze=mixed((0.96, 0.66, 0.58), second, 0.18),
        dark=mixed(ground, (0.30, 0.20, 0.34), 0.55),
        ground=mixed((0.50, 0.36, 0.42), ground, 0.4),
        ambient=(1.0, 0.90, 0.88),
        key=(1.0, 0.86, 0.62),
        lamps=0.3,
        stars=0.1,
        sun=0.22,
        moon=0.3,
        day=0.55,
    )


def _day(ground: Rgb, light: Rgb, accent: Rgb, second: Rgb, sky: Rgb) -> Look:
    return Look(
        sky_top=mixed((0.22, 0.50, 0.86), sky, 0.3),
        sky_middle=mixed((0.52, 0.76, 0.95), sky, 0.15),
        sky_low=mixed((0.90, 0.95, 0.98), light, 0.2),
        haze=mixed((0.80, 0.88, 0.95), sky, 0.12),
        dark=mixed(ground, (0.20, 0.34, 0.40), 0.6),
        ground=mixed((0.62, 0.64, 0.60), light, 0.2),
        ambient=(1.04, 1.03, 1.0),
        key=(1.0, 0.97, 0.86),
        lamps=0.05,
        stars=0.0,
        sun=0.8,
        moon=-0.2,
        day=1.0,
    )


def _sunset(ground: Rgb, light: Rgb, accent: Rgb, second: Rgb, sky: Rgb) -> Look:
    return Look(
        sky_top=mixed(mixed(ground, sky, 0.5), (0.24, 0.18, 0.46), 0.5),
        sky_middle=mixed((0.86, 0.38, 0.42), second, 0.3),
        sky_low=mixed((1.0, 0.66, 0.30), light, 0.3),
        haze=mixed((0.96, 0.52, 0.36), second, 0.15),
        dark=mixed(ground, (0.24, 0.10, 0.20), 0.5),
        ground=mixed((0.44, 0.24, 0.28), ground, 0.45),
        ambient=(1.0, 0.84, 0.76),
        key=(1.0, 0.74, 0.42),
        lamps=0.45,
        stars=0.05,
        sun=0.14,
        moon=-0.2,
        day=0.5,
    )


def _dusk(ground: Rgb, light: Rgb, accent: Rgb, second: Rgb, sky: Rgb) -> Look:
    return Look(
        sky_top=mixed(ground, (0.10, 0.10, 0.32), 0.4),
        sky_middle=mixed(mixed(ground, sky, 0.6), second, 0.3),
        sky_low=mixed((0.92, 0.56, 0.56), second, 0.35),
        haze=mixed(mixed(ground, sky, 0.6), (0.9, 0.5, 0.55), 0.35),
        dark=mixed(ground, _BLACK, 0.35),
        ground=mixed(ground, (0.30, 0.20, 0.36), 0.4),
        ambient=(0.84, 0.78, 0.92),
        key=mixed(accent, (1.0, 0.7, 0.6), 0.4),
        lamps=0.85,
        stars=0.5,
        sun=-0.1,
        moon=0.45,
        day=0.2,
    )


_LOOKS = {Hour.NIGHT: _night, Hour.DAWN: _dawn, Hour.DAY: _day, Hour.SUNSET: _sunset, Hour.DUSK: _dusk}

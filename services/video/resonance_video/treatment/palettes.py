"""Palettes by mood: ground, light, accent, second accent, sky."""

from __future__ import annotations

from resonance_video.models import Colour, Hour

_PALETTES: dict[str, tuple[tuple[str, str], ...]] = {
    "neon": (
        ("midnight blue", "#0d1033"),
        ("warm windows", "#ffcf7a"),
        ("cyan", "#27d3ee"),
        ("hot pink", "#ff3f95"),
        ("violet", "#5b3fd0"),
    ),
    "melancholy": (
        ("deep blue", "#10193c"),
        ("lamp yellow", "#ffd28a"),
        ("ice blue", "#7fb8f0"),
        ("violet", "#8a63d8"),
        ("slate", "#33437a"),
    ),
    "warm": (
        ("umber", "#2b1a2e"),
        ("candle", "#ffc46b"),
        ("coral", "#ff7f5c"),
        ("rose", "#e8709a"),
        ("plum", "#6a3a78"),
    ),
    "hopeful": (
        ("night violet", "#1d1a48"),
        ("sunlight", "#ffd98c"),
        ("peach", "#ff9d72"),
        ("orchid", "#d878c8"),
        ("azure", "#4d7fe0"),
    ),
    "joyful": (
        ("marine", "#123a5c"),
        ("lemon", "#ffe07a"),
        ("coral", "#ff6f61"),
        ("mint", "#67dcb4"),
        ("sky", "#58b8f0"),
    ),
    "serene": (
        ("pine", "#102a38"),
        ("pale gold", "#f7dca0"),
        ("mint", "#86dcc0"),
        ("lilac", "#b0a0e8"),
        ("mist blue", "#5f8fb8"),
    ),
    "dreamy": (
        ("indigo", "#1f1650"),
        ("pearl", "#ffe3d0"),
        ("orchid", "#e58af0"),
        ("aqua", "#6fe0e8"),
        ("lavender", "#8f7ae8"),
    ),
    "fierce": (
        ("ink", "#160b18"),
        ("ember", "#ffb054"),
        ("scarlet", "#f2413c"),
        ("amber", "#ffa22e"),
        ("wine", "#5e1a3c"),
    ),
}  # fmt: skip
MOOD_NAMES = tuple(_PALETTES)
_LIGHTING = {
    "neon": "neon reflections with deep shadows",
    "melancholy": "soft lamps in blue darkness",
    "warm": "low warm light",
    "hopeful": "light that grows from the horizon",
    "joyful": "open daylight",
    "serene": "soft diffuse light",
    "dreamy": "glowing haze",
    "fierce": "hard back light",
}
USUAL_HOURS = {
    "neon": (Hour.NIGHT, Hour.NIGHT),
    "melancholy": (Hour.NIGHT, Hour.DAWN),
    "warm": (Hour.SUNSET, Hour.DUSK),
    "hopeful": (Hour.NIGHT, Hour.DAWN),
    "joyful": (Hour.DAY, Hour.SUNSET),
    "serene": (Hour.DAWN, Hour.DAY),
    "dreamy": (Hour.DUSK, Hour.DAWN),
    "fierce": (Hour.SUNSET, Hour.NIGHT),
}


def palette_of(mood: str, wished: tuple[Colour, ...] = (), *, last_mood: str = "") -> tuple[Colour, ...]:
    """The mood's palette. Its accents are those of the mood in which the video ends, and before them colours that the concept names."""
    ground, light, *_, sky = (Colour(name=name, hex=value) for name, value in _PALETTES[mood])
    accents = [Colour(name=name, hex=value) for name, value in _PALETTES[last_mood or mood][2:4]]
    chosen = [*wished[:3], *accents, sky][:3]
    return (ground, light, *chosen)


def lighting_of(mood: str) -> str:
    """The light of a mood in words."""
    return _LIGHTING[mood]

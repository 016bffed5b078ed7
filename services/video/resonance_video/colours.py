"""Colours: names, sRGB, contrast after WCAG 2 and distance after CIEDE2000."""

from __future__ import annotations

import math

Rgb = tuple[float, float, float]  # each from 0 to 1, gamma-encoded sRGB

COLOUR_NAMES: dict[str, str] = {
    "black": "#1a1c24",
    "white": "#f1efe8",
    "grey": "#8b8f9a",
    "gray": "#8b8f9a",
    "silver": "#b9bec9",
    "red": "#c8262e",
    "crimson": "#a3142f",
    "scarlet": "#d8302b",
    "pink": "#ef7fb0",
    "rose": "#e0688a",
    "orange": "#ec7a28",
    "amber": "#f2a737",
    "gold": "#e2b13c",
    "golden": "#e2b13c",
    "yellow": "#f2c02e",
    "green": "#2f8f56",
    "emerald": "#168a63",
    "olive": "#76803a",
    "mint": "#8fd8b4",
    "teal": "#1d8f92",
    "turquoise": "#2cb8b2",
    "cyan": "#27c2dc",
    "blue": "#2c5fc4",
    "navy": "#1d2b5c",
    "indigo": "#3b3a94",
    "violet": "#7547c4",
    "purple": "#7a3fa6",
    "lavender": "#b49ce0",
    "magenta": "#cf2f95",
    "brown": "#6d482d",
    "beige": "#d8c4a0",
    "cream": "#efe3c6",
    "blond": "#dcb76a",
    "blonde": "#dcb76a",
    "ginger": "#b8602c",
    "auburn": "#7c3622",
    "coral": "#ef7560",
    "copper": "#b5683c",
}


def to_rgb(text: str) -> Rgb:
    """The colour of `#rrggbb`."""
    return (int(text[1:3], 16) / 255, int(text[3:5], 16) / 255, int(text[5:7], 16) / 255)


def to_hex(colour: Rgb) -> str:
    """`#rrggbb` of a colour."""
    return "#" + "".join(f"{round(255 * min(max(part, 0), 1)):02x}" for part in colour)


def mixed(first: Rgb, second: Rgb, share: float) -> Rgb:
    """The colour between two, at 0 the first."""
    return (
        first[0] + (second[0] - first[0]) * share,
        first[1] + (second[1] - first[1]) * share,
        first[2] + (second[2] - first[2]) * share,
    )


def luminance(colour: Rgb) -> float:
    """Relative luminance, WCAG 2."""
    red, green, blue = (_linear(part) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: Rgb, second: Rgb) -> float:
    """Contrast ratio of two colours, from 1 to 21, WCAG 2."""
    brighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def nearest_name(colour: Rgb) -> str:
    """The name of the nearest named colour."""
    return min(COLOUR_NAMES, key=lambda name: distance(to_rgb(COLOUR_NAMES[name]), colour))


def distance(first: Rgb, second: Rgb) -> float:
    """CIEDE2000 of two colours; about 1 is just noticed."""
    return lab_distance(_lab(first), _lab(second))


def lab_distance(first: tuple[float, float, float], second: tuple[float, float, float]) -> float:
    """CIEDE2000 of two CIELAB colours (Sharma, Wu and Dalal 2005)."""
    l1, a1, b1 = first
    l2, a2, b2 = second
    mean_chroma = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    factor = 0.5 * (1 - math.sqrt(mean_chroma**7 / (mean_chroma**7 + 25**7)))
    a1, a2 = a1 * (1 + factor), a2 * (1 + factor)
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1, h2 = _hue(a1, b1), _hue(a2, b2)
    hue_change = 0.0 if c1 * c2 == 0 else (h2 - h1 + 180) % 360 - 180
    hue_step = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(hue_change) / 2)
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    hue = h1 + h2 if c1 * c2 == 0 else _mean_hue(h1, h2)
    weight = (
        1
        - 0.17 * math.cos(math.radians(hue - 30))
        + 0.24 * math.cos(math.radians(2 * hue))
        + 0.32 * math.cos(math.radians(3 * hue + 6))
        - 0.20 * math.cos(math.radians(4 * hue - 63))
    )
    light_scale = 1 + 0.015 * (light - 50) ** 2 / math.sqrt(20 + (light - 50) ** 2)
    chroma_scale, hue_scale = 1 + 0.045 * chroma, 1 + 0.015 * chroma * weight
    turn = 30 * math.exp(-(((hue - 275) / 25) ** 2))
    rotation = -2 * math.sqrt(chroma**7 / (chroma**7 + 25**7)) * math.sin(math.radians(2 * turn))
    light_part, chroma_part, hue_part = (l2 - l1) / light_scale, (c2 - c1) / chroma_scale, hue_step / hue_scale
    return math.sqrt(max(light_part**2 + chroma_part**2 + hue_part**2 + rotation * chroma_part * hue_part, 0))


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _lab(colour: Rgb) -> tuple[float, float, float]:
    """CIELAB under D65."""
    red, green, blue = (_linear(part) for part in colour)
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883
    fx, fy, fz = (_cube_root(value) for value in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def _cube_root(value: float) -> float:
    return value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116


def _hue(a: float, b: float) -> float:
    return math.degrees(math.atan2(b, a)) % 360 if a or b else 0.0


def _mean_hue(first: float, second: float) -> float:
    if abs(first - second) <= 180:
        return (first + second) / 2
    return (first + second + 360) / 2 if first + second < 360 else (first + second - 360) / 2

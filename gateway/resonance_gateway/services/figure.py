"""Chladni figure of a piece as a PNG: the same function as the page's pictures/figure.js."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GROUND = (14, 21, 23)
_LIGHTNESS, _CHROMA = 0.82, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Lines where cos(nx)cos(my) - cos(mx)cos(ny) is near 0; hues in degrees from left to right."""

    n: float
    m: float
    hue: float
    hue_end: float
    width: float = 0.2


def figure_of(text: str, sliders: Mapping[str, float]) -> Figure:
    """The figure of a piece. `text` names it (its words and its seed); the sliders bend it."""
    hashed = _fnv1a(text)
    n = 2 + hashed % 4 + 0.9 * sliders.get("tempo", 0.0)
    gap = 1 + (hashed >> 4) % 3 + 0.9 * sliders.get("harmonic_complexity", 0.0)
    hue = 175 + ((hashed >> 8) % 8) * 45 + 50 * sliders.get("energy", 0.0)
    hue_end = hue - 70 - 40 * sliders.get("emotional_tension", 0.0)
    return Figure(n=n, m=n + max(0.6, gap), hue=hue, hue_end=hue_end)


def draw_figure(figure: Figure, columns: int, rows: int) -> NDArray[np.uint8]:
    """Pixels `[rows, columns, 3]`."""
    value = np.outer(_waves(figure.m, rows, rows), _waves(figure.n, columns, rows)) - np.outer(
        _waves(figure.n, rows, rows), _waves(figure.m, columns, rows)
    )
    share = np.exp(-(value**2) / figure.width**2)[..., None]
    hues = figure.hue + (figure.hue_end - figure.hue) * np.arange(columns) / max(1, columns - 1)
    ground = np.array(GROUND, np.float64)
    return np.rint(ground + (_color(hues)[None] - ground) * share).astype(np.uint8)


def to_png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG (ISO/IEC 15948) of 8-bit RGB pixels `[rows, columns, 3]`."""
    rows, columns, _ = pixels.shape
    lines = np.concatenate(
        [np.zeros((rows, 1), np.uint8), pixels.reshape(rows, -1)], axis=1
    )  # filter 0 before each line
    head = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    body = zlib.compress(lines.tobytes(), 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _waves(count: float, size: int, rows: int) -> NDArray[np.float64]:
    """A cosine with `count` half waves in a picture's height, at `size` places around the middle."""
    return np.cos((np.arange(size) + 0.5 - size / 2) * np.pi * count / rows)


def _color(hues: NDArray[np.float64]) -> NDArray[np.float64]:
    """sRGB bytes `[n, 3]` of OKLCH hues in degrees, after Björn Ottosson (2020); all hues have one lightness."""
    a, b = _CHROMA * np.cos(np.radians(hues)), _CHROMA * np.sin(np.radians(hues))
    l = (_LIGHTNESS + 0.3963377774 * a + 0.2158037573 * b) ** 3  # noqa: E741
    m = (_LIGHTNESS - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s = (_LIGHTNESS - 0.0894841775 * a - 1.291485548 * b) ** 3
    linear = np.stack(
        [
            4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
            -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
            -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
        ],
        axis=-1,
    ).clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _fnv1a(text: str) -> int:
    """FNV-1a over the UTF-8 bytes of a text, 32 bits."""
    hashed = 0x811C9DC5
    for byte in text.encode():
        hashed = (hashed ^ byte) * 0x01000193 & 0xFFFFFFFF
    return hashed

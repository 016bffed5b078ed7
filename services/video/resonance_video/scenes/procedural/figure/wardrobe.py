"""Wardrobe: colours and shapes of a figure, read from its reference."""

from __future__ import annotations

import re
from dataclasses import dataclass

from resonance_video.colours import Rgb, mixed, to_rgb
from resonance_video.models import CharacterReference

_HEX = re.compile(r"#[0-9a-f]{6}")
_HEMS = {"long": 0.16, "knee": 0.27, "short": 0.43}
_HEIGHTS = {"woman": 1.68, "girl": 1.45, "man": 1.78, "boy": 1.5, "child": 1.2, "old woman": 1.58, "old man": 1.68}
_BLACK: Rgb = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wardrobe:
    """Colours (None: there is none) and measures; `height` is in metres, `hem` the coat's end above the ground as a share of it."""

    coat: Rgb
    hair: Rgb
    skin: Rgb
    legs: Rgb
    shoes: Rgb
    scarf: Rgb | None
    hat: Rgb | None
    hem: float
    hair_length: str
    height: float
    is_narrow: bool

    @classmethod
    def of(cls, character: CharacterReference) -> Wardrobe:
        """The wardrobe of a reference; attributes that are not locked have quiet values."""
        locked = character.locked

        def colour(name: str, usual: str) -> Rgb:
            value = locked.get(name, usual)
            return to_rgb(value if _HEX.fullmatch(value) else usual)

        def optional(name: str) -> Rgb | None:
            value = locked.get(name, "none")
            return to_rgb(value) if _HEX.fullmatch(value) else None

        build = locked.get("build", "person")
        legs = colour("legs", "#1a1c26")
        return cls(
            coat=colour("coat", "#1f2638"),
            hair=colour("hair", "#16131a"),
            skin=colour("skin", "#e0a983"),
            legs=legs,
            shoes=mixed(legs, _BLACK, 0.35),
            scarf=optional("scarf"),
            hat=optional("hat"),
            hem=_HEMS.get(locked.get("coat_length", "long"), 0.16),
            hair_length=locked.get("hair_length", "chin"),
            height=_HEIGHTS.get(build, 1.72),
            is_narrow=build in ("woman", "girl", "child", "old woman"),
        )

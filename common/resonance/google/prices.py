"""Prices of Google's models: a setting with the day on which they were read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from resonance.errors import FailedPrecondition, invalid_field

_SETTING = "RESONANCE_GOOGLE_PRICES"
_PAIR = re.compile(r"([a-z_]+)=([0-9]+(?:\.[0-9]+)?)")


class Kind(StrEnum):
    """What is paid for, in its unit: a picture, a second of video, a second of Veo's video, a song, a second of live music, a call that
    answers in text, a thousand characters that are spoken, a second of speech that is written down."""

    IMAGE = "image"
    VIDEO_S = "video_s"
    VEO_S = "veo_s"
    SONG = "song"
    LIVE_S = "live_s"
    TEXT = "text"
    SPEECH = "speech"
    HEARING_S = "hearing_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Prices in US dollars a unit, and the day on which an operator read them (ISO 8601); empty where none are set."""

    usd: dict[Kind, float]
    day: str = ""

    @classmethod
    def parse(cls, text: str) -> Prices:
        """The prices of a setting such as `image=0.04,video_s=0.1,song=0.06,live_s=0.01,text=0.002@2026-11-30`.

        Raises:
            InvalidInput: a part is no price of a known kind, or the day is missing.
        """
        if not text:
            return cls(usd={})
        pairs, _, day = text.partition("@")
        try:
            date.fromisoformat(day.strip())
            found = [_PAIR.fullmatch(pair.strip()) for pair in pairs.split(",")]
            usd = {Kind(match[1]): float(match[2]) for match in found if match is not None}
        except ValueError as failure:
            raise invalid_field(_SETTING, "INVALID_SETTING", f"{failure}; {_example()}") from None
        if len(usd) != len(found):
            raise invalid_field(_SETTING, "INVALID_SETTING", _example())
        return cls(usd=usd, day=day.strip())

    def estimate(self, kind: Kind, quantity: float) -> float:
        """The cost of a call in US dollars. Raises FailedPrecondition (PRICE_UNKNOWN) where the operator has set no price."""
        if kind not in self.usd:
            message = f"this installation has no price for `{kind}`: its operator sets it in {_SETTING}, {_example()}"
            raise FailedPrecondition(message, reason="PRICE_UNKNOWN")
        return self.usd[kind] * quantity


def _example() -> str:
    return "such as image=0.04,video_s=0.1@2026-11-30 in US dollars"

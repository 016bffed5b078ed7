"""Kinds of music of the bench's eight playlists."""

from __future__ import annotations

from typing import Final

from model.training.pieces import Labels

NAMES: Final = ("calm piano", "loud drums", "voices", "trumpet band", "guitars", "strings", "electronic", "organ")


def kind_of(labels: Labels) -> str | None:
    """The first kind that a piece is of."""
    has = set(labels.instruments)
    is_of = {
        "calm piano": "piano" in has and "drums" not in has and labels.energy <= 1,
        "loud drums": "drums" in has and labels.energy >= 4,
        "voices": "choir" in has and "drums" not in has,
        "trumpet band": "trumpet" in has and "drums" in has,
        "guitars": {"acoustic guitar", "electric guitar"} & has != set() and "drums" not in has and "choir" not in has,
        "strings": "strings" in has and "choir" not in has and "drums" not in has,
        "electronic": labels.genre == "electronic" and "drums" in has,
        "organ": "organ" in has,
    }
    return next((name for name in NAMES if is_of[name]), None)

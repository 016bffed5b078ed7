"""Timbres and genres: players, order of joining, manner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DRUMS: Final = "drums"
DRUM_CHANNEL: Final = 9

# General MIDI programs of the twelve timbres and the choir.
PROGRAMS: Final = {
    "piano": 0,
    "electric piano": 4,
    "organ": 16,
    "acoustic guitar": 24,
    "electric guitar": 30,
    "bass guitar": 33,
    "synth bass": 38,
    "strings": 48,
    "choir": 52,
    "trumpet": 56,
    "flute": 73,
    "synth": 81,
    "pad": 89,
}

# Trims that bring the sound font's patches to comparable loudness (0-127 channel volume).
VOLUMES: Final = {
    "piano": 97,
    "electric piano": 65,
    "organ": 84,
    "acoustic guitar": 78,
    "electric guitar": 47,
    "bass guitar": 69,
    "synth bass": 76,
    "strings": 65,
    "choir": 79,
    "trumpet": 95,
    "flute": 69,
    "synth": 78,
    "pad": 60,
    DRUMS: 127,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Genre:
    """A genre: `roles` in the order in which they join as density grows; each role's timbres and manners."""

    roles: tuple[str, ...]
    timbres: dict[str, tuple[str, ...]]
    drums: tuple[str, ...]
    bass: tuple[str, ...]
    chords: tuple[str, ...]
    swing: bool = False


GENRES: Final[dict[str, Genre]] = {
    "rock": Genre(
        roles=("drums", "chords", "lead", "arp", "pad"),
        timbres={
            "chords": ("electric guitar",),
            "lead": ("electric guitar", "organ"),
            "arp": ("acoustic guitar", "piano"),
            "pad": ("organ",),
            "bass": ("bass guitar",),
        },
        drums=("rock",),
        bass=("eighths", "roots"),
        chords=("power", "block"),
    ),
    "lo-fi": Genre(
        roles=("chords", "drums", "lead", "pad", "arp"),
        timbres={
            "chords": ("electric piano", "piano"),
            "lead": ("flute", "electric piano", "acoustic guitar"),
            "arp": ("acoustic guitar",),
            "pad": ("pad", "strings"),
            "bass": ("bass guitar",),
        },
        drums=("boombap",),
        bass=("roots", "syncopated"),
        chords=("block", "late"),
        swing=True,
    ),
    "electronic": Genre(
        roles=("drums", "arp", "chords", "lead", "pad"),
        timbres={
            "chords": ("synth", "pad"),
            "lead": ("synth",),
            "arp": ("synth", "electric piano"),
            "pad": ("pad", "strings"),
            "bass": ("synth bass",),
        },
        drums=("house",),
        bass=("offbeat", "eighths", "octaves"),
        chords=("stabs", "block"),
    ),
    "classical": Genre(
        roles=("chords", "lead", "pad", "arp", "drums"),
        timbres={
            "chords": ("piano",),
            "lead": ("piano", "flute"),
            "arp": ("piano",),
            "pad": ("strings",),
            "bass": ("bass guitar",),
        },
        drums=("brushes",),
        bass=("roots",),
        chords=("alberti", "arpeggio", "block"),
    ),
    "jazz": Genre(
        roles=("chords", "drums", "lead", "arp", "pad"),
        timbres={
            "chords": ("piano", "electric piano"),
            "lead": ("trumpet", "piano", "flute"),
            "arp": ("acoustic guitar",),
            "pad": ("strings", "organ"),
            "bass": ("bass guitar",),
        },
        drums=("swing",),
        bass=("walking",),
        chords=("comp", "late"),
        swing=True,
    ),
    "ambient": Genre(
        roles=("pad", "arp", "chords", "lead", "drums"),
        timbres={
            "chords": ("electric piano", "piano"),
            "lead": ("flute", "synth"),
            "arp": ("electric piano", "piano"),
            "pad": ("pad", "strings"),
            "bass": ("synth bass",),
        },
        drums=("brushes", "house"),
        bass=("drone",),
        chords=("block",),
    ),
    "folk": Genre(
        roles=("chords", "lead", "arp", "drums", "pad"),
        timbres={
            "chords": ("acoustic guitar",),
            "lead": ("flute", "acoustic guitar"),
            "arp": ("acoustic guitar", "piano"),
            "pad": ("strings", "organ"),
            "bass": ("bass guitar",),
        },
        drums=("brushes", "rock"),
        bass=("roots", "fifths"),
        chords=("strum", "arpeggio"),
    ),
    "funk": Genre(
        roles=("drums", "chords", "lead", "arp", "pad"),
        timbres={
            "chords": ("electric piano", "acoustic guitar", "organ"),
            "lead": ("trumpet", "synth"),
            "arp": ("electric piano",),
            "pad": ("organ", "strings"),
            "bass": ("bass guitar", "synth bass"),
        },
        drums=("funk",),
        bass=("syncopated", "octaves"),
        chords=("chops", "comp"),
    ),
    "cinematic": Genre(
        roles=("pad", "drums", "arp", "lead", "chords"),
        timbres={
            "chords": ("piano", "strings"),
            "lead": ("trumpet", "strings"),
            "arp": ("strings", "piano"),
            "pad": ("strings",),
            "bass": ("synth bass",),
        },
        drums=("toms",),
        bass=("roots", "eighths"),
        chords=("block", "ostinato"),
    ),
    "hip hop": Genre(
        roles=("drums", "chords", "lead", "arp", "pad"),
        timbres={
            "chords": ("electric piano", "piano", "strings"),
            "lead": ("synth", "flute"),
            "arp": ("piano",),
            "pad": ("strings", "pad"),
            "bass": ("synth bass",),
        },
        drums=("boombap", "trap"),
        bass=("roots", "syncopated"),
        chords=("block", "stabs"),
    ),
}

"""Sixty sentences of the conversation, with what each shall do.

Each has the commands and sliders that it shall reach, and for sliders the direction. The author of the reader wrote them, so they show
that what was meant works and stays; how well strangers are understood they cannot show.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, said while a take of ten seconds is open and two versions are there."""

    text: str
    does: frozenset[str]
    moves: dict[str, int] = field(default_factory=dict)  # slider to +1 or -1


def _does(text: str, *commands: str, **moves: int) -> Sentence:
    return Sentence(text, frozenset(commands) | frozenset(moves), moves)


SENTENCES = [
    # Sliders.
    _does("more bass", bass_resonance=1),
    _does("a touch less tense", emotional_tension=-1),
    _does("more bass, a touch less tense", bass_resonance=1, emotional_tension=-1),
    _does("slower please", tempo=-1),
    _does("can you make it faster?", tempo=1),
    _does("calmer", energy=-1),
    _does("Make it livelier!", energy=1),
    _does("fewer instruments", instrument_density=-1),
    _does("no drums", energy=-1),
    _does("richer chords and less bass", harmonic_complexity=1, bass_resonance=-1),
    _does("it is too loud", energy=-1),
    _does("happier", emotional_tension=-1),
    _does("way more energy", energy=1),
    _does("without vocals", vocal_presence=-1),
    _does("a bit darker and a little slower", emotional_tension=1, tempo=-1),
    _does("like a rainy night", "phrase-00000000000000aa"),
    # Words.
    _does("add a trumpet", "words"),
    _does("Add some strings and a flute.", "words"),
    _does("no piano", "without"),
    _does("remove the guitar", "without"),
    _does("make me a slow waltz", "words"),
    _does("I want to hear rain on a window", "words"),
    _does("play some jazz", "words"),
    # Tempo, key, length.
    _does("90 bpm", "tempo"),
    _does("set the tempo to 120", "tempo"),
    _does("in A minor", "musicKey"),
    _does("play it in F sharp major", "musicKey"),
    _does("make it 10 seconds longer", "longer"),
    _does("longer", "longer"),
    _does("make it 30 seconds", "length"),
    _does("a bit slower and in D minor", "musicKey", tempo=-1),
    # Parts.
    _does("make the ending calmer", "part", energy=-1),
    _does("more energy in the middle", "part", energy=1),
    _does("less bass at the beginning", "part", bass_resonance=-1),
    _does("make the last 4 seconds quieter", "part", energy=-1),
    _does("from 0:05 more tense", "part", emotional_tension=1),
    _does("change the ending", "part"),
    _does("loop the intro", "loop"),
    # Transport, versions, keeping.
    _does("play", "play"),
    _does("pause the music", "play"),
    _does("stop", "stop"),
    _does("go back 5 seconds", "back"),
    _does("skip ahead", "forward"),
    _does("from the beginning", "seek"),
    _does("go to 0:07", "seek"),
    _does("loop it", "loop"),
    _does("stop looping", "loop"),
    _does("turn the volume down", "volume"),
    _does("again", "again"),
    _does("something else", "else"),
    _does("three more like this", "more"),
    _does("compare with the last one", "compare"),
    _does("go back to version 1", "version"),
    _does("the next version", "next"),
    _does("keep this one", "keep"),
    _does("share it with my sister", "share"),
    _does("undo", "takeBack"),
    _does("never mind", "takeBack"),
    _does("describe it", "describe"),
    _does("what can I say", "keys"),
]

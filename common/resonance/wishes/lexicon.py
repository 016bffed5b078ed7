"""Lexicon of the grammar: phrases to slider, direction or degree.

Longer phrases win over shorter ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """The role of a phrase in a clause."""

    TARGET = auto()  # names a slider: "bass"
    SENSE = auto()  # names a slider and an end of it: "faster"
    LEAN = auto()  # says up or down about the slider beside it: "heavier", "more"
    DEGREE = auto()  # says how far: "a touch"
    NEGATION = auto()  # inverts the clause: "not"
    WITHOUT = auto()  # none of it, or not that change: "no", "without"
    EXCESS = auto()  # "too"
    ENOUGH = auto()
    ABSENCE = auto()  # removes it: "remove"
    HALF = auto()
    DOUBLE = auto()
    EXTREME = auto()  # to the very end: "max"
    MIDDLE = auto()  # to zero: "neutral"
    KEEP = auto()
    PRAISE = auto()  # keeps it as it is, unless another phrase asks for a change
    FILLER = auto()


@dataclass(frozen=True, slots=True)
class Sense:
    """A phrase's meaning. `sign` is +1 or -1 where the phrase has a direction. `degree` multiplies the step; of an absence it is the share
    that is gone."""

    kind: Kind
    slider: str = ""
    sign: int = 0
    degree: float = 1.0
    is_loose: bool = False  # a LEAN that is a SENSE of `slider` without a target: "louder"
    is_faint: bool = False  # a LEAN that any other lean overrides: "with", "some"
    # A SENSE or LEAN that names a change ("slower", "slow down"): negated, it keeps the slider.
    is_change: bool = False
    is_excess: bool = False  # a LEAN of a complaint: "too much"


def _split_phrases(text: str) -> list[str]:
    return [phrase.strip() for phrase in text.split(",")]


_TARGETS = {
    "energy": "energy, drive, power, intensity, drums, drum, beat, beats, percussion, groove, punch, volume, rhythm section",
    "tempo": "tempo, speed, pace, bpm",
    "bass_resonance": "bass, low end, lows, low frequencies, sub bass, sub, subs, bassline, bass line, bottom end",
    "harmonic_complexity": "harmony, harmonies, chords, chord, harmonic complexity, complexity, jazz chords, chord changes",
    "instrument_density": "instruments, instrument, instrumentation, density, layers, texture, parts, arrangement, instrument density",
    "vocal_presence": "vocals, vocal, voice, voices, singing, singer, singers, choir, vocal presence, lyrics",
    "emotional_tension": "tension, suspense, drama, emotional tension, unease, anxiety, dissonance",
}
_SENSES = {
    ("energy", 1): (
        "energetic, lively, livelier, driving, powerful, intense, punchy, punchier, hard, harder, wild, wilder, "
        "excited, exciting, danceable, pumping, aggressive, hyper, vigorous, turn it up, crank it up, amp it up, "
        "dial it up, pump it up, bring it up"
    ),
    ("energy", -1): (
        "calm, calmer, mellow, mellower, chill, chilled, chiller, gentle, gentler, laid back, laidback, relaxing, "
        "sleepy, sleepier, subdued, peaceful, tranquil, calm down, chill out, cool down, tone it down, take it "
        "down, turn it down, calm it down, dial it down, dial it back, bring it down, settle down, wind down, "
        "quiet down, quieten down"
    ),
    ("tempo", 1): (
        "fast, faster, quick, quicker, speed up, hurry, hurry up, rapid, rushed, hectic, upbeat, uptempo, up "
        "tempo, brisk, brisker, speed it up, pick up the pace, pick it up"
    ),
    ("tempo", -1): "slow, slower, slow down, slowly, downtempo, down tempo, unhurried, sluggish, slow it down",
    ("bass_resonance", 1): "bassy, bassier, deep, deeper, boomy, boomier",
    ("bass_resonance", -1): "thin, thinner, tinny, tinnier",
    ("harmonic_complexity", 1): "complex, jazzy, jazzier, sophisticated, intricate, elaborate",
    ("harmonic_complexity", -1): "simple, simpler, plain, plainer, basic, straightforward",
    ("instrument_density", 1): "dense, denser, busy, busier, lush, lusher, crowded, layered, orchestral",
    ("instrument_density", -1): (
        "sparse, sparser, minimal, minimalist, bare, barer, stripped down, stripped back, strip it down, strip it "
        "back, solo, airy, airier"
    ),
    ("vocal_presence", 1): "sung, vocal heavy",
    ("vocal_presence", -1): "instrumental",
    ("emotional_tension", 1): (
        "tense, tenser, dark, darker, sad, sadder, scary, scarier, ominous, dramatic, anxious, gloomy, gloomier, "
        "melancholic, nervous, eerie, minor"
    ),
    ("emotional_tension", -1): (
        "relaxed, happy, happier, cheerful, bright, brighter, carefree, joyful, uplifting, soothing, serene, "
        "warm, warmer, major"
    ),
}
# Without a target they move the slider here; beside one they say up or down about it: "louder", but "louder vocals".
_LOOSE = {
    ("energy", 1): "loud, louder, loudly, strong, stronger, big, bigger, heavy, heavier",
    ("energy", -1): "quiet, quieter, soft, softer, weak, weaker, light, lighter, soften",
    ("instrument_density", 1): "full, fuller, rich, richer",
}
_LEANS = {
    1: (
        "more, up, increase, increasing, raise, raising, add, adding, add some, boost, boosting, higher, high, "
        "extra, turn up, bring up, bring in, bump, bump up, crank, crank up, push, push up, too little, too few, "
        "too low, dial up, amplify, emphasize, emphasise, introduce, clearer, clear, pump up, in front, can't "
        "hear, cannot hear, can barely hear, can hardly hear, don't hear, do not hear, can't even hear, hardly "
        "there, barely there, hardly audible, barely audible, inaudible, not enough, not nearly enough, build, "
        "strengthen, enhance, intensify, pick up, build up, beef up"
    ),
    -1: (
        "less, fewer, few, just a few, only a few, low, lower, lowering, reduce, reducing, decrease, decreasing, "
        "down, cut, cutting, cut back, cut back on, cut down, cut down on, drop, dropping, turn down, bring down, "
        "dial back, dial down, tone down, not so much, not as much, not that much, not so many, not as many, not "
        "that many, ease off, ease up on, pull back, pull down, back off, take down, tame, lose some, take out "
        "some, as little, as few, too high, instead of, rather than, scale back, scale down, push back, let up, "
        "let up on, lay off, go easy on, easy on, thin out, hold back, keep down, ease, release, relieve, lessen, "
        "diminish, weaken, trim, limit, restrain, curb"
    ),
}
_FAINT = "with, with some, some, give me, i want, a few"
_EXCESSIVE = "too much, too many"
_DEGREES = {
    0.34: (
        "a touch, touch, a tad, tad, a hint, a hint of, hint, a smidge, ever so slightly, a notch, tiny, a tiny "
        "bit, just a touch"
    ),
    0.5: "a bit, bit, a little, little, a little bit, slightly, kind of, kinda, a bit of, gently, a shade",
    0.75: "somewhat, fairly, a fair bit",
    1.5: "very, really, right, quite a bit, quite, noticeably, clearly, considerably",
    2.0: (
        "much, way, a lot, lots, lots of, a lot of, far, so much, a great deal, significantly, heaps, loads, a "
        "ton, a whole lot, tons of"
    ),
    2.67: "extremely, super, insanely, massively, hugely, incredibly, ridiculously",
}
_KINDS = {
    Kind.NEGATION: (
        "not, don't, dont, doesn't, isn't, aren't, isnt, never, not so, not as, not that, not quite so, not quite "
        "as, not nearly as, not nearly so, nowhere near as, no longer, not be, shouldn't be, can't, cannot, "
        "won't, hate, dislike, hardly, barely, scarcely, anything but, tired of, sick of, avoid"
    ),
    Kind.WITHOUT: "no, without, without any, with no, not any, neither, sans, minus the",
    Kind.EXCESS: "too, overly",
    Kind.ENOUGH: "enough",
    Kind.ABSENCE: (
        "remove, removing, mute, muting, kill, killing, get rid of, take out, take away, take off, no more, zero, "
        "none of, none, lose, losing, strip out, stop, ditch, delete, erase, eliminate, cut out, turn off, switch "
        "off, off, silence, drop out, leave out, do away with, skip, need to go, needs to go, have to go, has to "
        "go, must go, should go"
    ),
    Kind.HALF: "half, halve, halving, half as, half as much, half the, by half, in half",
    Kind.DOUBLE: "double, doubling, twice, twice as, twice as much, twice the, two times",
    Kind.EXTREME: (
        "max, maximum, as much as possible, as possible, all the way, fully, completely, to the max, totally, "
        "minimum, min, least, lowest, the least, most, highest"
    ),
    Kind.MIDDLE: (
        "neutral, middle, to normal, normal, default, reset, medium, back to normal, to the middle, back to the "
        "middle, center, centre"
    ),
    Kind.KEEP: (
        "keep, keeping, changing, touching, affecting, leave, same, the same, unchanged, stay, as is, as it is, "
        "don't change, don't touch, dont change, hold, maintain, do not change, do not touch"
    ),
    Kind.PRAISE: (
        "fine, great, okay, good, ok, perfect, love, loving, adore, enjoy, enjoying, i like, we like, i really "
        "like, we really like, i also like, i still like, i do like, i quite like"
    ),
    Kind.FILLER: (
        "please, make, make it, the, a, an, i, i'd, we'd, want, would, like, could, can, you, it, sound, sounds, "
        "music, song, track, be, to, feel, of, just, this, that, that's, let's, me, give, something, is, are, "
        "it's, its, so, even, bit more, thanks, should, in, on, at, by, as, set, get, go, going, for, my, have, "
        "has, there, there's, overall, now, again, ok so, put, turn, bring, tune, feeling, vibe, mood, style, do, "
        "let, us, we, need, needs, all, part, version, next, time, i'm, hear, hearing, think, maybe, perhaps, "
        "level, amount, piece, any, things, everything, thing, whole, being, getting, making, becoming, having, "
        "then, much more of, here, them, was, were, mix, hey, well, um, actually, while, one, much of, those, "
        "these, what, how, about, try"
    ),
}

UNDO = frozenset(
    _split_phrases(
        "undo, undo that, undo it, undo this, back, go back, back to before, as it was, as it was before, like "
        "before, as before, revert, revert that, the previous one, previous, restore, never mind, nevermind, take "
        "it back, take that back, back to how it was, go back to before, like it was, like it was before, put it "
        "back, the way it was, back to the last one, go back one, one step back, i liked it before, it was better "
        "before, that was better before, cancel that, no go back, return to before"
    )
)
RESET = frozenset(
    _split_phrases(
        "reset, reset all, reset everything, start over, start again, everything to the middle, all to the "
        "middle, back to the start, all neutral, everything neutral, from scratch, clear everything, back to "
        "neutral, no changes at all, everything back to normal, reset the sliders, reset all sliders, set all to "
        "zero, set everything to zero, everything to zero, all sliders to zero, set all sliders to zero, back to "
        "the original, original, the original"
    )
)
AGAIN = frozenset(
    _split_phrases(
        "more, more of that, even more, further, again, a bit more, keep going, more of the same, more please, "
        "same again"
    )
)
BACK_A_LITTLE = frozenset(
    _split_phrases(
        "less of that, too far, that's too much, too much, not so much, a bit less, less, not that much, that was "
        "too much"
    )
)


# The share that is gone where nearly none of it is wanted.
_NEARLY_GONE = 0.8
_NEARLY = (
    "hardly any, barely any, scarcely any, almost no, nearly no, practically no, next to no, very little, "
    "very few, with hardly any, with almost no, little to no"
)


def _build() -> dict[str, Sense]:
    words: dict[str, Sense] = {}

    def enter(text: str, sense: Sense) -> None:
        words.update(dict.fromkeys(_split_phrases(text), sense))

    for kind, text in _KINDS.items():
        enter(text, Sense(kind))
    for slider, text in _TARGETS.items():
        enter(text, Sense(Kind.TARGET, slider))
    for (slider, sign), text in _SENSES.items():
        for phrase in _split_phrases(text):
            is_change = phrase.endswith(("er", " up", " down"))
            enter(phrase, Sense(Kind.SENSE, slider, sign, is_change=is_change))
    for (slider, sign), text in _LOOSE.items():
        for phrase in _split_phrases(text):
            enter(phrase, Sense(Kind.LEAN, slider, sign, is_loose=True, is_change=phrase.endswith(("er", "en"))))
    for sign, text in _LEANS.items():
        enter(text, Sense(Kind.LEAN, sign=sign, is_change=True))
    for sign, text in ((-1, "low"), (1, "high")):
        enter(text, Sense(Kind.LEAN, sign=sign))
    enter(_FAINT, Sense(Kind.LEAN, sign=1, is_faint=True))
    enter(_EXCESSIVE, Sense(Kind.LEAN, sign=-1, is_excess=True))
    enter(_NEARLY, Sense(Kind.WITHOUT, degree=_NEARLY_GONE))
    for degree, text in _DEGREES.items():
        enter(text, Sense(Kind.DEGREE, degree=degree))
    for sign, text in ((-1, "minimum, min, least, lowest, the least"), (1, "most, highest")):
        enter(text, Sense(Kind.EXTREME, sign=sign))
    return words


LEXICON = _build()
PHRASE_WORDS_MAX = max(len(phrase.split()) for phrase in LEXICON)

"""Captions in users' vocabulary, drawn from labels of a clip.

Many are short. They have synonyms, tempo in beats a minute, and noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Final

GENRE_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "rock": ("rock", "rock music", "hard rock", "rock band", "punk rock", "indie rock"),
    "lo-fi": ("lo-fi", "lofi", "lo-fi beat", "lofi hip hop", "chillhop", "lo-fi music"),
    "electronic": (
        "electronic",
        "edm",
        "techno",
        "house",
        "dance music",
        "electronic dance",
        "synthwave",
        "electronic music",
        "trance",
    ),
    "classical": ("classical", "classical music", "baroque", "chamber music", "classical piece"),
    "jazz": ("jazz", "jazz music", "swing", "smooth jazz", "jazz trio", "bebop"),
    "ambient": ("ambient", "ambient music", "atmospheric", "drone", "soundscape", "meditation music"),
    "folk": ("folk", "folk music", "acoustic", "country", "acoustic folk", "singer songwriter"),
    "funk": ("funk", "funky", "funk music", "disco", "groove", "soul"),
    "cinematic": ("cinematic", "film music", "soundtrack", "orchestral", "movie score", "trailer music"),
    "hip hop": ("hip hop", "hip-hop", "rap beat", "trap", "trap beat", "boom bap"),
}
ENERGY_WORDS: Final = (
    ("calm", "quiet", "soft", "gentle", "peaceful", "relaxing", "soothing", "sleepy", "tender"),
    ("chill", "mellow", "relaxed", "laid back", "easy", "calm", "smooth"),
    ("steady", "moderate", "groovy", "flowing"),
    ("lively", "upbeat", "energetic", "bright", "catchy", "driving"),
    ("energetic", "powerful", "intense", "loud", "hard", "aggressive", "high energy", "explosive", "heavy"),
)
TEMPO_WORDS: Final = (
    ("slow", "slow tempo", "slowly", "downtempo"),
    ("mid tempo", "medium tempo", "walking pace"),
    ("fast", "fast tempo", "quick", "fast paced", "rapid"),
)
BRIGHT_WORDS: Final = ("happy", "cheerful", "joyful", "uplifting", "sunny", "hopeful", "positive")
SAD_WORDS: Final = ("sad", "melancholic", "nostalgic", "emotional", "sorrowful", "lonely", "moody")
TENSE_WORDS: Final = ("dark", "tense", "suspenseful", "dramatic", "ominous", "scary", "mysterious", "eerie")
BASS_WORDS: Final = (
    ("no bass", "without bass"),
    ("bass", "bass line", "bassline"),
    ("deep bass", "heavy bass", "bass heavy", "big bass", "strong bass", "booming bass"),
)
CHORD_WORDS: Final = (
    ("simple chords", "simple", "simple harmony"),
    ("seventh chords",),
    ("jazzy chords", "complex chords", "rich harmony", "complex harmony", "sophisticated"),
)
DENSITY_WORDS: Final = (
    ("minimal", "sparse", "minimalist"),
    (),
    (),
    ("full",),
    ("full band", "dense", "layered", "big", "rich arrangement"),
)
VOCAL_WORDS: Final = (
    ("instrumental", "no vocals", "without vocals"),
    ("soft choir", "background vocals", "backing vocals", "choir"),
    ("choir", "vocals", "voices", "singing", "choir singing", "vocal", "human voice"),
)
INSTRUMENT_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "drums": ("drums", "drums", "drums", "drum beat", "beat", "percussion", "drum kit"),
    "piano": ("piano", "piano", "piano", "grand piano", "keys"),
    "electric piano": ("electric piano", "rhodes", "e piano", "keys"),
    "organ": ("organ", "hammond organ"),
    "acoustic guitar": ("acoustic guitar", "guitar", "nylon guitar", "classical guitar", "acoustic guitar"),
    "electric guitar": ("electric guitar", "distorted guitar", "guitars", "electric guitars", "guitar riff"),
    "bass guitar": ("bass", "bass guitar", "electric bass"),
    "synth bass": ("synth bass", "bass"),
    "strings": ("strings", "strings", "violins", "violin", "string section", "orchestra"),
    "choir": ("choir", "choir", "voices", "vocals"),
    "trumpet": ("trumpet", "trumpet", "brass", "horns"),
    "flute": ("flute", "flute", "flute melody"),
    "synth": ("synth", "synthesizer", "synth lead", "synths"),
    "pad": ("pad", "pads", "synth pad", "warm pad"),
}
NOUNS: Final = ("music", "song", "track", "piece", "tune", "beat", "melody", "loop")
OPENERS: Final = ("a", "an", "some", "the", "my", "make", "play", "give me", "generate", "i want")
PURPOSES: Final = (
    "for studying",
    "for study",
    "for sleep",
    "to relax",
    "for meditation",
    "background music",
    "for focus",
    "for reading",
    "to sleep",
    "for a rainy day",
    "late night",
)
DRIVES: Final = ("for a workout", "for the gym", "party", "for dancing", "for running", "for a party", "action")
TONICS: Final = {0: "c", 2: "d", 4: "e", 5: "f", 7: "g", 9: "a"}
UNKNOWN: Final = "<unk>"
DENIALS: Final = ("no", "without")
# The tempi that exist, and the numbers nearest to each by ratio: "120 bpm" is 125. The tokenizer reads them so, too.
NUMBERS: Final[dict[int, tuple[int, int]]] = {
    62: (40, 68),
    75: (69, 83),
    94: (84, 108),
    125: (109, 136),
    150: (137, 167),
    187: (168, 299),
}
CHORDAL: Final = frozenset(  # players whose chords tell harmony, mode and mood
    ("piano", "electric piano", "organ", "acoustic guitar", "electric guitar", "strings", "choir", "synth", "pad")
)
BPM_SHARE: Final = 0.4  # of captions that name no tempo yet get their beats a minute
TRAIT_COUNTS: Final = {  # weights of none, one, two and three words more about a band's traits
    "tiny": (50, 40, 10, 0),
    "short": (25, 35, 25, 15),
    "long": (25, 35, 25, 15),
}
TRAIT_WEIGHTS: Final = {
    "chords": 3.0,
    "mood": 2.5,
    "key": 1.5,
    "bass": 2.0,
    "density": 2.0,
    "voice": 1.0,
    "energy": 1.0,
}
CHORDAL_WORDS: Final = frozenset(("chords", "mood", "key"))


def caption(labels: Mapping[str, Any], random: Random) -> str:
    """One caption of the clip; other draws give other words and other omissions."""
    words = _Words(labels, random)
    size = random.choices(("tiny", "short", "long"), (52, 32, 16))[0]
    if size == "tiny":
        parts = [
            random.choice(
                (
                    words.genre,
                    words.instruments,
                    words.energetic,
                    words.mood,
                    words.tempo,
                    words.instruments,
                    words.bass_or_voice,
                )
            )()
        ]
    else:
        parts = words.adjectives(2 if size == "short" else 3)
        parts.append(words.noun_phrase())
        if size == "long":
            parts += words.details()
    if not labels["solo"]:  # soloists paid for it: their name is what matters
        for trait in words.traits(random.choices(range(4), TRAIT_COUNTS[size])[0]):
            parts.insert(random.choice((0, len(parts))), trait)
    if not any("bpm" in part for part in parts) and random.random() < BPM_SHARE:
        parts.insert(random.choice((0, len(parts), len(parts))), words.beats())
    text = " ".join(part for part in parts if part)
    return _noisy(text or words.instruments(), random)


def _noisy(text: str, random: Random) -> str:
    """Now and then an opener, and words a user might type that we do not know."""
    if random.random() < 0.12:
        text = f"{random.choice(OPENERS)} {text}"
    if random.random() < 0.12:
        text = f"{text} {random.choice(NOUNS)}"
    if random.random() < 0.25:
        text = " ".join(_forgotten(text.split(), random))
    if random.random() < 0.08:
        text = f"{UNKNOWN} {text}" if random.random() < 0.5 else f"{text} {UNKNOWN}"
    return text


def _forgotten(spoken: list[str], random: Random) -> list[str]:
    """One word in seven unknown; "no" and "without" take what they deny with them, or the caption would say the opposite."""
    kept: list[str] = []
    for word in spoken:
        denied = bool(kept) and kept[-1] == UNKNOWN and spoken[len(kept) - 1] in DENIALS
        kept.append(UNKNOWN if denied or random.random() <= 0.15 else word)
    return kept


class _Words:
    """Synonyms for each label of one clip."""

    def __init__(self, labels: Mapping[str, Any], random: Random) -> None:
        self._labels, self._random = labels, random

    def genre(self) -> str:
        return "" if self._labels["solo"] else self._random.choice(GENRE_WORDS[self._labels["genre"]])

    def energetic(self) -> str:
        energy, fast = self._labels["energy"], self._tempo_level()
        if energy >= 3 and fast and self._random.random() < 0.3:
            return self._random.choice(("upbeat", "energetic"))
        if energy >= 3 and self._labels["genre"] == "cinematic" and self._random.random() < 0.5:
            return self._random.choice(("epic", "heroic", "powerful"))
        return self._random.choice(ENERGY_WORDS[energy])

    def _is_chordal(self) -> bool:
        return not CHORDAL.isdisjoint(self._labels["instruments"])

    def mood(self) -> str:
        if not self._is_chordal():
            return self.energetic()
        tension, major = self._labels["emotional_tension"], self._labels["mode"] == "major"
        if tension == 2:
            return self._random.choice(TENSE_WORDS)
        return self._random.choice(BRIGHT_WORDS if major else SAD_WORDS)

    def _tempo_level(self) -> int:
        return {4: 2, 5: 2, 6: 1, 8: 1, 10: 0, 12: 0}[self._labels["frames_per_sixteenth"]]

    def tempo(self) -> str:
        return self.beats() if self._random.random() < 0.5 else self._random.choice(TEMPO_WORDS[self._tempo_level()])

    def beats(self) -> str:
        """Beats a minute: any number that is nearest to the tempo."""
        sixteenth = self._labels["frames_per_sixteenth"]
        low, high = NUMBERS[{12: 62, 10: 75, 8: 94, 6: 125, 5: 150, 4: 187}[sixteenth]]
        number = str(self._random.randint(max(low, 58), min(high, 199)))
        return number + " bpm" if self._random.random() < 0.9 else number

    def bass_or_voice(self) -> str:
        said = self._random.choice(self._parts())
        return "with " + said if said in BASS_WORDS[1] else said  # "bass" alone is a bass guitar alone

    def traits(self, count: int) -> list[str]:
        """Words about different traits of a band: all seven sliders' attributes and the key, the low ends as often as the high ones."""
        weights = {
            name: weight for name, weight in TRAIT_WEIGHTS.items() if self._is_chordal() or name not in CHORDAL_WORDS
        }
        said = []
        for _ in range(count):
            name = self._random.choices(list(weights), list(weights.values()))[0]
            del weights[name]
            said.append(self._trait(name))
        return [word for word in said if word]

    def _trait(self, name: str) -> str:
        if name == "mood":
            return self.mood()
        if name == "key":
            return self._key()
        if name == "energy":
            return self.energetic()
        labels = self._labels
        bank = {
            "chords": CHORD_WORDS[labels["harmonic_complexity"]],
            "bass": BASS_WORDS[labels["bass_resonance"]],
            "density": DENSITY_WORDS[min(4, labels["instrument_density"] - 1)],
            "voice": VOCAL_WORDS[labels["vocal_presence"]],
        }[name]
        said = self._random.choice(bank) if bank else ""
        return "with " + said if said in BASS_WORDS[1] else said

    def _parts(self) -> list[str]:
        """What the caption can say about bass, voices, chords and fullness."""
        options = [
            self._random.choice(BASS_WORDS[self._labels["bass_resonance"]]),
            self._random.choice(VOCAL_WORDS[self._labels["vocal_presence"]]),
        ]
        if self._is_chordal():
            options.append(self._random.choice(CHORD_WORDS[self._labels["harmonic_complexity"]]))
        density = DENSITY_WORDS[min(4, self._labels["instrument_density"] - 1)]
        return [*options, self._random.choice(density)] if density else options

    def instruments(self) -> str:
        names = list(self._labels["instruments"])
        self._random.shuffle(names)
        if self._random.random() < 0.4:
            names = names[: self._random.randint(2, 3)]  # one name alone means that it plays alone
        spoken = [self._random.choice(INSTRUMENT_WORDS[name]) for name in names[:4]]
        if self._labels["solo"] and self._random.random() < 0.3:
            return self._random.choice(("solo", "only")) + " " + spoken[0]
        return (" and " if self._random.random() < 0.5 else " ").join(spoken)

    def adjectives(self, most: int) -> list[str]:
        makers = [self.energetic, self.mood, self.tempo, self.bass_or_voice]
        self._random.shuffle(makers)
        return [maker() for maker in makers[: self._random.randint(1, most)]]

    def noun_phrase(self) -> str:
        kind = self._random.random()
        if kind < 0.35:
            return self.genre() or self.instruments()
        if kind < 0.8:
            return self.instruments()
        return f"{self.genre()} with {self.instruments()}" if not self._labels["solo"] else self.instruments()

    def details(self) -> list[str]:
        details = [*self._parts(), self._purpose(), self._key() if self._is_chordal() else "", self.tempo()]
        self._random.shuffle(details)
        return [
            ("with " if self._random.random() < 0.3 else "") + detail
            for detail in details[: self._random.randint(1, 3)]
            if detail
        ]

    def _purpose(self) -> str:
        energy = self._labels["energy"]
        return self._random.choice(PURPOSES) if energy <= 1 else self._random.choice(DRIVES) if energy == 4 else ""

    def _key(self) -> str:
        mode = self._labels["mode"]
        return mode + " key" if self._random.random() < 0.5 else f"in {TONICS[self._labels['tonic']]} {mode}"


def vocabulary() -> list[str]:
    """Every word a caption can hold, sorted."""
    banks: list[str] = [*NOUNS, *OPENERS, *PURPOSES, *DRIVES, *BRIGHT_WORDS, *SAD_WORDS, *TENSE_WORDS]
    for table in (GENRE_WORDS, INSTRUMENT_WORDS):
        banks += [word for words in table.values() for word in words]
    for levels in (ENERGY_WORDS, TEMPO_WORDS, BASS_WORDS, CHORD_WORDS, DENSITY_WORDS, VOCAL_WORDS):
        banks += [word for words in levels for word in words]
    banks += [
        "and with solo only epic heroic powerful upbeat energetic bpm major minor key in",
        " ".join(TONICS.values()),
    ]
    banks += [str(bpm) for bpm in range(58, 200)]
    return sorted({word for phrase in banks for word in phrase.replace("-", " ").split()})

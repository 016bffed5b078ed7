"""The character of a treatment: build, hair and clothes, from the concept or drawn by the seed."""

from __future__ import annotations

from random import Random

from resonance_video.colours import COLOUR_NAMES, contrast, nearest_name, to_rgb
from resonance_video.models import CharacterReference, Colour, Instrument
from resonance_video.treatment.garments import read_garments
from resonance_video.treatment.lexicon import COAT_LENGTHS, NOBODY, PEOPLE
from resonance_video.treatment.words import ConceptWords

_COATS = ("#1f2638", "#3a2440", "#5a2230", "#2b3d4f", "#3d3a2a", "#233c3a")
_HAIRS = ("#16131a", "#2a1a14", "#4a2c1a", "#7c3622", "#c79a54")
_SKINS = ("#f0c8a8", "#e0a983", "#c68a63", "#9a6443", "#6f4630")
_LEGS = ("#14161f", "#20222e", "#2a2430")
_SCARF_CONTRAST_MIN = 2.0
CHARACTER_ID = "lead"
_HAIR_LENGTHS = {"long": "long", "short": "short", "bald": "bald", "bun": "bun", "curly": "curly"}


def read_character(
    concept: ConceptWords, palette: tuple[Colour, ...], instrument: Instrument | None, random: Random
) -> tuple[CharacterReference | None, tuple[str, ...]]:
    """The character, None where the concept wants nobody, and notices about contradictions."""
    if any(phrase in concept.text for phrase in NOBODY):
        return None, ()
    people = concept.find(PEOPLE)
    named = next((value for place, value in people if concept.tokens[place] not in ("she", "her", "he", "his")), None)
    kind, hair_length = named or (people[0][1] if people else random.choice([("woman", "long"), ("person", "chin")]))
    garments, notices = read_garments(concept)
    locked = _locked(kind, hair_length, garments, palette, concept, random)
    if instrument is not None:
        locked["carries"] = instrument.value
    return CharacterReference(
        id=CHARACTER_ID,
        physical_description=_describe_body(kind, locked),
        wardrobe=_describe_clothes(locked),
        distinctive_features=_features(locked),
        emotional_range=("withdrawn", "open"),
        locked=locked,
    ), notices


def _locked(
    kind: str,
    hair_length: str,
    garments: dict[str, tuple[str, str]],
    palette: tuple[Colour, ...],
    concept: ConceptWords,
    random: Random,
) -> dict[str, str]:
    """All attributes of the figure; those that the concept leaves open are drawn, whether they are used or not, so that one word more
    changes one attribute alone."""
    drawn = {
        "coat": random.choice(_COATS),
        "hair": random.choice(_HAIRS),
        "skin": random.choice(_SKINS),
        "legs": random.choice(_LEGS),
        "scarf": _scarf(palette, random),
    }
    locked = {"build": kind, "hair_length": hair_length, "coat_length": "long"}
    for attribute, colour in drawn.items():
        locked[attribute] = garments[attribute][0] if attribute in garments else colour
    if "coat" in garments:
        locked["coat_length"] = COAT_LENGTHS.get(garments["coat"][1], "long")
        if "scarf" not in garments:
            locked["scarf"] = drawn["scarf"] if garments["coat"][1] in ("coat", "jacket", "parka") else "none"
    if "hat" in garments:
        locked["hat"] = garments["hat"][0]
    for place, token in enumerate(concept.tokens[:-1]):
        if token in _HAIR_LENGTHS and concept.tokens[place + 1] in ("hair", "haired"):
            locked["hair_length"] = _HAIR_LENGTHS[token]
            concept.mark_read(place, place + 1)
    return locked


def _scarf(palette: tuple[Colour, ...], random: Random) -> str:
    """A colour of the palette that stands out from the ground."""
    ground = to_rgb(palette[0].hex)
    bright = [colour.hex for colour in palette[1:] if contrast(to_rgb(colour.hex), ground) >= _SCARF_CONTRAST_MIN]
    return random.choice(bright or [COLOUR_NAMES["yellow"]])


def _describe_body(kind: str, locked: dict[str, str]) -> str:
    article = "an" if kind[0] in "aeiou" else "a"
    hair = "bald" if locked["hair_length"] == "bald" else f"{locked['hair_length']} {_colour(locked['hair'])} hair"
    return f"{article} {kind} with {hair}"


def _describe_clothes(locked: dict[str, str]) -> str:
    scarf = f", a {_colour(locked['scarf'])} scarf" if locked["scarf"] != "none" else ""
    hat = f", a {_colour(locked['hat'])} hat" if "hat" in locked else ""
    return f"a {locked['coat_length']} {_colour(locked['coat'])} coat{scarf}{hat}"


def _features(locked: dict[str, str]) -> tuple[str, ...]:
    scarf = (f"{_colour(locked['scarf'])} scarf",) if locked["scarf"] != "none" else ()
    carries = (f"a {locked['carries']}",) if "carries" in locked else ()
    return (*scarf, *carries)


def _colour(value: str) -> str:
    return nearest_name(to_rgb(value))

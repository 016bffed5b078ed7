"""Colours of garments and hair in a text: "a red coat", "black hair"."""

from __future__ import annotations

from resonance_video.colours import COLOUR_NAMES
from resonance_video.treatment.lexicon import GARMENTS
from resonance_video.treatment.words import ConceptWords

_REACH = 3


def read_garments(words: ConceptWords) -> tuple[dict[str, tuple[str, str]], tuple[str, ...]]:
    """The colour (`#rrggbb`) and the word of each named attribute, and notices about contradictions.

    A colour belongs to the next garment within three words. "A red coat, not red" keeps the first colour that is not taken back; where
    none is left, the wish is named in a notice.
    """
    found: dict[str, tuple[str, str]] = {}
    notices: list[str] = []
    refused = _refused_colours(words)
    for place, token in enumerate(words.tokens):
        if token not in COLOUR_NAMES or words.is_negated(place):
            continue
        garment = _garment_after(words, place)
        if garment is None:
            continue
        attribute = GARMENTS[words.tokens[garment]]
        words.mark_read(place, garment)
        if token in refused:
            notices.append(f"the {words.tokens[garment]} is asked for as {token} and as not {token}; it is {token}")
        if attribute in found and found[attribute][0] != COLOUR_NAMES[token]:
            notices.append(f"two colours are named for the {words.tokens[garment]}; the first is used")
            continue
        found[attribute] = (COLOUR_NAMES[token], words.tokens[garment])
    return found, tuple(notices)


def free_colours(words: ConceptWords) -> list[str]:
    """Names of colours that stand for the picture as a whole, not for a garment."""
    free = []
    for place, token in enumerate(words.tokens):
        if token in COLOUR_NAMES and not words.is_negated(place) and _garment_after(words, place) is None:
            words.mark_read(place)
            free.append(token)
    return list(dict.fromkeys(free))


def _garment_after(words: ConceptWords, place: int) -> int | None:
    for later in range(place + 1, min(place + 1 + _REACH, len(words.tokens))):
        if words.tokens[later] in GARMENTS:
            return later
        if words.tokens[later] in COLOUR_NAMES:
            return None
    return None


def _refused_colours(words: ConceptWords) -> set[str]:
    refused = set()
    for place, token in enumerate(words.tokens):
        if token in COLOUR_NAMES and words.is_negated(place):
            words.mark_read(place)
            refused.add(token)
    return refused

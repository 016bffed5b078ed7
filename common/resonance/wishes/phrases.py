"""Open phrases: clauses that name no slider, as wishes for a phrase of the user's own.

"dreamier", "a bit less rainy" and "like a church organ" become a phrase with a sign and an amount. The grammar of the sliders reads the
rest of such a clause: degrees, negation, halves and numbers mean the same for a phrase as for a slider.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from resonance.errors import invalid_field
from resonance.wishes.clauses import Clause, Item, parse_clauses, parse_items
from resonance.wishes.lexicon import LEXICON, Kind, Sense
from resonance.wishes.moves import TURNING

WORDS_MAX = 8
LENGTH_MAX = 60
# The most phrases of one wish: each may have to be computed while its caller waits.
PHRASES_MAX = 3
_ARTICLES = frozenset({"a", "an", "the"})
_AFTER_LIKE = _ARTICLES | {"in", "at", "on", "being"}
# Before these words "like" is a verb: "I like the drums", "I'd like a change".
_LIKING = frozenset(
    {
        "i",
        "we",
        "i'd",
        "we'd",
        "would",
        "you",
        "they",
        "really",
        "also",
        "still",
        "do",
        "quite",
        "don't",
        "dont",
        "didn't",
    }
)
_AMOUNTS = frozenset({Kind.DEGREE, Kind.LEAN, Kind.HALF, Kind.EXTREME})
_MORE = Item("", Sense(Kind.LEAN, sign=1))
_MARK = "phrase:"  # before the phrase in the target of a move, so that no phrase has the name of a slider
# Nouns that end like comparatives of adjectives in -y.
_NOUNS = frozenset({"soldier", "frontier", "courier", "barrier", "carrier"})
_VOWELS = "aeiou"


def parse_open_clauses(text: str) -> list[Clause]:
    """The wishes of a text. The unknown words of a clause that names no slider are one target, which is the phrase.

    A clause is left as it is where its unknown words stand in two places, or could invert the wish.

    Raises:
        InvalidInput: a phrase is too long (PHRASE_TOO_LONG).
    """
    found: list[Clause] = []
    for clause in parse_clauses(text, read=_read_part):
        before = found[-1] if found else None
        found.append(_open(clause, before) or clause)
    return found


def _read_part(words: list[str]) -> list[Item]:
    before, simile = split_similes(words)
    return [*parse_items(before), *([phrase_item(simile)] if simile else [])]


def is_phrase(target: str) -> bool:
    """True where the target of a move is an open phrase."""
    return target.startswith(_MARK)


def phrase_of(target: str) -> str:
    """The phrase that an open target names."""
    return target.removeprefix(_MARK)


def split_similes(words: Sequence[str]) -> tuple[list[str], str]:
    """The words before a comparison with "like", and what is compared with: ("more", "church organ") of "more like a church organ"."""
    for place, word in enumerate(words):
        rest = list(words[place + 1 :])
        is_verb = place > 0 and words[place - 1] in _LIKING
        if word != "like" or is_verb or len(rest) < 2 or rest[0] not in _AFTER_LIKE or _is_amount(rest):
            continue
        return list(words[:place]), " ".join(_strip_articles(rest))
    return list(words), ""


def phrase_item(phrase: str) -> Item:
    """The phrase as a target. Raises InvalidInput where it is too long."""
    if len(phrase) > LENGTH_MAX or len(phrase.split()) > WORDS_MAX:
        message = (
            f"“{phrase[:LENGTH_MAX]}” is too long to steer by: at most {WORDS_MAX} words and {LENGTH_MAX} characters"
        )
        raise invalid_field("text", "PHRASE_TOO_LONG", message)
    return Item(phrase, Sense(Kind.TARGET, _MARK + phrase))


def base_forms(word: str) -> tuple[str, ...]:
    """The words that a comparative or superlative may come from, likeliest first: "dreamier" is of "dreamy", "bigger" of "big"."""
    if word in _NOUNS or len(word) < 5:
        return ()
    for ending in ("er", "est"):
        if not word.endswith(ending):
            continue
        stem = word.removesuffix(ending)
        if stem.endswith("i"):
            return (stem[:-1] + "y",)
        if len(stem) > 2 and stem[-1] == stem[-2] and stem[-1] not in _VOWELS:
            return (stem[:-1], stem, stem + "e")
        return (stem, stem + "e")
    return ()


def content_words(phrase: str) -> list[str]:
    """The words of a phrase that mean something: not "the", "of" or "music"."""
    return [word for word in re.findall(r"[^\W_]+(?:'[^\W_]+)?", phrase.lower()) if not _is_filler(word)]


def _open(clause: Clause, before: Clause | None) -> Clause | None:
    has_phrase = any(is_phrase(sense.slider) for sense in clause.of(Kind.TARGET))
    if has_phrase:
        has_manner = _has_lean(clause) or _is_turned(clause)
        return clause if has_manner else Clause((_MORE, *clause.items), wording=clause.words)
    if clause.sliders or clause.has(Kind.SENSE) or any(sense.is_loose for _, sense in clause.senses):
        return None
    if not clause.unknown or not TURNING.isdisjoint(clause.unknown) or clause.has(Kind.KEEP) or clause.has(Kind.PRAISE):
        return None
    first, last = _find_run(clause.items)
    if first < 0:
        return None
    phrase = " ".join(item.phrase for item in clause.items[first : last + 1])
    items = (*clause.items[:first], phrase_item(phrase), *clause.items[last + 1 :])
    is_sharing = before is not None and (_has_lean(before) or before.has(Kind.WITHOUT) or before.has(Kind.ABSENCE))
    if _has_lean(clause) or _is_turned(clause) or (is_sharing and not base_forms(phrase)):
        return Clause(items, wording=clause.words)
    return Clause((_MORE, *items), wording=clause.words)


def _has_lean(clause: Clause) -> bool:
    return clause.has(Kind.LEAN) or clause.number is not None


def _is_turned(clause: Clause) -> bool:
    """True where the clause says another thing about its phrase than more of it."""
    kinds = (Kind.NEGATION, Kind.WITHOUT, Kind.EXCESS, Kind.ENOUGH, Kind.ABSENCE, Kind.HALF, Kind.DOUBLE)
    return any(clause.has(kind) for kind in (*kinds, Kind.EXTREME, Kind.MIDDLE))


def _find_run(items: Sequence[Item]) -> tuple[int, int]:
    """First and last place of the unknown words, where only fillers stand between them; (-1, -1) where they are in two places."""
    places = [place for place, item in enumerate(items) if item.meaning is None]
    between = items[places[0] : places[-1] + 1]
    kinds = {is_inside for is_inside, _ in groupby(between, key=_is_inside)}
    return (places[0], places[-1]) if kinds == {True} else (-1, -1)


def _is_inside(item: Item) -> bool:
    return item.meaning is None or item.has_kind(frozenset({Kind.FILLER}))


def _is_amount(words: Sequence[str]) -> bool:
    """True where words begin with an amount: "a bit more", "a lot less"."""
    return any(_has_amount(" ".join(words[start : start + count])) for start in (0, 1) for count in (1, 2, 3))


def _has_amount(phrase: str) -> bool:
    return phrase in LEXICON and LEXICON[phrase].kind in _AMOUNTS


def _strip_articles(words: list[str]) -> list[str]:
    while len(words) > 1 and words[0] in _AFTER_LIKE:
        words = words[1:]
    return words


def _is_filler(word: str) -> bool:
    return word in LEXICON and LEXICON[word].kind is Kind.FILLER

"""Tempo, key, metre and denials in the words of a prompt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from resonance_generate.musical.keys import Key, parse_key

_NUMBER = r"(?P<number>\d{2,3}(?:\.\d+)?)"
_TEMPI = (
    re.compile(
        rf"(?<![\d.]){_NUMBER}(?:\s*(?:-|\u2013|to)\s*(?P<last>\d{{2,3}}))?[\s-]*(?:bpm\b|beats? (?:per|a) minute\b)",
        re.I,
    ),
    re.compile(rf"\b(?:bpm|tempo)(?:\s+of|\s+at|\s*[:=])?\s*{_NUMBER}\b(?!\s*bpm)", re.I),
)
_TONIC = r"[a-g](?:\s?[#\u266f]|b|\u266d|[ -](?:sharp|flat))?"
_KEYS = (
    re.compile(rf"(?<![\w#'])(?P<key>{_TONIC}[ -]*(?:major|minor|maj|min))(?!\w)(?!\s+key\b)", re.I),
    re.compile(rf"\bin (?P<key>{_TONIC}m)(?!\w)", re.I),
    re.compile(rf"\bkey(?: of|:)? (?P<key>{_TONIC})(?![\w#])(?!\s+(?:major|minor|maj|min)\b)", re.I),
)
# "a minor piece" has an article: the letter counts as a tonic behind "in" and "key of", and as a capital inside a sentence.
_IS_KEYED = re.compile(r"(?:\bin|\bkey(?: of|:)?)\s+$", re.I)
_METRE = re.compile(r"(?<![\d/])(?P<beats>[1-9]\d?)\s?/\s?(?P<unit>2|4|8|16)(?![\d/])")
_METRE_WORDS = re.compile(r"\bwaltz(?:es)?\b|\b(?:odd|irregular) (?:met(?:re|er)s?|time(?: signatures?)?)\b", re.I)
_DENIAL = re.compile(
    r"\b(?:(?:but|and|with) )?(?P<word>no|without(?: any)?|w/o|not(?: too| so| very)?|avoid(?:ing)?|exclud(?:e|ing)|except(?: for)?|minus"
    r"|lacking|free of|(?:don't|don\u2019t|do not) (?:use|play|include|add)(?: any)?)\s+(?!\d)",
    re.I,
)
_LESS = {
    "drumless": "drums",
    "beatless": "beat",
    "bassless": "bass",
    "wordless": "words",
    "percussionless": "percussion",
}
_LESS_WORDS = re.compile(rf"\b(?:{'|'.join(_LESS)})\b", re.I)
_FREE = re.compile(r"\b(?P<what>[a-z]+)[ -]free\b", re.I)
# What ends the denied words. "and" goes on behind "without", where a short phrase follows: "without drums and bass".
_STOP = re.compile(
    r"[,.;:!?()\n]|\s+please\b|\s(?:and|but|with|for|in|at|on|just|only|to|like|that|while|then|\u2013|-)\s", re.I
)
_OR = re.compile(r"\s+(?:or|nor)\s+|\s*/\s*", re.I)
_AND = re.compile(r"\s+and\s+(?P<more>[a-z]+(?: [a-z]+)?)\s*(?=[,.;!?\n]|$)", re.I)
_WORDS_MAX = 3
# Sayings in which nothing is denied.
_SAYINGS = re.compile(
    r"\b(?:no (?:wave|limits?|problem|matter|one|idea|man's land|more than)|not (?:only|just|even|bad|yet|to|a|the)|nothing else|non ?stop"
    r"|without (?:end|ending|limits?|a doubt|stopping))\b",
    re.I,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A stretch of a prompt that names a tempo, a key or a metre, or that denies something. Exactly one of the four is set.

    `number_start` and `number_end` bound the number of a tempo.
    """

    start: int
    end: int
    bpm: float | None = None
    key: Key | None = None
    metre: str = ""
    denied: tuple[str, ...] = ()
    number_start: int = 0
    number_end: int = 0


def find_terms(text: str) -> list[Term]:
    """The terms of a prompt in their order; no two overlap."""
    return list(_apart([*_tempi(text), *_keys(text), *_metres(text), *_denials(text)]))


def cut_terms(text: str, terms: Iterable[Term]) -> str:
    """The prompt without these terms, and without the commas and joining words that they leave behind."""
    parts, end = [], 0
    for term in sorted(terms, key=lambda term: term.start):
        parts.append(text[end : term.start])
        end = term.end
    return _tidy(" ".join([*parts, text[end:]])) if parts else text


def _tempi(text: str) -> Iterator[Term]:
    for pattern in _TEMPI:
        for found in pattern.finditer(text):
            last = found.groupdict().get("last")
            bpm = (float(found["number"]) + float(last)) / 2 if last else float(found["number"])
            yield Term(
                start=found.start(),
                end=found.end(),
                bpm=bpm,
                number_start=found.start("number"),
                number_end=found.end("last") if last else found.end("number"),
            )


def _keys(text: str) -> Iterator[Term]:
    for pattern in _KEYS:
        for found in pattern.finditer(text):
            key, start = parse_key(found["key"].replace("-", " ")), found.start("key")
            if key is None or _is_article(text, start, found["key"]):
                continue
            yield Term(start=start, end=found.end("key"), key=key)


def _is_article(text: str, start: int, name: str) -> bool:
    """True for the "a" of "a minor change"."""
    if not re.match(r"a[ -]+m", name, re.I) or _IS_KEYED.search(text[:start]):
        return False
    return name[0] == "a" or start == 0


def _metres(text: str) -> Iterator[Term]:
    for found in _METRE.finditer(text):
        yield Term(start=found.start(), end=found.end(), metre=f"{found['beats']}/{found['unit']}")
    for found in _METRE_WORDS.finditer(text):
        metre = "3/4" if found[0].lower().startswith("waltz") else "an odd metre"
        yield Term(start=found.start(), end=found.end(), metre=metre)


def _denials(text: str) -> Iterator[Term]:
    sayings = [found.span() for found in _SAYINGS.finditer(text)]
    for found in _DENIAL.finditer(text):
        if any(start <= found.start("word") < end for start, end in sayings):
            continue
        end = _end_of_denied(text, found.end(), goes_on=found["word"].lower().startswith("without"))
        denied = tuple(_denied(text[found.end() : end]))
        if denied:
            yield Term(start=found.start(), end=end, denied=denied)
    for found in _LESS_WORDS.finditer(text):
        yield Term(start=found.start(), end=found.end(), denied=(_LESS[found[0].lower()],))
    for found in _FREE.finditer(text):
        if found["what"].lower() not in {"royalty", "copyright", "care", "hands", "stress", "for"}:
            yield Term(start=found.start(), end=found.end(), denied=(found["what"],))


def _end_of_denied(text: str, start: int, *, goes_on: bool) -> int:
    stop = _STOP.search(text, start)
    end = stop.start() if stop else len(text)
    more = _AND.match(text, end) if goes_on else None
    if more is not None and not _DENIAL.match(more["more"] + " "):
        return more.end()
    words = list(re.finditer(r"\S+", text[start:end]))
    has_or = _OR.search(text[start:end]) is not None
    return end if has_or or len(words) <= _WORDS_MAX else start + words[_WORDS_MAX - 1].end()


def _denied(phrase: str) -> Iterator[str]:
    for part in re.split(r"\s+(?:or|nor|and)\s+|\s*/\s*", phrase, flags=re.I):
        bare = re.sub(r"^(?:no|any|the|a|an|too|so|very)\s+", "", part.strip(), flags=re.I)
        if bare:
            yield bare


def _apart(terms: list[Term]) -> Iterator[Term]:
    """Terms in their order; of two that overlap, the one that begins earlier, then the longer one."""
    end = 0
    for term in sorted(terms, key=lambda term: (term.start, -term.end)):
        if term.start >= end:
            yield term
            end = term.end


def _tidy(text: str) -> str:
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s+([,.;])", r"\1", text)
    text = re.sub(r"([,;])(?:\s*[,;.])+", r"\1", text)
    text = re.sub(r"(?:\s|^)(?:and|but|with|at|in|in the key of)\s*(?=[,.;]|$)", " ", text, flags=re.I)
    return re.sub(r"^(?:and|but)\s+", "", text.strip(" ,;"), flags=re.I)

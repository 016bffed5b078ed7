"""Texts of the page's languages, for pages that the server writes itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "static/languages"
# The tag of a document in each language; a test compares it with that of the page's scripts.
TAGS = {
    "en": "en",
    "de": "de",
    "es": "es",
    "fr": "fr",
    "pt": "pt-BR",
    "ar": "ar",
    "ja": "ja",
    "zh": "zh-Hans",
}
RIGHT_TO_LEFT = ("ar",)
_MILLION = 1_000_000
_RANGE = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language with its texts."""

    code: str
    texts: Mapping[str, str | Mapping[str, str] | list[str]]

    @property
    def tag(self) -> str:
        """The value of `lang` in HTML."""
        return TAGS[self.code]

    @property
    def direction(self) -> str:
        """The value of `dir` in HTML."""
        return "rtl" if self.code in RIGHT_TO_LEFT else "ltr"

    def text(self, key: str, **values: str | int) -> str:
        """The text of a key with its names filled in; one with forms takes that of `count`."""
        found = self.texts[key]
        if isinstance(found, Mapping):
            found = found[plural(self.code, int(values["count"]))]
        assert isinstance(found, str)
        return re.sub(r"\{(\w+)\}", lambda name: str(values[name[1]]), found)

    def all(self, key: str) -> list[str]:
        """The texts of a key that has several."""
        found = self.texts[key]
        assert isinstance(found, list)
        return found


@cache
def load_language(code: str) -> Language:
    """Reads the file of a language once. Raises KeyError for one that there is not."""
    TAGS[code]
    return Language(code=code, texts=json.loads((FOLDER / f"{code}.json").read_text("utf-8"))["texts"])


def choose_language(wanted: str | None, accepted: str | None) -> Language:
    """The language that the address names, else the first of `Accept-Language` that there is, else English."""
    ranked: list[tuple[float, str]] = []
    for part in (accepted or "").split(",")[:32]:
        if found := _RANGE.fullmatch(part):
            ranked.append((float(found[2] or 1), found[1].lower()))
    ranked.sort(key=lambda one: -one[0])
    asked = [(wanted or "").lower().split("-")[0], *(code for quality, code in ranked if quality > 0)]
    return load_language(next((code for code in asked if code in TAGS), "en"))


def plural(code: str, count: int) -> str:
    """The CLDR category of a whole number, as `Intl.PluralRules` names it."""
    match code:
        case "ja" | "zh":
            return "other"
        case "ar":
            return _arabic(count)
        case "fr" | "pt":
            one = count in (0, 1)
        case _:
            one = count == 1
    if one:
        return "one"
    return "many" if code in ("es", "fr", "pt") and count and count % _MILLION == 0 else "other"


def _arabic(count: int) -> str:
    if count < 3:
        return ("zero", "one", "two")[count]
    rest = count % 100
    return "few" if 3 <= rest <= 10 else "many" if rest >= 11 else "other"

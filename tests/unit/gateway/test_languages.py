"""Languages of the page: every file has the same keys, names and plural forms, and every text is used."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import resonance_gateway
from resonance_gateway.services.languages import TAGS, choose_language, load_language, plural

STATIC = Path(resonance_gateway.__file__).parent / "static"
FILES = {path.stem: json.loads(path.read_text("utf-8")) for path in (STATIC / "languages").glob("*.json")}
ENGLISH = FILES["en"]["texts"]
# Forms of "1st, 2nd, 3rd"; only English among our languages has more than one.
ORDINALS = ("names.ordinal",)
FORMS = {code: {plural(code, count) for count in (*range(200), 1_000_000)} for code in TAGS}
ORDINAL_FORMS = {"en": {"one", "two", "few", "other"}, "fr": {"one", "other"}}
_NAME = re.compile(r"\{(\w+)\}")


def test_each_of_the_eight_languages_is_one_file() -> None:
    assert set(FILES) == set(TAGS) == {"en", "de", "es", "fr", "pt", "ar", "ja", "zh"}
    assert FORMS["ar"] == {"zero", "one", "two", "few", "many", "other"}
    assert FORMS["ja"] == FORMS["zh"] == {"other"}
    assert FORMS["de"] == FORMS["en"] == {"one", "other"}


@pytest.mark.parametrize("code", sorted(FILES))
def test_a_file_has_the_keys_of_english_in_its_order(code: str) -> None:
    assert list(FILES[code]["texts"]) == list(ENGLISH)


@pytest.mark.parametrize("code", sorted(FILES))
def test_every_text_has_the_shape_the_names_and_the_forms_that_it_needs(code: str) -> None:
    faults: list[str] = []
    for key, text in FILES[code]["texts"].items():
        english = ENGLISH[key]
        if type(text) is not type(english):
            faults.append(f"{key}: {type(text).__name__} instead of {type(english).__name__}")
        elif isinstance(text, str):
            faults += _faults(key, text, english)
        elif isinstance(text, list):
            if len(text) != len(english):
                faults.append(f"{key}: {len(text)} texts instead of {len(english)}")
            faults += [fault for own, theirs in zip(text, english, strict=False) for fault in _faults(key, own, theirs)]
        else:
            forms = ORDINAL_FORMS.get(code, {"other"}) if key in ORDINALS else FORMS[code]
            if set(text) != forms:
                faults.append(f"{key}: forms {sorted(text)} instead of {sorted(forms)}")
            for (
                form,
                own,
            ) in text.items():  # "one song" needs no number, nor do Arabic's one and two; none needs no more
                leaves_out = set(_NAME.findall(english["other"])) if form == "zero" else {"count"} & _small(form)
                faults += _faults(f"{key} {form}", own, english["other"], leaves_out)
    assert faults == []


@pytest.mark.parametrize("code", sorted(set(FILES) - {"en"}))
def test_a_translation_is_no_copy_of_english(code: str) -> None:
    """A word that is the same in both languages may stay; three words in a row are not."""
    texts = FILES[code]["texts"]
    same = [
        key
        for key, text in texts.items()
        if isinstance(text, str) and text == ENGLISH[key] and len(re.findall(r"[A-Za-z]{2,}", _NAME.sub("", text))) >= 3
    ]
    assert same == []


def test_every_text_is_used_and_every_text_that_is_asked_for_exists() -> None:
    sources = [*(path for path in (STATIC / "js").rglob("*.js") if "vendor" not in path.parts), STATIC / "index.html"]
    sources += list(STATIC.parent.rglob("*.py"))
    code = "\n".join(path.read_text("utf-8") for path in sources)
    asked = set(
        re.findall(r"\bt\(\"([\w.]+)\"|\ball\(\"([\w.]+)\"|data-t(?:-\w+)?=\"([\w.]+)\"|\btext\(\"([\w.]+)\"", code)
    )
    named = {key for found in asked for key in found if key}
    assert named - set(ENGLISH) == set()
    groups = set(re.findall(r"tOf\([\"`]([\w.]+)(?:\.\$\{\w+\})?[\"`]", code)) | {
        "command",
        "slider",
        "problem",
        "shared",
    }
    unused = [
        key for key in ENGLISH if f'"{key}"' not in code and not any(key.startswith(f"{group}.") for group in groups)
    ]
    assert unused == []


@pytest.mark.parametrize(
    ("wanted", "accepted", "code"),
    [
        (None, None, "en"),
        (None, "de-AT,de;q=0.9,en;q=0.8", "de"),
        (None, "nl, fr;q=0.3, es-MX;q=0.7", "es"),
        (None, "de;q=0, ja", "ja"),
        (None, "pt-PT", "pt"),
        (None, "tlh;q=1, *;q=0.1, ;;,=", "en"),
        ("ar", "de", "ar"),
        ("../en", "fr", "fr"),
        ("zh-TW", None, "zh"),
    ],
)
def test_the_language_is_that_of_the_address_then_of_the_browser(
    wanted: str | None, accepted: str | None, code: str
) -> None:
    assert choose_language(wanted, accepted).code == code


def test_a_language_fills_names_and_takes_the_form_of_the_number() -> None:
    english = load_language("en")
    assert english.text("shared.seconds", count=1) == "1 second"
    assert english.text("shared.seconds", count=20) == "20 seconds"
    with pytest.raises(KeyError):
        english.text("shared.description")
    with pytest.raises(KeyError):
        load_language("tlh")


def _faults(key: str, text: Any, english: str, leaves_out: set[str] = frozenset()) -> list[str]:  # type: ignore[assignment]
    if not isinstance(text, str):
        return [f"{key}: no text"]
    faults = []
    if bool(text.strip()) != bool(english.strip()):
        faults.append(f"{key}: empty")
    if text != text.strip() and english == english.strip():
        faults.append(f"{key}: space at an end")
    own, theirs = set(_NAME.findall(text)), set(_NAME.findall(english))
    if own | leaves_out != theirs | leaves_out or "{" in _NAME.sub("", text):
        faults.append(f"{key}: names {sorted(own)} instead of {sorted(theirs)}")
    return faults


def _small(form: str) -> set[str]:
    return {"count"} if form in ("one", "two") else set()

"""Conversation in other languages than English: what the page names is done, and what is not understood is named."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page
from tests.page.conftest import Visit
from tests.page.test_languages import make_a_take, open_in

from resonance_gateway.services.languages import TAGS, load_language

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Commands whose names stand in the sheet, and which are no sentences: a press or a key goes to a field.
_NO_SENTENCE = ("say", "slider")
_READ = """async ([code, texts, durationS]) => {
  const { readSaying } = await import('/static/js/core/sayings.js');
  const { says } = await (await fetch(`/static/languages/${code}.json`)).json();
  return texts.map((text) => readSaying(text, durationS, says));
}"""
OTHERS = [code for code in TAGS if code != "en"]
# What each place of a slider's words means to the server, whose grammar is English; the middle is no wish.
_DEGREES = ("much ", "", "a bit ", None, "a bit ", "", "much ")
_WISHES = {
    "energy": ("less energy", "more energy"),
    "tempo": ("slower", "faster"),
    "bass_resonance": ("less bass", "more bass"),
    "harmonic_complexity": ("plainer chords", "richer chords"),
    "instrument_density": ("fewer instruments", "more instruments"),
    "vocal_presence": ("fewer voices", "more voices"),
    "emotional_tension": ("less tense", "more tense"),
}


@pytest.mark.parametrize("code", OTHERS)
async def test_every_sentence_that_the_page_names_is_understood_in_its_language(modules: Page, code: str) -> None:
    language = load_language(code)
    commands = [
        key.removeprefix("command.")
        for key, text in language.texts.items()
        if isinstance(text, list) and key.startswith("command.")
    ]
    commands = [name for name in commands if name not in _NO_SENTENCE]
    said = [language.all(f"command.{name}")[1] for name in commands]
    read = await modules.evaluate(_READ, [code, said, 20])
    for name, sentence, one in zip(commands, said, read, strict=True):
        assert [act["command"] for act in one["acts"]] == [name], sentence
        assert (one["rest"], one["unknown"]) == ("", []), sentence
    wishes = [
        *language.all("answer.wishes"),
        language.text("easy.calmerSentence"),
        language.text("easy.livelierSentence"),
    ]
    for sentence, one in zip(wishes, await modules.evaluate(_READ, [code, wishes, 20]), strict=True):
        assert one["rest"], sentence
        assert one["unknown"] == [], sentence
    for slider, (down, up) in _WISHES.items():
        words = language.all(f"slider.{slider}.values")
        read = await modules.evaluate(_READ, [code, words, 0])
        for place, degree in enumerate(_DEGREES):
            if degree is not None:
                assert read[place]["rest"] == degree + (down if place < 3 else up), words[place]
    examples = re.findall(r"[„«“「]\s?(.*?)\s?[“”»」]", language.text("refine.example"))
    assert len(examples) >= 5
    for sentence, one in zip(examples, await modules.evaluate(_READ, [code, examples, 20]), strict=True):
        assert one["unknown"] == [], sentence


# Sentences as people say them, with what they shall do; none of them stands in the page's own texts.
_SAID = {
    "de": [
        ("Kannst du bitte viel schneller machen?", [], ""),
        ("mach es ein bisschen ruhiger und mehr Bass", [], "a bit less energy, more bass"),
        ("Ohne Trompete", ["without"], ""),
        ("am Anfang mehr Energie", [], "more energy"),
        ("verträumter", [], ""),
        ("mehr Bass und verträumter", [], ""),
    ],
    "fr": [
        ("un peu plus lent, s'il vous plaît", [], "a bit slower"),
        ("enlève le piano", ["without"], ""),
        ("plus rêveur", [], ""),
    ],
    "ar": [("أبطأ قليلا من فضلك", [], "a bit slower"), ("ارجع ٥ ثوان", ["back"], ""), ("أكثر حلما", [], "")],
    "ja": [("少し速く", [], "a bit faster"), ("終わりを変えて", ["part"], ""), ("夢のように", [], "")],
    "zh": [("慢很多", [], "much slower"), ("请加入钢琴", ["words"], ""), ("更梦幻", [], "")],
}


@pytest.mark.parametrize("code", _SAID)
async def test_what_people_say_is_done_or_named_as_not_understood(modules: Page, code: str) -> None:
    read = await modules.evaluate(_READ, [code, [text for text, *_ in _SAID[code]], 20])
    for (text, commands, rest), one in zip(_SAID[code], read, strict=True):
        assert [act["command"] for act in one["acts"]] == commands, text
        assert one["rest"] == rest, text
        assert bool(one["unknown"]) == (not commands and not rest), f"{text}: silently nothing"


async def test_the_conversation_acts_in_german_and_says_what_it_does_not_understand(visit: Visit) -> None:
    await open_in(visit, "de")
    page = visit.page
    assert await visit.text("#prompt-language") == load_language("de").text("words.english")
    assert await page.is_visible("#prompt-language")
    await make_a_take(visit)
    await visit.say("etwas mehr Bass")
    await visit.answer("Bass: etwas mehr Bass. Version 2 entsteht.")
    await page.wait_for_selector("#stop", state="hidden")
    await visit.say("mit Trompete")
    await visit.answer("Zu den Worten hinzugefügt: a trumpet.")
    assert await page.input_value("#prompt") == "calm piano, with a trumpet"
    await page.wait_for_selector("#stop", state="hidden")
    before = await page.evaluate("localStorage['resonance.draft']")
    await visit.say("wie eine verregnete Nacht")
    await visit.answer("„wie eine verregnete Nacht“ habe ich nicht verstanden.")
    assert "nur auf Englisch" in (await page.locator(".saying.it").last.text_content() or "")
    assert await page.evaluate("localStorage['resonance.draft']") == before, "nothing was done silently"
    near = page.locator(".saying.it").last.get_by_role("button")
    assert await near.first.text_content() == "Als Englisch lesen"
    assert await near.count() == 3
    await visit.say("like a rainy night")
    await visit.answer("habe ich nicht verstanden")
    await page.locator(".saying.it").last.get_by_role("button", name="Als Englisch lesen").click()
    await visit.answer("„rainy night“")
    await page.wait_for_selector("#own-sliders .slider", state="attached")

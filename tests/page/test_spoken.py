"""Spoken words: the microphone writes into its field, says so, and changes nothing by itself."""

from __future__ import annotations

import pytest
from tests.page.conftest import Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def speak(visit: Visit, button: str) -> None:
    await visit.page.click(button)
    await visit.page.wait_for_function(f"() => document.querySelector('{button}').textContent === 'That is all'")
    await visit.page.wait_for_timeout(300)
    await visit.page.click(button)


async def test_a_spoken_wish_is_written_into_the_field_and_done_when_the_user_says_so(visit: Visit) -> None:
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    before = await visit.page.input_value("#slider-bass_resonance")
    await speak(visit, "#refine-speak")
    await visit.wait_for_text("#refine-spoken", "You said: “more bass”. Nothing is changed yet.")
    assert visit.script.recordings[-1][:4] == b"\x1aE\xdf\xa3", "what a browser records is WebM"
    assert await visit.page.input_value("#refine-text") == "more bass"
    assert await visit.page.evaluate("document.activeElement.id") == "refine-text"
    assert await visit.page.input_value("#slider-bass_resonance") == before
    await visit.page.keyboard.press("Enter")
    await visit.page.wait_for_function("() => Number(document.querySelector('#slider-bass_resonance').value) > 0")
    await visit.answer("Making version 2.")


async def test_spoken_words_for_the_music_are_written_into_the_prompt(visit: Visit) -> None:
    visit.script.spoken = "calm piano at night"
    await visit.open()
    await speak(visit, "#prompt-speak")
    await visit.wait_for_text("#prompt-spoken", "You said: “calm piano at night”.")
    assert await visit.page.input_value("#prompt") == "calm piano at night"


async def test_what_was_not_understood_leaves_the_field_as_it_is(visit: Visit) -> None:
    visit.script.spoken = ""
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    await visit.page.fill("#refine-text", "slower")
    await speak(visit, "#refine-speak")
    await visit.wait_for_text("#refine-spoken", "That was not understood. ")
    assert await visit.page.input_value("#refine-text") == "slower"
    assert await visit.page.is_enabled("#refine-speak")

"""Spoken words: the microphone writes into its field, says so, and changes nothing by itself."""

from __future__ import annotations

import pytest
from tests.page.conftest import Visit

from resonance.v1 import speech_pb2

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


async def test_a_recording_that_leaves_for_google_is_told_before_it_is_made(visit: Visit) -> None:
    visit.script.recognizer = speech_pb2.RecognizerInfo(
        name="gemini-transcribe", is_google=True, price_usd=0.001, price_day="2026-12-01"
    )
    await visit.open()
    told = "What you record goes to gemini-transcribe at Google. A minute costs about $0.06 (price of Dec 1, 2026)."
    assert await visit.text("#prompt-spoken") == told
    assert await visit.page.get_attribute("#prompt-speak", "aria-describedby") == "prompt-spoken"
    await visit.page.click("#prompt-speak")
    await visit.wait_for_text("#prompt-spoken", f"{told} Press again to record.")
    assert await visit.text("#prompt-speak") == "Say it", "the first press records nothing"
    assert visit.script.recordings == []
    await speak(visit, "#refine-speak")
    await visit.wait_for_text("#refine-spoken", "You said: “more bass”.")
    assert not visit.complaints


async def test_words_over_a_piece_are_told_with_their_price_and_become_a_version(visit: Visit) -> None:
    visit.script.voices = [speech_pb2.Voice(voice_id="google-kore", price_usd=0.02, price_day="2026-12-01")]
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    page = visit.page
    await page.click("#tab-more")
    await page.fill("#narration-words", "Rain falls on the empty street.")
    assert await page.is_hidden("#narration-note"), "the voice of this installation costs nothing"
    await page.select_option("#narration-voice", "google-kore")
    note = "These words go to Google. They cost about $0.0006 (price of Dec 1, 2026)."
    assert await visit.text("#narration-note") == note
    await page.select_option("#narration-voice", "scripted")
    await page.click("#narration-go")
    await visit.wait_for_text("#versions", "Version 2")


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

"""Whole journeys by keyboard, by clicks, through reloads."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest
from playwright.async_api import Browser
from tests.contract.rest.script import Script
from tests.page.conftest import Visit, visiting

from resonance.v1 import steering_pb2

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT = "Number(document.querySelector('#seek').value)"


async def test_the_whole_task_by_keyboard_alone(visit: Visit) -> None:
    visit.script.chunk_wait_s = 0.05  # "Ready" comes after the pause
    await visit.open()
    page = visit.page
    await _tab_to(visit, "prompt")
    await page.keyboard.type("calm piano")
    await _tab_to(visit, "duration")
    await page.keyboard.press("ArrowUp")
    await _tab_to(visit, "make")
    await page.keyboard.press("Enter")
    await page.wait_for_function("() => document.activeElement.id === 'play'")
    await page.wait_for_function(f"() => {AT} > 0.3")
    await page.keyboard.press("Space")
    stopped_s = await page.evaluate(AT)
    await asyncio.sleep(0.3)
    assert abs(await page.evaluate(AT) - stopped_s) < 0.15
    await visit.wait_for_text("#polite", "Ready. 10 seconds. Press space to play.")
    await _tab_to(visit, "seek")
    await page.keyboard.press("End")
    await page.keyboard.press("ArrowLeft")
    assert await page.get_attribute("#seek", "aria-valuetext") == "0:05 of 0:10"
    await page.keyboard.press("Space")
    await page.wait_for_function("() => document.querySelector('#play').getAttribute('aria-label') === 'Pause'")
    await _tab_to(visit, "slider-bass_resonance", backwards=True)
    await page.keyboard.press("ArrowRight")
    assert await page.get_attribute("#slider-bass_resonance", "aria-valuetext") == "slightly more bass"
    await _tab_to(visit, "again", backwards=True)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#versions:not([hidden])")
    await visit.wait_for_text("#version-list", "Bass: slightly more bass")
    last = visit.script.generate_requests[-1]
    assert last.recipe.sliders.bass_resonance == pytest.approx(0.1)
    assert last.HasField("seed")


async def test_the_whole_task_by_clicks_from_songs_to_a_file(visit: Visit, tmp_path: Path) -> None:
    await visit.open()
    page = visit.page
    songs = [{"name": name, "mimeType": "audio/mpeg", "buffer": b"x" * 2000} for name in ("one.mp3", "bad.mp3")]
    await page.set_input_files("#files", songs)
    await visit.wait_for_text("#taste-tracks", "bad.mp3")
    await page.wait_for_selector("#taste-done:not([hidden])")
    assert "1 song could not be used" in await visit.text("#taste-description")
    await page.click("text=calm piano for studying")
    await page.select_option("#duration", "10")
    await page.click("#make")
    await visit.wait_for_text("#make-status", "Ready")
    request = visit.script.generate_requests[0]
    assert request.recipe.tastes[0].strength == 1.0
    async with page.expect_download() as downloading:
        await page.click("#download")
    await (await downloading.value).save_as(tmp_path / "take.wav")
    streamed = await page.evaluate(
        "id => fetch(`/v1/takes/${id}/audio`).then(r => r.arrayBuffer()).then(b => crypto.subtle.digest('SHA-256', b))"
        ".then(d => Array.from(new Uint8Array(d), x => x.toString(16).padStart(2, '0')).join(''))",
        request.request_id,
    )
    assert hashlib.sha256((tmp_path / "take.wav").read_bytes()).hexdigest() == streamed


async def test_how_songs_are_listened_to_is_chosen_by_keyboard_and_kept(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    assert not await page.is_visible("#mix-mix_mode"), "the section is closed at first"
    await page.focus("#taste-more summary")
    await page.keyboard.press("Enter")
    for name, presses in (("Which parts count", 1), ("What varies in all music", 2)):
        await page.get_by_label(name).focus()
        for _ in range(presses):
            await page.keyboard.press("ArrowDown")
    await page.reload()
    await page.wait_for_selector("html[data-ready=yes]")
    await page.set_input_files("#files", [{"name": "one.mp3", "mimeType": "audio/mpeg", "buffer": b"x" * 2000}])
    await page.wait_for_selector("#taste-done:not([hidden])")
    (header,) = visit.script.upload_headers
    assert header.options == steering_pb2.TasteOptions(
        mix_mode=steering_pb2.MIX_MODE_ATTENTION_WEIGHTED, whitening=steering_pb2.WHITENING_SHRUNK
    )


async def test_a_song_of_which_nothing_was_chosen_is_not_called_heard(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    songs = [{"name": name, "mimeType": "audio/mpeg", "buffer": b"x" * 2000} for name in ("one.mp3", "two.mp3")]
    await page.set_input_files("#files", songs)
    await page.wait_for_selector("#taste-done:not([hidden])")
    (job,) = visit.script.jobs.values()
    job.tracks[1].clips_done = job.tracks[1].clips_total = 0
    await page.reload()
    await visit.wait_for_text("#taste-heard", "two.mp3Not chosen")
    assert "one.mp3Heard" in await visit.text("#taste-heard")
    assert "This is distance alone" in await visit.text("#taste-layers")


async def test_a_taste_that_is_words_alone_has_no_strength(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    await page.click("#taste-more summary")
    await page.select_option("#mix-direction_kind", "words")
    await page.set_input_files("#files", [{"name": "one.mp3", "mimeType": "audio/mpeg", "buffer": b"x" * 2000}])
    await page.wait_for_selector("#taste-done:not([hidden])")
    (header,) = visit.script.upload_headers
    assert header.options.direction_kind == steering_pb2.DIRECTION_KIND_WORDS
    (job,) = visit.script.jobs.values()
    job.options.CopyFrom(header.options)
    await page.reload()
    await page.wait_for_selector("#taste-done:not([hidden])")
    assert not await page.is_visible("#taste-strength-row")
    assert not await page.is_visible("#taste-in-words")
    job.options.Clear()
    await page.reload()
    await page.wait_for_selector("#taste-strength-row:not([hidden])")
    assert await page.is_visible("#taste-in-words")


async def test_a_taste_in_words_reaches_the_recipe(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    await page.set_input_files("#files", [{"name": "one.mp3", "mimeType": "audio/mpeg", "buffer": b"x" * 2000}])
    await page.wait_for_selector("#taste-done:not([hidden])")
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    await page.get_by_label("Describe these songs in words, too").check()
    await page.click("#again")
    await page.wait_for_selector("#versions:not([hidden])")
    plain, in_words = visit.script.generate_requests
    assert [one.recipe.tastes[0].in_words for one in (plain, in_words)] == [False, True]
    await visit.wait_for_text("#version-list", "new taste")


async def test_versions_go_back_and_forth_and_compare(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    await page.click("[aria-label='More energy']")
    await page.click("#again")
    await page.wait_for_selector("#version-list li:nth-child(2)")
    await visit.wait_for_text("#make-status", "Ready")
    await page.click("#undo")
    await page.wait_for_function("() => document.querySelector('#slider-energy').value === '0'")
    await page.click("#redo")
    await page.wait_for_function("() => document.querySelector('#slider-energy').value === '0.2'")
    assert await page.get_attribute("#play", "aria-label") == "Pause"
    await page.wait_for_function(f"() => {AT} > 1")
    await page.click("#swap")
    assert await page.get_attribute("#swap", "aria-pressed") == "true"
    await visit.wait_for_text("#polite", "You hear version 1.")
    assert await page.evaluate(AT) > 1
    assert await page.evaluate("document.activeElement.id") == "swap"


async def test_making_again_without_a_change_makes_something_else(visit: Visit) -> None:
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    await visit.page.click("#again")
    await visit.page.wait_for_selector("#version-list li:nth-child(2)")
    await visit.wait_for_text("#version-list", "a fresh start")
    await visit.wait_for_text("#make-status", "Ready")
    await visit.page.click("[aria-label='More energy']")
    await visit.page.click("#again")
    await visit.page.wait_for_selector("#version-list li:nth-child(3)")
    assert [request.HasField("seed") for request in visit.script.generate_requests] == [False, False, True]


async def test_a_reload_in_the_middle_comes_back_to_the_same_music(visit: Visit) -> None:
    visit.script.chunk_wait_s = 0.15
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "0:02 of 0:10")
    visit.script.chunk_wait_s = 0
    await visit.page.reload()
    await visit.wait_for_text("#make-status", "Ready")
    ids = [request.request_id for request in visit.script.generate_requests]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert await visit.page.input_value("#prompt") == "calm piano"
    await visit.page.click("#play")
    await visit.page.wait_for_function(f"() => {AT} > 0.2")


async def test_a_reload_afterwards_brings_the_versions_back(visit: Visit) -> None:
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    await visit.page.reload()
    await visit.page.wait_for_selector("#download:not([disabled])")
    assert await visit.text("#piece-name") == "calm piano"


async def test_a_reload_while_listening_follows_the_same_taste(visit: Visit) -> None:
    visit.script.job_wait_s = 0.4
    await visit.open()
    await visit.page.set_input_files("#files", [{"name": "one.mp3", "mimeType": "audio/mpeg", "buffer": b"x"}])
    await visit.page.wait_for_selector("#taste-work:not([hidden])")
    await visit.wait_for_text("#taste-tracks", "one.mp3")
    await visit.page.reload()
    await visit.page.wait_for_selector("#taste-done:not([hidden])")
    assert len(visit.script.uploads) == 1


@pytest.mark.parametrize(
    ("high", "value", "words"), [(2.0, "1", "normal"), (0.4, "0.4", "a little"), (0.0, "0", "off")]
)
async def test_a_tastes_slider_ends_where_its_safe_range_does(
    visit: Visit, high: float, value: str, words: str
) -> None:
    visit.script.taste_strength_max = high
    await visit.open()
    row = "#taste-strength"
    assert await visit.page.get_attribute(row, "max") == "1", "of a taste without a calibration"
    await visit.page.set_input_files("#files", [{"name": "one.mp3", "mimeType": "audio/mpeg", "buffer": b"x"}])
    await visit.page.wait_for_selector("#taste-done:not([hidden])")
    await visit.page.wait_for_selector(f"{row}[max='{high:g}']")
    assert await visit.page.input_value(row) == value
    assert await visit.page.get_attribute(row, "aria-valuetext") == words
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    assert visit.script.generate_requests[0].recipe.tastes[0].strength == pytest.approx(float(value))
    await visit.page.click("#taste-drop")
    assert await visit.page.get_attribute(row, "max") == "1"
    assert await visit.page.input_value(row) == "1"


async def test_a_take_that_the_gateway_gives_up_is_picked_up_without_losing_a_sample(browser: Browser) -> None:
    async with visiting(browser, Script(chunk_wait_s=0.05, cuts=[6]), {}, take_resume_s_max=0) as visit:
        asked: list[dict[str, object]] = []
        visit.page.on(
            "request", lambda one: asked.append(one.post_data_json) if one.url.endswith("v1/generations") else None
        )
        await visit.open()
        await visit.make()
        await visit.wait_for_text("#make-status", "Ready")
        first, second = asked
        assert first["request_id"] == second["request_id"]
        # The gateway masters the take from its beginning again, and sends what is missing.
        assert (first.get("resume_sample_offset", 0), second["resume_sample_offset"] > 0) == (0, True)  # type: ignore[operator]
        assert [one.resume_sample_offset for one in visit.script.generate_requests] == [0, 0]


async def test_stop_stops_the_service_and_keeps_the_words(visit: Visit) -> None:
    visit.script.chunk_wait_s = 0.2
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "made")
    await visit.page.click("#stop")
    await visit.wait_for_text("#make-status", "Stopped")
    await visit.script.until_streams_open(0)
    assert await visit.page.input_value("#prompt") == "calm piano"


async def test_a_full_house_says_what_to_do_and_the_button_does_it(visit: Visit) -> None:
    visit.script.is_full = True
    await visit.open()
    await visit.make()
    await visit.page.wait_for_selector("#make-error:not([hidden])")
    problem = await visit.text("#make-error")
    assert "Your words and settings are still here. Wait 3 seconds, then try again." in problem
    assert problem.startswith("Every place is taken")
    assert "Every place is taken" in await visit.text("#assertive")
    visit.script.is_full = False
    await visit.page.click("#make-error button")
    await visit.wait_for_text("#make-status", "Ready")


async def test_no_words_is_said_at_the_field(visit: Visit) -> None:
    await visit.open()
    await visit.page.click("#make")
    assert await visit.page.get_attribute("#prompt", "aria-invalid") == "true"
    assert await visit.page.evaluate("document.activeElement.id") == "prompt"
    assert visit.script.generate_requests == []


async def test_a_refused_link_leaves_the_page_usable(visit: Visit) -> None:
    await visit.open()
    await visit.page.fill("#link", "https://example.org/list")
    await visit.page.press("#link", "Enter")
    await visit.page.wait_for_selector("#taste-error:not([hidden])")
    assert "upload the files instead" in await visit.text("#taste-error")
    assert await visit.page.is_visible("#files")


async def test_shortcuts_can_be_switched_off(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    await page.click("#settings-open")
    await page.uncheck("#shortcuts")
    await page.click("#settings-dialog button")
    await page.evaluate("document.activeElement.blur()")
    label = await page.get_attribute("#play", "aria-label")
    await page.keyboard.press("Space")
    await asyncio.sleep(0.1)
    assert await page.get_attribute("#play", "aria-label") == label
    await page.click("#again")
    await page.wait_for_selector("#version-list li:nth-child(2)")
    await visit.wait_for_text("#make-status", "Ready. 10 seconds.")
    assert "space" not in await visit.text("#make-status"), "the key does nothing now"


async def test_the_library_opens_and_deletes(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    await visit.make()
    await visit.open_library()
    await page.wait_for_selector("#library li")
    await page.click("#library [aria-label^='Open']")
    assert await page.evaluate("document.activeElement.id") == "piece-name"
    assert await page.is_hidden("#library-section")
    await visit.open_library()
    await page.click("#library [aria-label^='Delete']")
    await page.click("text=Really delete?")
    await page.wait_for_function("() => document.querySelectorAll('#library li').length === 0")
    assert await page.evaluate("document.activeElement !== document.body || document.hasFocus()")


async def _tab_to(visit: Visit, element_id: str, backwards: bool = False) -> None:
    for _ in range(80):
        if await visit.page.evaluate("document.activeElement.id") == element_id:
            return
        await visit.page.keyboard.press("Shift+Tab" if backwards else "Tab")
    pytest.fail(f"Tab never reached #{element_id}")


async def test_a_take_is_made_longer_by_one_press(visit: Visit) -> None:
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    first = visit.script.generate_requests[-1]
    await visit.page.click("#longer")
    await visit.wait_for_text("#make-status", "Ready. 20 seconds")
    last = visit.script.generate_requests[-1]
    assert (last.origin.request_id, last.duration_s) == (first.request_id, 20)
    assert last.recipe.prompts[0].text == "calm piano"
    assert not last.HasField("seed")


async def test_three_more_like_this_are_versions_made_by_one_press(visit: Visit) -> None:
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    first = visit.script.generate_requests[-1]
    await visit.page.click("#more")
    await visit.wait_for_text("#make-status", "3 more versions are ready")
    more = visit.script.generate_requests[-3:]
    assert len({one.request_id.rpartition("-")[0] for one in more}) == 1
    assert {one.recipe.prompts[0].text for one in more} == {first.recipe.prompts[0].text}
    assert not any(one.HasField("seed") for one in more)
    assert await visit.page.locator("#version-list li").count() == 4
    assert await visit.page.locator("#version-list li[aria-current=true]").count() == 1
    assert not await visit.page.is_disabled("#download")


async def test_a_sentence_makes_the_next_version_says_so_and_can_be_taken_back(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    visit.script.chunk_wait_s = 0.1  # the saying stands until the version is ready
    await _tab_to(visit, "refine-text")
    await page.keyboard.type("more bass, a touch less tense")
    await page.keyboard.press("Enter")
    await visit.answer("Bass: slightly more bass. Tension: slightly more relaxed. Making version 2.")
    await page.wait_for_selector("[data-version='2'][aria-pressed=true]")
    recipe = visit.script.generate_requests[-1].recipe
    assert (recipe.sliders.bass_resonance, recipe.sliders.emotional_tension) == (
        pytest.approx(0.3),
        pytest.approx(-0.1),
    )
    assert "Making version 2" in await visit.text("#polite")
    assert await page.input_value("#refine-text") == ""
    await visit.wait_for_text("#make-status", "Ready")
    await visit.say("purple elephants")
    await visit.answer("The model does not know “purple elephants”. These come near:")
    assert await page.locator(".saying.it:last-child button").count() == 2
    assert await page.input_value("#slider-bass_resonance") == "0.3"
    await visit.say("undo")
    await page.wait_for_selector("[data-version='1'][aria-pressed=true]")
    assert await page.input_value("#slider-bass_resonance") == "0"
    assert len(visit.script.generate_requests) == 2

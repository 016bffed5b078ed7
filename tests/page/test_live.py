"""Live music on the page."""

from __future__ import annotations

import asyncio

import pytest
from tests.page.conftest import Visit, until

from resonance.v1 import generate_pb2

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_live_music_obeys_sliders_and_words_and_stops(visit: Visit) -> None:
    await visit.open()
    page, script = visit.page, visit.script
    await page.fill("#prompt", "calm piano")
    await page.click("#live")
    await visit.wait_for_text("#make-status", "Playing live")
    assert await page.is_disabled("#make")
    await page.focus("#slider-energy")
    for _ in range(4):
        await page.keyboard.press("ArrowRight")
    await visit.wait_for_text("#make-status", "You hear: calm piano, more energy")
    assert script.performed[-1].sliders.energy == pytest.approx(0.4)
    assert len(script.performed) < 6, "every step of a drag was sent"
    await page.fill("#prompt", "fast drums")
    await page.press("#prompt", "Enter")
    await visit.wait_for_text("#make-status", "You hear: fast drums")
    await page.click("#live")
    await visit.wait_for_text("#make-status", "The live music has ended")
    await script.until_streams_open(0)
    assert await page.is_enabled("#make")
    assert await visit.text("#live") == "Play live"
    assert not visit.complaints


async def test_what_is_changed_about_a_live_wish_is_said_beside_the_music(visit: Visit) -> None:
    await visit.open()
    page, script = visit.page, visit.script
    await page.fill("#prompt", "calm piano")
    await page.click("#live")
    await visit.wait_for_text("#make-status", "Playing live")
    assert not await page.is_visible("#notices")
    script.notices = ("the slider energy does nothing below 0",)
    await page.fill("#prompt", "fast drums")
    await page.press("#prompt", "Enter")
    await visit.wait_for_text("#notices", "The slider energy does nothing below 0.")
    assert await page.is_visible("#notices")
    script.notices = ()
    await page.fill("#prompt", "slow drums")
    await page.press("#prompt", "Enter")
    await visit.wait_for_text("#make-status", "You hear: slow drums")
    assert not await page.is_visible("#notices")
    await page.click("#live")


async def test_live_music_can_be_made_quieter(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    await page.fill("#prompt", "calm piano")
    await page.evaluate(
        "() => { const plain = window.GainNode; window.gains = [];"
        " window.GainNode = function (...given) { const made = new plain(...given); window.gains.push(made); return made; }; }"
    )
    await page.click("#live")
    await visit.wait_for_text("#make-status", "Playing live")
    assert not await page.is_visible("#seek"), "there is no take to seek in"
    await page.focus("#volume")
    for _ in range(10):
        await page.keyboard.press("ArrowLeft")
    await page.wait_for_function("() => Math.abs(window.gains.at(-1).gain.value - 0.4) < 0.02")
    await page.click("#live")


async def test_half_typed_words_are_not_sent(visit: Visit) -> None:
    await visit.open()
    page, script = visit.page, visit.script
    await page.fill("#prompt", "calm piano")
    await page.click("#live")
    await visit.wait_for_text("#make-status", "Playing live")
    await page.fill("#prompt", "")
    await page.type("#prompt", "happy drums", delay=120)
    await page.focus("#slider-energy")  # the field is left
    await visit.wait_for_text("#make-status", "You hear: happy drums")
    assert [recipe.prompts[0].text for recipe in script.performed] == ["calm piano", "happy drums"]
    await page.fill("#prompt", "slow")
    await page.press("#slider-energy", "ArrowRight")  # a slider goes out with the words that were meant
    await visit.wait_for_text("#make-status", "slow")
    await page.click("#prompt")
    await page.type("#prompt", " harp", delay=100)
    await visit.wait_for_text("#make-status", "You hear: slow harp")  # after a rest
    assert {recipe.prompts[0].text for recipe in script.performed} == {"calm piano", "happy drums", "slow", "slow harp"}
    await page.keyboard.press("Escape")


async def test_space_pauses_live_music_and_escape_stops_it_at_once(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    await page.click("#live")
    await visit.wait_for_text("#make-status", "Playing live")
    await page.wait_for_function("() => document.querySelector('#clock').textContent >= '0:01'")
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("Space")
    await visit.wait_for_text("#polite", "Paused")
    assert await page.get_attribute("#play", "aria-label") == "Play"
    await until(lambda: generate_pb2.PLAYBACK_COMMAND_PAUSE in visit.script.commands)
    held = await visit.text("#clock")
    await asyncio.sleep(1.2)
    assert await visit.text("#clock") == held, "the clock of held music stands"
    await page.keyboard.press("Space")
    await until(lambda: visit.script.commands[-1] == generate_pb2.PLAYBACK_COMMAND_PLAY)
    assert await page.get_attribute("#play", "aria-label") == "Pause"
    assert not await page.is_visible("#again"), "there is nothing to make again"
    await page.focus("#prompt")
    await page.keyboard.press("Escape")
    await visit.wait_for_text("#make-status", "The live music has ended")
    await visit.script.until_streams_open(0)


async def test_a_change_is_said_when_it_is_heard_and_at_most_once_in_three_seconds(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    await page.fill("#prompt", "calm piano")
    await page.click("#live")
    await visit.wait_for_text("#make-status", "Playing live")
    await page.evaluate(
        "() => { window.said = []; new MutationObserver(() => said.push(document.querySelector('#polite').textContent))"
        ".observe(document.querySelector('#polite'), { childList: true, characterData: true, subtree: true }); }"
    )
    for _ in range(5):
        await page.press("#slider-bass_resonance", "ArrowRight")
        await asyncio.sleep(0.3)
    await visit.wait_for_text("#live-heard", "Bass: more bass, heard now")
    said = [text for text in await page.evaluate("said") if "heard now" in text]
    assert 1 <= len(said) <= 2
    await page.click("#live-stop")
    await visit.wait_for_text("#make-status", "The live music has ended")


async def test_live_music_becomes_a_take_sample_for_sample_with_its_lanes(visit: Visit) -> None:
    await visit.open()
    page, script = visit.page, visit.script
    await page.fill("#prompt", "calm piano")
    await page.click("#live")
    await visit.wait_for_text("#make-status", "Playing live")
    await page.wait_for_function("() => document.querySelector('#clock').textContent >= '0:01'")
    await page.press("#slider-bass_resonance", "ArrowRight")
    await visit.wait_for_text("#live-heard", "heard now")
    await page.keyboard.press("Escape")
    await visit.wait_for_text("#make-status", "are kept as a new version")
    await visit.wait_for_text("#piece-name", "calm piano")
    await visit.wait_for_text("#take-title", "Version 1")
    await page.click("#tab-lanes")
    assert "Bass: slightly more bass" in await visit.text("#lanes")
    assert (await visit.text("#lanes")).startswith("At 0:0")
    (take,) = [take for take, _ in script.takes.values()]
    assert [one.recipe.sliders.bass_resonance for one in (take, *take.recipe_changes)] == [0, pytest.approx(0.1)]
    await page.click("#play")
    await page.wait_for_function("() => Number(document.querySelector('#seek').value) > 0.3")
    await page.reload()
    await page.wait_for_selector("#download:not([disabled])")
    await page.click("#tab-lanes")
    await visit.wait_for_text("#lanes", "Bass: slightly more bass")
    assert await page.is_disabled("#longer"), "it has no tokens to go on from"


async def test_live_music_waits_until_a_take_is_made(visit: Visit) -> None:
    visit.script.chunk_wait_s = 0.2
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "made")
    assert await visit.page.is_disabled("#live")
    await visit.page.click("#stop")
    await visit.wait_for_text("#make-status", "Stopped")
    assert await visit.page.is_enabled("#live")


async def test_no_words_no_live_music(visit: Visit) -> None:
    await visit.open()
    await visit.page.click("#live")
    assert await visit.page.get_attribute("#prompt", "aria-invalid") == "true"
    assert not visit.script.performed


async def test_leaving_the_page_gives_the_place_back(visit: Visit) -> None:
    await visit.open()
    await visit.page.fill("#prompt", "jazz")
    await visit.page.click("#live")
    await visit.script.until_streams_open(1)
    await visit.page.goto("about:blank")
    await visit.script.until_streams_open(0)


async def test_a_tune_is_offered_only_where_the_model_follows_one(visit: Visit) -> None:
    await visit.open()
    assert not await visit.page.is_visible("#tune")


async def test_live_music_follows_a_tune_that_is_chosen_hummed_and_dropped_again(visit: Visit) -> None:
    page, script = visit.page, visit.script
    script.follows_tunes = True
    await visit.open()
    assert await page.is_visible("#tune")
    await page.set_input_files("#tune-file", {"name": "mine.wav", "mimeType": "audio/wav", "buffer": b"first tune"})
    await visit.wait_for_text("#tune-status", "The music follows mine.wav")
    await page.fill("#prompt", "calm piano")
    await page.click("#live")
    await visit.wait_for_text("#make-status", "Playing live")
    assert script.tunes == [b"first tune"]
    await page.click("#tune-hum")
    await visit.wait_for_text("#tune-status", "Listening to you")
    assert await visit.text("#tune-hum") == "That is my tune"
    await asyncio.sleep(0.5)
    await page.click("#tune-hum")
    await visit.wait_for_text("#make-status", "along your tune")
    assert script.tunes[-1][:4] == b"\x1aE\xdf\xa3", "what a browser records is WebM"
    await page.click("#tune-forget")
    await until(lambda: script.tunes[-1] == b"")
    assert await page.is_hidden("#tune-forget")
    assert await page.evaluate("document.activeElement.id") == "tune-hum"
    await page.fill("#prompt", "fast drums")
    await visit.wait_for_text("#make-status", "You hear: fast drums.")
    await page.click("#live")
    await visit.wait_for_text("#make-status", "The live music has ended")


async def test_a_tune_that_is_dropped_on_the_page_is_taken_and_a_long_one_is_not(visit: Visit) -> None:
    visit.script.follows_tunes = True
    await visit.open()
    drop = """([name, size]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(size)], name));
        const event = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
        document.getElementById("tune-drop").dispatchEvent(event);
    }"""
    await visit.page.evaluate(drop, ["short.mp3", 100])
    await visit.wait_for_text("#tune-status", "The music follows short.mp3")
    await visit.page.evaluate(drop, ["long.wav", 7 * 1024 * 1024])
    await visit.wait_for_text("#tune-status", "too long")

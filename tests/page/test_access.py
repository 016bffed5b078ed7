"""Accessibility: axe, small screens, big text, large targets."""

from __future__ import annotations

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from tests.page.conftest import Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIZES = [
    pytest.param({"viewport": {"width": 1100, "height": 800}}, id="desk"),
    pytest.param({"viewport": {"width": 320, "height": 640}}, id="phone-or-400-percent"),
]
MODES = [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"color_scheme": "light", "forced_colors": "active"}]


@pytest.mark.slow
@pytest.mark.parametrize("context_options", SIZES)
async def test_axe_finds_nothing_in_any_state(visit: Visit) -> None:
    page = visit.page
    visit.script.follows_tunes = True
    visit.script.is_calibrated = False
    await page.goto(visit.url)
    await page.wait_for_selector("html[data-ready=yes]")
    await _check(visit, "first visit")
    await visit.open()
    await visit.show("words")
    await page.click("#taste-more summary")
    await _check(visit, "start")
    await page.click("#make")
    await _check(visit, "no words")
    visit.script.job_wait_s = 0.6
    await page.set_input_files("#files", [_song("one.mp3"), _song("bad.mp3")])
    await visit.wait_for_text("#taste-tracks", "one.mp3")
    await _check(visit, "listening to songs")
    await page.wait_for_selector("#taste-done:not([hidden])")
    for summary in await page.locator("#taste-done details details summary").all():
        await summary.click()
    await page.fill("#part-from-0", "-1")
    await page.click("#songs-again")
    await _check(visit, "taste")
    visit.script.calibration_job_wait_s = 60
    await page.click("#range-go")
    await visit.wait_for_text("#range-stage", "0 percent")
    await _check(visit, "trying out a taste")
    await page.click("#range-stop")
    await page.fill("#part-from-0", "")
    visit.script.chunk_wait_s = 0.15
    await visit.make()
    await visit.wait_for_text("#make-status", "made")
    await _check(visit, "making")
    visit.script.chunk_wait_s = 0
    await visit.wait_for_text("#make-status", "Ready")
    await visit.show("sound")
    await _check(visit, "playing")
    await visit.say("less tense, and purple")
    await page.wait_for_selector(".saying.it", state="attached")
    await _check(visit, "conversation")
    await page.click("[aria-label='Less tension']")
    await page.click("#again")
    await page.wait_for_selector("[data-version='2']", state="attached")
    await visit.wait_for_text("#make-status", "Ready")
    for tab in ("versions", "lanes", "more"):
        await visit.show(tab)
        if tab == "lanes":
            await page.wait_for_selector("#lane-more")
            await page.select_option("#lane-more", "energy")
            await page.keyboard.press("Enter")
            await page.wait_for_selector("#lane-editor details[open] input[type=range]")
        await _check(visit, tab)
    await visit.show("more")
    await page.click("#details summary")
    await page.click("#share")
    await page.wait_for_selector("#shared:not([hidden])")
    await _check(visit, "facts, shared link")
    await page.click("#share-close")
    await page.click("#library-open")
    await page.wait_for_selector("#library li:nth-child(2)")
    await _check(visit, "library")
    await page.click("#library-close")
    for dialog in ("keys", "settings"):
        await page.click(f"#{dialog}-open")
        await _check(visit, dialog)
        await page.click(f"#{dialog}-dialog form button")
    await page.click("#easy-open")
    await _check(visit, "Easy view")
    await page.click("#easy-close")
    await visit.show("words")
    await page.click("#live")
    await visit.wait_for_text("#make-status", "Playing live")
    await visit.show("sound")
    await _check(visit, "live")
    await page.keyboard.press("Escape")
    await visit.wait_for_text("#make-status", "The live music has ended")
    visit.script.is_full = True
    await page.click("#again")
    await page.wait_for_selector("#again-error:not([hidden])")
    await _check(visit, "refused")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("context_options", [*SIZES, pytest.param({"java_script_enabled": False}, id="no-script")])
async def test_axe_finds_nothing_on_a_shared_page(visit: Visit, context_options: dict[str, object]) -> None:
    async with httpx.AsyncClient(base_url=visit.url) as http:
        await http.post("/v1/generations", json={"prompt": "calm piano", "duration_s": 2, "request_id": "one"})
        link = (await http.post("/v1/takes/one/link", json={})).json()["url"]
    await visit.page.goto(visit.url + link)
    assert await visit.text("h1") == "calm piano"
    assert await visit.page.get_by_role("link", name="Make your own from this").is_visible()
    assert await visit.page.locator("audio[controls]").is_visible()
    if context_options.get("java_script_enabled", True):
        await _check(visit, "shared page")
        await visit.page.evaluate("() => document.querySelector('audio').play()")
        await visit.page.wait_for_function("() => document.querySelector('audio').currentTime > 0.2")


@pytest.mark.parametrize("context_options", [pytest.param({"viewport": {"width": 320, "height": 640}}, id="320px")])
async def test_everything_that_is_pressed_is_44_pixels(visit: Visit) -> None:
    visit.script.follows_tunes = True
    visit.script.is_calibrated = False
    await visit.open()
    await visit.show("words")
    await visit.page.click("#taste-more summary")
    await visit.page.set_input_files("#files", [_song("one.mp3"), _song("a" * 80 + ".mp3")])
    await visit.page.wait_for_selector("#taste-done:not([hidden])")
    await visit.page.click("#songs-more summary")
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    for place in ("words", "sound", "versions", "more", "library", "easy"):
        if place in ("library", "easy"):
            await visit.page.click(f"#{place}-open")
        else:
            await visit.show(place)
        assert await visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place
        small = await visit.page.evaluate(
            """[...document.querySelectorAll('button, select, input, summary, a')]
              .filter((node) => node.checkVisibility({ visibilityProperty: true }))
              .filter((node) => !node.closest('label') && !node.matches('.skip'))
              .filter((node) => !getComputedStyle(node).clipPath.startsWith('inset(50%'))
              .map((node) => [node.id || node.textContent, node.getBoundingClientRect()])
              .filter(([, box]) => box.height < 43.5 || box.width < 43.5)
              .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)"""
        )
        assert small == [], place
        if place == "library":
            await visit.page.click("#library-close")


@pytest.mark.parametrize("context_options", [pytest.param({"viewport": {"width": 320, "height": 640}}, id="320px")])
async def test_letters_twice_as_big_fit_on_a_phone(visit: Visit) -> None:
    await visit.open()
    await visit.show("words")
    await visit.page.evaluate("document.documentElement.style.fontSize = '200%'")
    await visit.page.set_input_files("#files", [_song("one.mp3")])
    await visit.page.wait_for_selector("#taste-done:not([hidden])")
    await visit.page.click("#songs-more summary")
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    for tab in ("words", "sound", "versions", "more"):
        await visit.show(tab)
        assert await visit.page.evaluate("document.documentElement.scrollWidth") <= 320, tab
        assert await visit.page.evaluate(_CUT) == [], tab
    await visit.page.click("#share")
    await visit.page.wait_for_selector("#shared:not([hidden])")
    assert await visit.page.evaluate("document.documentElement.scrollWidth") <= 320


async def test_right_to_left_fits_as_well(visit: Visit) -> None:
    visit.script.follows_tunes = True
    await visit.open()
    await visit.page.evaluate("document.dir = 'rtl'")
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    assert await visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await visit.page.focus("#seek")
    await visit.page.keyboard.press("Home")
    await visit.page.keyboard.press("ArrowRight")  # time runs to the right in every language
    assert (await visit.page.get_attribute("#seek", "aria-valuetext")).startswith("0:05")


# What lies beyond the window's edge, where a region would cut it off.
_CUT = """() => [...document.querySelectorAll('main button, main input, main select, main a, main p, main label')]
  .filter((node) => node.checkVisibility() && !getComputedStyle(node).clipPath.startsWith('inset(50%'))
  .filter((node) => node.getBoundingClientRect().right > innerWidth + 1)
  .map((node) => node.id || node.textContent)"""


def _song(name: str) -> dict[str, object]:
    return {"name": name, "mimeType": "audio/mpeg", "buffer": b"x" * 100}


async def _check(visit: Visit, state: str) -> None:
    """axe in every mode; a phone differs from a desk in size alone, which light shows as well as any."""
    is_phone = visit.page.viewport_size is not None and visit.page.viewport_size["width"] < 500
    for mode in MODES[:1] if is_phone else MODES:
        await visit.page.emulate_media(reduced_motion="reduce", **({"forced_colors": "none"} | mode))
        found = await Axe().run(visit.page, options={"resultTypes": ["violations"]})
        faults = found.response["violations"]
        assert [f"{state}, {mode}: {fault['id']} at {fault['nodes'][0]['html'][:160]}" for fault in faults] == []

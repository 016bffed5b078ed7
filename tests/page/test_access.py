"""Accessibility: axe, small screens, big text, large targets."""

from __future__ import annotations

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
    await visit.open()
    await page.click("#taste-more summary")
    await _check(visit, "start")
    await page.click("#make")
    await _check(visit, "no words")
    visit.script.job_wait_s = 0.6
    await page.set_input_files("#files", [_song("one.mp3"), _song("bad.mp3")])
    await visit.wait_for_text("#taste-tracks", "one.mp3")
    await _check(visit, "listening to songs")
    await page.wait_for_selector("#taste-done:not([hidden])")
    for summary in await page.locator("#taste-done summary").all():
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
    await page.click("[aria-label='Less tension']")
    await page.click("#again")
    await page.wait_for_selector("#versions:not([hidden])")
    await visit.wait_for_text("#make-status", "Ready")
    await page.wait_for_selector("#library li:nth-child(2)")
    await page.click("#share")
    await page.wait_for_selector("#shared:not([hidden])")
    await page.click("#details summary")
    await page.click("#settings-section summary")
    await _check(visit, "versions, library, facts, settings")
    visit.script.is_full = True
    await page.click("#again")
    await page.wait_for_selector("#again-error:not([hidden])")
    await _check(visit, "refused")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("context_options", [pytest.param({"viewport": {"width": 320, "height": 640}}, id="320px")])
async def test_everything_that_is_pressed_is_44_pixels(visit: Visit) -> None:
    visit.script.follows_tunes = True
    visit.script.is_calibrated = False
    await visit.open()
    await visit.page.click("#taste-more summary")
    await visit.page.set_input_files("#files", [_song("one.mp3"), _song("a" * 80 + ".mp3")])
    await visit.page.wait_for_selector("#taste-done:not([hidden])")
    await visit.page.click("#songs-more summary")
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    assert await visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = await visit.page.evaluate(
        """[...document.querySelectorAll('button, select, input, summary, a')]
          .filter((node) => node.checkVisibility() && !node.closest('label') && !node.matches('.skip'))
          .map((node) => [node.id || node.textContent, node.getBoundingClientRect()])
          .filter(([, box]) => box.height < 43.5 || box.width < 43.5)
          .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)"""
    )
    assert small == []


@pytest.mark.parametrize("context_options", [pytest.param({"viewport": {"width": 320, "height": 640}}, id="320px")])
async def test_letters_twice_as_big_fit_on_a_phone(visit: Visit) -> None:
    await visit.open()
    await visit.page.evaluate("document.documentElement.style.fontSize = '200%'")
    await visit.page.set_input_files("#files", [_song("one.mp3")])
    await visit.page.wait_for_selector("#taste-done:not([hidden])")
    await visit.page.click("#songs-more summary")
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
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
    await visit.page.keyboard.press("ArrowLeft")
    assert (await visit.page.get_attribute("#seek", "aria-valuetext")).startswith("0:05")


async def test_the_accessibility_tree_names_the_whole_road(visit: Visit) -> None:
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    page = visit.page
    for step in ("Step 1: Your taste", "Step 2: Your words", "Step 3: Make it", "Step 4: Listen and change it"):
        assert await page.get_by_role("heading", name=step).count() == 1
    for name in ("Energy", "Tempo", "Bass", "Chords", "Instruments", "Voices", "Tension", "Position", "Volume"):
        assert await page.get_by_role("slider", name=name, exact=True).count() == 1
    assert await page.get_by_role("button", name="Download as WAV").is_enabled()


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

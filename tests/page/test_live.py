"""Playing live in a real browser: it starts, obeys sliders and words while it plays, and stops."""

from __future__ import annotations

import asyncio

import pytest
from tests.page.conftest import Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def until(condition) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen within 10 s")


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
    await visit.wait_for_text("#make-status", "You hear: fast drums")
    await page.click("#live")
    await visit.wait_for_text("#make-status", "The live music has ended")
    await until(lambda: script.streams_open == 0)
    assert await page.is_enabled("#make")
    assert await visit.text("#live") == "Play live"
    assert not visit.complaints


async def test_no_words_no_live_music(visit: Visit) -> None:
    await visit.open()
    await visit.page.click("#live")
    assert await visit.page.get_attribute("#prompt", "aria-invalid") == "true"
    assert not visit.script.performed


async def test_leaving_the_page_gives_the_place_back(visit: Visit) -> None:
    await visit.open()
    await visit.page.fill("#prompt", "jazz")
    await visit.page.click("#live")
    await until(lambda: visit.script.streams_open == 1)
    await visit.page.goto("about:blank")
    await until(lambda: visit.script.streams_open == 0)

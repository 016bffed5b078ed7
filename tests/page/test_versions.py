"""Opening a version restores its length and taste strength."""

from __future__ import annotations

import pytest
from tests.page.conftest import Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_opened_version_brings_its_length_back(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    await visit.make(seconds=10)
    await visit.wait_for_text("#make-status", "Ready. 10 seconds")
    await page.select_option("#duration", "20")
    await page.click("#again")
    await visit.wait_for_text("#make-status", "Ready. 20 seconds")
    await page.click("#undo")
    await page.wait_for_function("() => document.querySelector('#duration').value === '10'")
    await page.click("#make")
    await visit.wait_for_text("#make-status", "Ready. 10 seconds")
    assert visit.script.generate_requests[-1].duration_s == 10


async def test_a_length_that_the_list_lacks_leaves_the_choice_alone(visit: Visit) -> None:
    await visit.open()
    await visit.make(seconds=20)
    await visit.wait_for_text("#make-status", "Ready. 20 seconds")
    await visit.page.click("#longer")
    await visit.wait_for_text("#make-status", "Ready. 30 seconds")
    await visit.page.click("#longer")
    await visit.wait_for_text("#make-status", "Ready. 40 seconds")
    await visit.page.reload()
    await visit.page.wait_for_selector("#download:not([disabled])")
    shown = await visit.page.input_value("#duration")
    await visit.page.click("#make")
    await visit.page.wait_for_selector("#version-list li:nth-child(4)")
    assert visit.script.generate_requests[-1].duration_s == float(shown)


async def test_undo_brings_back_how_much_of_the_taste_there_was(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    await page.set_input_files("#files", [{"name": "one.mp3", "mimeType": "audio/mpeg", "buffer": b"x"}])
    await page.wait_for_selector("#taste-strength[max='2']")
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    await page.click("[aria-label='Less of your taste']")
    await page.check("#taste-in-words")
    await page.click("#again")
    await page.wait_for_selector("#version-list li:nth-child(2)")
    await visit.wait_for_text("#make-status", "Ready")
    await page.click("#undo")
    await page.wait_for_function("() => document.querySelector('#taste-strength').value === '1'")
    assert not await page.is_checked("#taste-in-words")
    await page.click("#redo")
    await page.wait_for_function("() => document.querySelector('#taste-strength').value === '0.75'")
    assert await page.is_checked("#taste-in-words")

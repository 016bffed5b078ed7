"""Sliders of the user's own words: added by a wish, moved, heard live, taken back and removed."""

from __future__ import annotations

import pytest
from tests.page.conftest import Visit, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAME = "phrase-00000000000000aa"
ROW = f"#slider-{NAME}"


async def ask(visit: Visit, text: str) -> None:
    await visit.page.fill("#refine-text", text)
    await visit.page.keyboard.press("Enter")


async def test_a_phrase_adds_a_slider_that_shapes_the_next_version_and_can_be_removed(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    visit.script.refine_wait_s = 1.0
    await ask(visit, "like a rainy night")
    await visit.wait_for_text("#refine-message", "Finding out what that means to the model.")
    await visit.answer("“rainy night”: slightly more “rainy night”.")
    await page.wait_for_selector("[data-version='2'][aria-pressed=true]")
    await visit.wait_for_text("#make-status", "Ready")
    visit.script.refine_wait_s = 0.0
    assert await page.input_value(ROW) == "0.3"
    assert await page.get_attribute(ROW, "aria-valuetext") == "slightly more “rainy night”"
    assert "“rainy night”" in await visit.text("#own-sliders label")
    await page.focus(ROW)
    await page.keyboard.press("ArrowRight")
    await page.click("#again")
    await page.wait_for_selector("#version-list li:nth-child(3)")
    (weight,) = visit.script.generate_requests[-1].recipe.concepts
    assert (weight.name, weight.position) == (NAME, pytest.approx(0.35))
    assert "more “rainy night”" in await visit.text("#version-list li:nth-child(3)")
    await page.reload()
    await page.wait_for_selector(ROW)
    assert await page.input_value(ROW) == "0.35", "a reload keeps it"
    await page.click("[data-version='1']")
    await page.wait_for_selector(ROW, state="detached")
    await page.click("[data-version='3']")
    await page.wait_for_selector(ROW)
    await page.click("#own-sliders >> text=Remove")
    await page.wait_for_selector(ROW, state="detached")
    assert not await page.is_visible("#own-sliders")


async def test_a_phrase_is_heard_live_and_undo_takes_its_slider_away(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    await page.fill("#prompt", "jazz")
    await page.click("#live")
    await visit.wait_for_text("#make-status", "Playing live")
    await ask(visit, "like a rainy night")
    await page.wait_for_selector(ROW)
    await until(lambda: any(one.concepts for one in visit.script.performed))
    (weight,) = visit.script.performed[-1].concepts
    assert (weight.name, weight.position) == (NAME, pytest.approx(0.3))
    await visit.wait_for_text("#make-status", "slightly more “rainy night”")
    await ask(visit, "undo")
    await page.wait_for_selector(ROW, state="detached")
    await until(lambda: not visit.script.performed[-1].concepts)
    await page.click("#live")

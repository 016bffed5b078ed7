"""Mix of tastes in the page: rows, map, and the taste at which a piece ends."""

from __future__ import annotations

import pytest
from tests.page.conftest import Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def two_tastes(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    for number in (1, 2):
        await page.evaluate("document.getElementById('taste-add').open = true")
        await page.fill("#link", f"https://youtu.be/song{number}")
        await page.press("#link", "Enter")
        await page.wait_for_selector("#taste-done:not([hidden])")
        if number == 1:
            await page.click("#taste-drop")
            await page.wait_for_selector("#taste-sources:not([hidden])")
    await page.click("#tastes-more > summary")
    await page.wait_for_selector("#tastes-goal")


async def test_a_taste_is_mixed_in_and_out_and_the_piece_ends_at_it(visit: Visit) -> None:
    await two_tastes(visit)
    page = visit.page
    row = page.locator("#tastes-mix input[type=range]")
    await row.focus()
    for _ in range(2):
        await row.press("ArrowLeft")
    assert (await row.get_attribute("aria-valuetext") or "").startswith("away from it")
    await page.select_option("#tastes-goal", index=1)
    await visit.make(seconds=20)
    await page.wait_for_selector("#download:not([disabled])")
    (request,) = visit.script.generate_requests
    (other, mine) = request.recipe.tastes
    assert (other.strength, mine.strength) == (-0.5, 1)
    assert [change.start_s for change in request.recipe_changes] == [2, 4, 6, 8, 10, 12, 14, 16, 18]
    last = {use.taste_id: use.strength for use in request.recipe_changes[-1].recipe.tastes}
    assert last == pytest.approx({other.taste_id: 0.85, mine.taste_id: 0.1})


async def test_a_press_on_the_map_mixes_what_is_near(visit: Visit) -> None:
    await two_tastes(visit)
    page = visit.page
    await page.locator(".taste-map").scroll_into_view_if_needed()
    box = await page.locator(".taste-map").bounding_box()
    assert box is not None
    row = page.locator("#tastes-mix input[type=range]")
    before = (await row.input_value(), await page.input_value("#taste-strength"))
    seen = set()
    for x in (0.1, 0.5, 0.9):
        await page.mouse.click(box["x"] + x * box["width"], box["y"] + box["height"] / 2)
        seen.add((await row.input_value(), await page.input_value("#taste-strength")))
    assert len(seen | {before}) >= 3
    assert all(float(one) + float(other) == pytest.approx(1, abs=0.26) for one, other in seen)

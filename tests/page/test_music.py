"""Tempo, key and what to leave out, on the page."""

from __future__ import annotations

import pytest
from tests.page.conftest import Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_tempo_key_and_what_to_leave_out_reach_the_recipe_and_survive_a_reload(visit: Visit) -> None:
    await visit.open()
    page = visit.page
    await page.click("#music-more summary")
    await page.fill("#music-bpm", "93")
    await page.select_option("#music-key", "F# minor")
    await page.fill("#music-without", "drums")
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    recipe = visit.script.generate_requests[-1].recipe
    assert (recipe.bpm, recipe.key, recipe.negative_prompt) == (93, "F# minor", "drums")
    await page.reload()
    await page.wait_for_selector("html[data-ready]")
    assert [await page.input_value(f"#music-{name}") for name in ("bpm", "key", "without")] == [
        "93",
        "F# minor",
        "drums",
    ]
    assert not visit.complaints


async def test_without_them_the_recipe_has_none(visit: Visit) -> None:
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    recipe = visit.script.generate_requests[-1].recipe
    assert (recipe.HasField("bpm"), recipe.key, recipe.negative_prompt) == (False, "", "")

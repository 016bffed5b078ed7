"""Tempo, key and what to leave out, on the page."""

from __future__ import annotations

import pytest
from tests.page.conftest import Visit

from resonance.v1 import generate_pb2

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


async def test_who_makes_a_piece_is_chosen_and_its_price_is_told_before_words_leave(visit: Visit) -> None:
    here = generate_pb2.BackendInfo(name="local", model="embedded", makes_takes=True, performs=True, is_local=True)
    song = generate_pb2.BackendInfo(
        name="lyria-songs",
        model="lyria-3.5",
        makes_takes=True,
        price_usd=0.06,
        price_unit="song",
        price_day="2026-12-01",
    )
    live = generate_pb2.BackendInfo(name="lyria-live", model="lyria-realtime", performs=True, price_unit="live_s")
    visit.script.backends += [here, song, live]
    await visit.open()
    page = visit.page
    assert await page.is_hidden("#backends-note")
    await page.click("#music-more summary")
    await page.select_option("#backends-takes", "lyria-songs")
    note = await visit.text("#backends-note")
    assert note.startswith("lyria-3.5, at Google: A piece costs about $0.06 (price of Dec 1, 2026).")
    assert "go to Google" in note
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    assert visit.script.generate_requests[-1].backend == "lyria-songs"
    await page.select_option("#backends-live", "lyria-live")
    assert "lyria-realtime, at Google: No price is set for it" in await visit.text("#backends-note")
    await page.reload()
    await page.wait_for_selector("html[data-ready]")
    assert await page.input_value("#backends-takes") == "lyria-songs"
    assert await page.is_visible("#backends-note")
    assert not visit.complaints


async def test_an_installation_with_its_own_model_alone_names_no_backend(visit: Visit) -> None:
    await visit.open()
    await visit.page.click("#music-more summary")
    assert await visit.page.is_hidden("#backends-takes-row")
    assert await visit.page.is_hidden("#backends-note")
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    assert visit.script.generate_requests[-1].backend == ""

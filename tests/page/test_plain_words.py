"""Texts of errors and values in plain words."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import Route
from tests.page.conftest import Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


def problem(reason: str, field: str, message: str) -> str:
    """A refusal as the gateway writes it."""
    errors = [{"field": field, "reason": reason, "message": message}]
    return json.dumps({"status": 422, "reason": reason, "detail": f"{field}: {message}", "errors": errors})


async def refused(visit: Visit, path: str, body: str, status: int = 422) -> None:
    async def answer(route: Route) -> None:
        await route.fulfill(status=status, content_type="application/problem+json", body=body)

    await visit.page.route(path, answer)


async def test_a_refusal_names_no_field(visit: Visit) -> None:
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    await visit.say("purple elephants")
    await visit.answer("The model does not know “purple elephants”.")
    await refused(visit, "**/v1/tastes", problem("TOO_MANY", "tracks", "at most 20 files make a playlist"))
    await visit.page.set_input_files("#files", [{"name": "one.mp3", "mimeType": "audio/mpeg", "buffer": b"x"}])
    await visit.wait_for_text("#taste-error", "At most 20 files make a playlist.")
    assert (await visit.text("#taste-error")).startswith("At most")


async def test_undo_with_nothing_to_undo_says_so_without_a_programs_words(visit: Visit) -> None:
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    await visit.say("undo")
    await visit.answer("There is nothing to take back yet.")


async def test_words_that_cancel_each_other_out_get_an_answer(visit: Visit) -> None:
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    await visit.say("make it faster and slower")
    await visit.answer("cancels out")
    await visit.wait_for_text("#polite", "cancels out")


async def test_a_link_needs_no_https_before_it(visit: Visit) -> None:
    await visit.open()
    await visit.page.fill("#link", "www.youtube.com/playlist?list=x")
    await visit.page.keyboard.press("Enter")
    await visit.page.wait_for_selector("#taste-done:not([hidden])")
    (job,) = visit.script.jobs.values()
    assert job.source_url == "https://www.youtube.com/playlist?list=x"


async def test_what_is_no_link_is_said_without_asking_the_server(visit: Visit) -> None:
    await visit.open()
    await visit.page.fill("#link", "my songs")
    await visit.page.keyboard.press("Enter")
    await visit.wait_for_text("#taste-error", "That is not a link.")
    assert visit.script.jobs == {}


async def test_music_that_cannot_be_deleted_stays_and_says_why(visit: Visit) -> None:
    await visit.open()
    await visit.make()
    await visit.open_library()
    await visit.page.wait_for_selector("#library li")
    away = json.dumps({"status": 503, "reason": "UNAVAILABLE", "detail": "the store is away", "errors": []})
    await refused(visit, "**/v1/takes/*", away, 503)
    await visit.page.click("#library [aria-label^='Delete']")
    await visit.page.click("text=Really delete?")
    await visit.wait_for_text("#library-error", "The store is away.Nothing was lost. Try again.")
    assert await visit.page.locator("#library li").count() == 1
    await visit.page.unroute("**/v1/takes/*")
    await visit.page.click("#library-error button")
    await visit.page.wait_for_function("() => document.querySelectorAll('#library li').length === 0")
    assert await visit.page.is_hidden("#library-error")


async def test_a_question_that_is_not_answered_is_taken_back(visit: Visit) -> None:
    await visit.open()
    await visit.make()
    await visit.open_library()
    await visit.page.wait_for_selector("#library li")
    await visit.page.click("#library [aria-label^='Delete']")
    assert await visit.text("#library li .actions button:last-child") == "Really delete?"
    await visit.page.focus("#prompt")
    assert await visit.text("#library li .actions button:last-child") == "Delete"


async def test_a_sliders_value_is_said_as_people_say_it(visit: Visit) -> None:
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    for slider, presses, words in (
        ("tempo", -1, "slightly slower"),
        ("tempo", 3, "faster"),
        ("instrument_density", -5, "far fewer instruments"),
        ("harmonic_complexity", 1, "slightly richer chords"),
        ("emotional_tension", -3, "more relaxed"),
        ("vocal_presence", 5, "far more voices"),
        ("energy", -3, "less energy"),
    ):
        await visit.page.click("#reset-sliders")
        row = visit.page.locator(f".slider:has(#slider-{slider})")
        for _ in range(abs(presses)):
            await row.locator("button").nth(0 if presses < 0 else 1).click()
        assert await visit.page.get_attribute(f"#slider-{slider}", "aria-valuetext") == words

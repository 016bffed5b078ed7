"""Calibration of a taste from the page."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Route
from tests.page.conftest import Visit, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def an_untried_taste(visit: Visit, calibration_job_wait_s: float = 0.2) -> None:
    visit.script.is_calibrated = False
    visit.script.calibration_job_wait_s = calibration_job_wait_s
    await visit.open()
    await visit.page.set_input_files("#files", [{"name": "one.mp3", "mimeType": "audio/mpeg", "buffer": b"x"}])
    await visit.wait_for_text("#range-message", "Trying it out takes a few minutes")


async def test_a_press_finds_out_and_says_it(visit: Visit) -> None:
    await an_untried_taste(visit)
    page = visit.page
    await page.focus("#range-go")
    await page.keyboard.press("Enter")
    await visit.wait_for_text("#range-stage", "50 percent")
    assert await page.evaluate("document.activeElement.id") == "range-stop"
    await visit.wait_for_text("#range-message", "works well up to “as much as it can”")
    await visit.wait_for_text("#polite", "works well up to")
    assert await page.evaluate("document.activeElement.id") == "range-message", "the focus is not lost"
    assert await page.get_attribute("#taste-strength", "max") == "2"
    assert await page.is_hidden("#range-go")
    await page.reload()
    await visit.wait_for_text("#range-message", "works well up to")
    assert visit.script.calibration_jobs == ["started"]


async def test_it_can_be_stopped_and_begun_again(visit: Visit) -> None:
    await an_untried_taste(visit, calibration_job_wait_s=60)
    await visit.page.click("#range-go")
    await visit.page.click("#range-stop")
    await visit.wait_for_text("#range-message", "the next try goes on from there")
    assert visit.script.calibration_jobs == ["started", "cancelled"]
    assert await visit.page.evaluate("document.activeElement.id") == "range-go"
    visit.script.calibration_job_wait_s = 0
    await visit.page.click("#range-go")
    await visit.wait_for_text("#range-message", "works well up to")


async def test_a_reload_goes_on_following_it(visit: Visit) -> None:
    await an_untried_taste(visit, calibration_job_wait_s=60)
    await visit.page.click("#range-go")
    # The page shows 0 percent before the service has answered, and follows a job whose id it has.
    await visit.page.wait_for_function(
        "() => JSON.parse(localStorage.getItem('resonance.draft')).rangeCalibrationJob !== null"
    )
    await visit.page.reload()
    await visit.page.wait_for_selector("#range-work:not([hidden])")
    visit.script.calibration_job_wait_s = 0
    await visit.wait_for_text("#range-message", "works well up to")
    assert visit.script.calibration_jobs == ["started"]


async def test_a_taste_that_is_let_go_lets_its_search_go(visit: Visit) -> None:
    await an_untried_taste(visit, calibration_job_wait_s=60)
    await visit.page.click("#range-go")
    await visit.wait_for_text("#range-stage", "0 percent")
    await visit.page.click("#taste-drop")
    await until(lambda: "cancelled" in visit.script.calibration_jobs)


async def test_a_taste_that_nothing_is_safe_of_says_so(visit: Visit) -> None:
    visit.script.taste_strength_max = 0
    await an_untried_taste(visit, calibration_job_wait_s=0)
    await visit.page.click("#range-go")
    await visit.wait_for_text("#range-message", "even a hint of this taste spoils the music")


async def test_a_fault_says_what_happened_what_is_kept_and_what_to_do(visit: Visit) -> None:
    visit.script.calibration_job_fault = "the music service was away for 15 minutes"
    await an_untried_taste(visit, calibration_job_wait_s=0)
    await visit.page.click("#range-go")
    await visit.wait_for_text("#range-error", "The music service was away for 15 minutes.")
    problem = await visit.text("#range-error")
    assert "What was tried so far is kept, and so is your taste. Try again." in problem
    visit.script.calibration_job_fault = ""
    await visit.page.click("#range-error button")
    await visit.wait_for_text("#range-message", "works well up to")
    assert await visit.page.is_hidden("#range-error")


async def test_a_search_that_the_server_has_forgotten_is_not_waited_for(visit: Visit) -> None:
    await an_untried_taste(visit, calibration_job_wait_s=0)
    await visit.page.evaluate(
        "() => { const d = JSON.parse(localStorage['resonance.draft']); d.rangeCalibrationJob = {tasteId: d.tasteId, id: 's-gone'};"
        " localStorage['resonance.draft'] = JSON.stringify(d); }"
    )
    await visit.page.reload()
    await visit.wait_for_text("#range-error", "There is no calibration job s-gone.")
    assert await visit.page.is_visible("#range-go")


async def test_a_search_that_is_stopped_before_it_began_is_cancelled(visit: Visit) -> None:
    await an_untried_taste(visit)

    async def late(route: Route) -> None:
        await asyncio.sleep(0.5)
        await route.continue_()

    await visit.page.route("**/calibration", lambda route: late(route))
    await visit.page.click("#range-go")
    await visit.page.click("#range-stop")
    await until(lambda: visit.script.calibration_jobs == ["started", "cancelled"])
    assert await visit.page.is_hidden("#range-work")

"""The page with slow, absent and full services."""

from __future__ import annotations

import asyncio
import json

import pytest
from playwright.async_api import Browser
from tests.contract.rest.script import Script
from tests.contract.rest.scripted import start_services
from tests.page.conftest import Visit, until, visiting

from resonance.errors import NotFound, Overloaded, Unavailable
from resonance.v1 import jobs_pb2

pytestmark = pytest.mark.asyncio(loop_scope="session")
LINK = "https://www.youtube.com/playlist?list=x"


async def listen_to_a_link(visit: Visit) -> None:
    await visit.open()
    await visit.page.fill("#link", LINK)
    await visit.page.click("#link-form button")
    await visit.wait_for_text("#taste-stage", "Fetching the music")


async def kept_taste(visit: Visit) -> str | None:
    return json.loads(await visit.page.evaluate("localStorage['resonance.draft']"))["tasteId"]


async def test_a_taste_that_takes_longer_than_a_stream_may_is_followed_to_its_end(browser: Browser) -> None:
    async with visiting(browser, Script(job_wait_s=0.8), {}, request_s_max=1.0) as visit:
        await listen_to_a_link(visit)
        await visit.page.wait_for_selector("#taste-done:not([hidden])", timeout=20_000)
        assert await kept_taste(visit) in visit.script.jobs
        assert await visit.page.is_hidden("#taste-error")


async def test_a_restart_of_the_services_does_not_lose_a_taste(browser: Browser) -> None:
    async with visiting(browser, Script(job_wait_s=0.5), {}) as visit:
        await listen_to_a_link(visit)
        refused: list[int] = []
        visit.page.on(
            "response", lambda response: refused.append(response.status) if "/v1/tastes/" in response.url else None
        )
        await visit.services.stop(0)
        await until(lambda: refused.count(503) >= 1)
        assert await kept_taste(visit) in visit.script.jobs
        assert await visit.page.is_hidden("#taste-error")
        visit.services = await start_services(visit.script, visit.services.address)
        await visit.page.wait_for_selector("#taste-done:not([hidden])", timeout=20_000)


async def test_live_music_that_is_refused_says_why_and_can_be_tried_again(visit: Visit) -> None:
    visit.script.refusals["Perform"] = Overloaded("every place is taken; try again in 3 seconds", retry_after_s=3.0)
    await visit.open()
    await visit.page.fill("#prompt", "calm piano")
    await visit.page.click("#live")
    await visit.wait_for_text("#make-error", "Every place is taken")
    assert await visit.text("#make-status") == ""
    assert await visit.text("#live") == "Play live"
    visit.script.refusals.clear()
    await visit.page.click("#make-error button")
    await visit.wait_for_text("#make-status", "Playing live")
    assert await visit.page.is_hidden("#make-error")
    await visit.page.click("#live")
    await visit.wait_for_text("#make-status", "The live music has ended")
    assert await visit.page.is_hidden("#make-error")


async def test_live_music_that_is_stopped_before_its_player_stands_is_no_fault(visit: Visit) -> None:
    """A context that is closed while its module loads may refuse the module."""
    await visit.page.add_init_script(
        "AudioWorklet.prototype.addModule = () => new Promise((_, refuse) => { window.refuse = refuse; })"
    )
    await visit.open()
    await visit.page.fill("#prompt", "calm piano")
    await visit.page.click("#live")
    await visit.wait_for_text("#make-status", "Playing live")
    await visit.page.click("#live")
    await visit.wait_for_text("#make-status", "The live music has ended")
    await visit.page.evaluate("window.refuse()")
    await asyncio.sleep(0.2)
    assert await visit.page.is_hidden("#make-error")


async def test_a_version_goes_only_when_its_music_is_gone(visit: Visit) -> None:
    async def reloaded() -> int:
        await visit.page.reload()
        await visit.page.wait_for_selector("html[data-ready=yes]")
        await asyncio.sleep(0.5)
        return len(json.loads(await visit.page.evaluate("localStorage['resonance.versions']"))["items"])

    await visit.open()
    for _ in range(2):
        await visit.make()
        await visit.wait_for_text("#make-status", "Ready")
    visit.script.refusals["StreamTake"] = Unavailable("this service is stopping", retry_after_s=1.0)
    assert [await reloaded(), await reloaded()] == [2, 2]
    await visit.page.click("#undo")
    await visit.wait_for_text("#again-error", "Nothing was lost")
    visit.script.refusals.clear()
    await visit.page.click("#again-error button")
    await visit.page.wait_for_selector("#download:not([disabled])")
    assert await visit.page.is_hidden("#again-error")
    visit.script.refusals |= dict.fromkeys(("GetTake", "StreamTake", "Generate"), NotFound("there is no such take"))
    assert await reloaded() == 1


async def test_an_upload_that_is_stopped_on_its_way_becomes_no_taste(visit: Visit) -> None:
    await visit.open()
    line = await visit.page.context.new_cdp_session(visit.page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 200_000}
    await line.send("Network.enable")
    await line.send("Network.emulateNetworkConditions", slow)
    song = {"name": "long.mp3", "mimeType": "audio/mpeg", "buffer": b"x" * 2_000_000}
    await visit.page.set_input_files("#files", [song])
    await until(lambda: visit.script.uploads)
    await visit.page.click("#taste-cancel")
    await visit.wait_for_text("#polite", "Listening was stopped")
    assert await visit.page.is_hidden("#taste-work")
    assert await visit.page.is_visible("#files")
    await asyncio.sleep(1)
    ((_, came),) = visit.script.uploads
    assert came < 2_000_000, "the bytes came all the same"
    await line.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    await visit.page.set_input_files("#files", [song | {"buffer": b"x"}])
    await visit.page.wait_for_selector("#taste-done:not([hidden])")
    # A slow machine may have sent the last byte before the click; the page then cancels the job that the server answers with.
    done, cancelled = jobs_pb2.JOB_STATE_COMPLETED, jobs_pb2.JOB_STATE_CANCELLED
    await until(lambda: [job.state for job in visit.script.jobs.values()] in ([done], [cancelled, done]))
    assert await visit.page.is_hidden("#taste-error")


@pytest.mark.parametrize("way", ["files", "link"])
async def test_a_taste_that_was_made_although_it_was_stopped_is_cancelled(visit: Visit, way: str) -> None:
    visit.script.accept_wait_s, visit.script.job_wait_s = 1.0, 5.0
    await visit.open()
    if way == "files":
        song = {"name": "one.mp3", "mimeType": "audio/mpeg", "buffer": b"x" * 100}
        await visit.page.set_input_files("#files", [song])
        await until(lambda: visit.script.uploads)
    else:
        await visit.page.fill("#link", LINK)
        await visit.page.click("#link-form button")
    await asyncio.sleep(0.3)
    await visit.page.click("#taste-cancel")
    await visit.wait_for_text("#polite", "Listening was stopped")
    assert not visit.script.jobs
    assert await visit.page.is_hidden("#taste-work")
    cancelled = jobs_pb2.JOB_STATE_CANCELLED
    await until(lambda: [job.state for job in visit.script.jobs.values()] == [cancelled])
    assert await kept_taste(visit) is None
    assert await visit.page.is_hidden("#taste-error")

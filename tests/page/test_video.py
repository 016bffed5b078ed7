"""Videos on the page: made, followed, played and redone by keyboard alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser
from support.engine_server import engine_url  # noqa: F401  (fixture)
from support.filming import PlainScenes, plain_assembly, plain_song_map
from tests.contract.rest.script import Script
from tests.page.conftest import Visit, visiting

from resonance.rpc import RpcServer
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance_video.build import open_video

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass
class Studio:
    """A page whose gateway has a video service with plain scenes."""

    visit: Visit
    scenes: PlainScenes


@pytest_asyncio.fixture(loop_scope="session")
async def studio(browser: Browser, tmp_path: Path, engine_url: str) -> AsyncIterator[Studio]:  # noqa: F811
    scenes, server = PlainScenes(tmp_path / "scenes"), RpcServer("127.0.0.1:0")
    address = await server.bind()
    async with visiting(browser, Script(), {}, video_addr=address) as visit:
        settings = Settings(
            data_dir=tmp_path / "data",
            engine=engine_url,
            generate_addr=visit.services.address,
            grpc_addr=address,
            c2pa=False,
        )
        async with open_video(
            settings, MemoryStore(), {"plain": scenes}, listen=plain_song_map, assemble=plain_assembly
        ) as video:
            video.add_to(server)
            await server.start()
            await visit.open()
            await visit.make()
            await visit.wait_for_text("#make-status", "Ready")
            await visit.show("more")
            await visit.page.wait_for_selector("#video-go:not([disabled])")
            yield Studio(visit, scenes)
            await server.stop(0)


async def test_a_video_is_made_played_and_redone_by_keyboard_alone(studio: Studio) -> None:
    page, visit = studio.visit.page, studio.visit
    await page.focus("#video-concept")
    await page.keyboard.press("Enter")
    await visit.wait_for_text("#video-error", "There are no words for the video yet.")
    studio.scenes.set("two")
    await page.keyboard.type("a walk in the rain")
    await page.keyboard.press("Enter")
    await visit.wait_for_text("#video-stage", "Drawing scenes")
    await page.wait_for_function("() => Number(document.querySelector('#video-progress').value) > 0.2")
    await _check_access(visit)
    studio.scenes.set("two", on=False)
    await visit.wait_for_text("#polite", "Your video is ready.")
    source = await page.get_attribute("#video-player", "src")
    assert source
    assert await page.evaluate("url => fetch(url).then(answer => answer.status)", source) == 200
    assert "kind=master" in (await page.get_attribute("#video-download", "href") or "")
    await _check_access(visit)

    count = await page.locator("#video-shots li").count()
    assert count >= 2
    await page.fill("#video-wish", "darker")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.id") == "redo-shot-001"
    await page.keyboard.press("Enter")
    await page.wait_for_function(
        "old => document.querySelector('#video-player').src !== new URL(old, document.baseURI).href", arg=source
    )
    assert await page.evaluate("document.activeElement.id") == "redo-shot-001"
    assert sum(studio.scenes.made().values()) == count + 1
    await page.reload()
    await page.wait_for_selector("#download:not([disabled])")
    await visit.show("more")
    await page.wait_for_selector("#video-film:not([hidden])")


async def test_a_video_that_is_being_made_can_be_stopped(studio: Studio) -> None:
    page, visit = studio.visit.page, studio.visit
    studio.scenes.set("hold")
    await page.fill("#video-concept", "the sea")
    await page.click("#video-go")
    await page.wait_for_selector("#video-stop", state="visible")
    await page.focus("#video-stop")
    await page.keyboard.press("Enter")
    await visit.wait_for_text("#polite", "The video was stopped.")
    assert not await page.is_visible("#video-work")
    assert await page.evaluate("document.activeElement.id") == "video-title"
    await page.wait_for_selector("#video-go:not([disabled])")


async def test_without_the_service_nothing_is_offered(visit: Visit) -> None:
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    assert not await visit.page.is_visible("#video")


async def _check_access(visit: Visit) -> None:
    results = await Axe().run(visit.page)
    assert [found["id"] for found in results.response["violations"]] == []

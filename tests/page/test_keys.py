"""The page on a server that requires API keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser
from tests.contract.rest.script import Script
from tests.contract.rest.scripted import start_services
from tests.page.conftest import Visit

from resonance.api_keys import ApiKeys
from resonance.rpc.auth import Authenticator
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance_gateway.build import open_gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass(slots=True)
class KeyedVisit(Visit):
    """With the key that the services know."""

    key: str = ""


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser) -> AsyncIterator[KeyedVisit]:
    """A page before a gateway that asks for keys, and services that know one."""
    script, store = Script(), MemoryStore()
    settings = Settings(http_addr="127.0.0.1:0", auth="on", service_key="x" * 32)
    key, _ = await ApiKeys(store).issue("anna")
    services = await start_services(script, authenticator=Authenticator(store, settings))
    async with open_gateway(settings.model_copy(update={"grpc_addr": services.address})) as url:
        context = await browser.new_context(viewport={"width": 1100, "height": 800})
        page = await context.new_page()
        yield KeyedVisit(page, url, script, services, key=key)
        await context.close()
    await services.stop(0)


async def test_the_page_asks_until_the_key_is_known_and_then_works(visit: KeyedVisit) -> None:
    page = visit.page
    await page.goto(visit.url)
    await page.wait_for_selector("#key-dialog[open]")
    found = await Axe().run(page)
    assert [fault["id"] for fault in found.response["violations"]] == []
    await page.fill("#key", "another-key")
    await page.keyboard.press("Enter")
    await visit.wait_for_text("#key-error", "not valid on this server")
    assert await page.evaluate("document.activeElement.id") == "key"
    await page.fill("#key", visit.key)
    await page.click("#key-dialog [value=give]")
    await page.wait_for_selector("html[data-ready=yes]")
    assert await page.is_hidden("#key-dialog")
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    assert visit.key not in await page.evaluate("document.cookie + JSON.stringify(localStorage)")
    await page.reload()
    await page.wait_for_selector("html[data-ready=yes]")
    assert await page.is_hidden("#key-dialog"), "the browser keeps the key"


async def test_who_gives_no_key_is_told_what_is_missing(visit: KeyedVisit) -> None:
    page = visit.page
    await page.goto(visit.url)
    await page.wait_for_selector("#key-dialog[open]")
    await page.keyboard.press("Escape")
    await page.wait_for_function("!document.querySelector('#key-dialog').open")
    await visit.make()
    await page.wait_for_selector("#key-dialog[open]")
    await page.click("#key-dialog [value='']")
    await visit.wait_for_text("main", "This server needs an API key.")
    assert await page.input_value("#prompt") == "calm piano", "nothing is lost"
